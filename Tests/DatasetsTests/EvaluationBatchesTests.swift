// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import TestSupport
import Testing

@Suite("Evaluation batches")
struct EvaluationBatchesTests {
    @Test("follow the order of the cases and keep the latest events", arguments: Padding.allCases)
    func layout(_ padding: Padding) throws {
        let owner = try TemporaryDataset(seed: 4)
        let data = owner.dataset
        let cases = try SplitDataset(data, .leaveOneOut).cases(.test)
        for (length, batchSize) in [(3, 4), (1000, 7), (1, 1000)] {
            let batches = evaluationBatches(cases, of: data, length: length, padding: padding, batchSize: batchSize)
            #expect(batches.count == (cases.count + batchSize - 1) / batchSize)
            var next = cases[...]
            for batch in batches {
                let expected = next.prefix(batchSize)
                next = next.dropFirst(batchSize)
                #expect(batch.rows == expected.count)
                #expect(batch.targets == expected.map { data.items[$0.target] + 1 })
                #expect(batch.moments == expected.map { data.times[$0.target] })
                #expect(batch.users == expected.map { Int32($0.user.rawValue) })
                let histories = expected.map { $0.history.suffix(length).map { data.items[$0] + 1 } }
                let longest = histories.map(\.count).max()
                #expect(batch.length == longest)
                let padded = histories.flatMap { history -> [Int32] in
                    let zeros = [Int32](repeating: 0, count: batch.length - history.count)
                    return padding == .left ? zeros + history : history + zeros
                }
                #expect(batch.items == padded)
                #expect(batch.lengths == histories.map { Int32($0.count) })
            }
            #expect(next.isEmpty)
        }
    }

    @Test("no cases, no batches; an empty history is a row of padding")
    func edges() throws {
        let owner = try TemporaryDataset(histories: [[0, 1, 2]])
        func batches(_ cases: [EvaluationCase]) -> EvaluationBatches {
            EvaluationBatches(cases, of: owner.dataset, length: 5, padding: .left, batchSize: 2)
        }
        #expect(batches([]).isEmpty)
        let cold = try #require(batches([EvaluationCase(user: UserIndex(0), history: 0..<0, target: 0)]).first)
        #expect(cold.items == [0] && cold.lengths == [0] && cold.targets == [1])
    }
}
