// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// Caser beside its equations, one number at a time in double precision.
@Suite("Caser against plain loops", .rounding, .serialized)
struct CaserTests {
    @Test("a user's vector, with and without an embedding of the user", arguments: [false, true])
    func vectors(_ hasUsers: Bool) throws {
        var configuration = Caser.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength) = (3, 12)
        (configuration.horizontalFilters, configuration.verticalFilters) = (4, 2)
        (configuration.dropout, configuration.userEmbedding) = (0, hasUsers)
        let model = try Caser(configuration, for: Subject.data, using: Generator(seed: 1))
        try Plain.draw(model, deviation: 0.4)
        var histories = History.rows
        histories[1].user = -1  // unknown
        let reference = try Reference(model)
        let expected = histories.map { history in
            reference.convolved(history.items) + (hasUsers ? reference.user(history.user) : [])
        }
        try Rounding.disturb(model)

        let host = HostBatch(histories, .left, .prefixes)
        let shape = [6, hasUsers ? 6 : 3]
        let output = try model.trainingOutput(Batch(host, noise: .drawn(Generator(seed: 1))))
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        try expect(output.vectors, expected.flatMap { $0 }, shape: shape)
        try expect(model.userVectors(Batch(host, noiseSeed: 1)).squeezed(1), expected.flatMap { $0 }, shape: shape)
        #expect(try model.itemVectors().shape == [20, shape[1]])
        // Somewhere the rectifiers let something through, and somewhere they do not.
        #expect(expected.flatMap { $0.prefix(3) }.contains(0) && expected.flatMap { $0.prefix(3) }.contains { $0 > 0 })
    }
}

/// Equations 2 to 10 of the paper.
private struct Reference {
    let items: [[Double]]
    let users: [[Double]]
    let horizontal: [Plain.Linear]
    let vertical: Plain.Linear
    let hidden: Plain.Linear

    init(_ model: Caser) throws {
        items = try Plain.rows(model.items.weight.value)
        users = try model.users.map { try Plain.rows($0.weight.value) } ?? []
        horizontal = try model.horizontal.map(Plain.Linear.init)
        (vertical, hidden) = (try Plain.Linear(model.vertical), try Plain.Linear(model.hidden))
    }

    func convolved(_ history: [Int32]) -> [Double] {
        let (length, width) = (horizontal.count, items[0].count)
        let padding = [[Double]](repeating: [Double](repeating: 0, count: width), count: length - history.count)
        let image = padding + history.map { items[Int($0)] }
        var found: [Double] = []
        for (index, filters) in horizontal.enumerated() {
            for filter in filters.weight.indices {
                let values = (0..<length - index).map { top in
                    Plain.product(filters.weight[filter], image[top...top + index].flatMap { $0 })
                        + filters.bias[filter]
                }
                found.append(values.reduce(0, max))
            }
        }
        for feature in 0..<width {
            for filter in vertical.weight.indices {
                found.append(
                    (0..<length).reduce(vertical.bias[filter]) { $0 + vertical.weight[filter][$1] * image[$1][feature] }
                )
            }
        }
        return hidden(found).map { max($0, 0) }
    }

    func user(_ number: Int32) -> [Double] {
        number < 0 ? [Double](repeating: 0, count: items[0].count) : users[Int(number) + 1]
    }
}
