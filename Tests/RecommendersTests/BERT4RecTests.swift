// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeNN
@testable import CascadeRecommenders

/// BERT4Rec beside its equations, one number at a time in double precision.
@Suite("BERT4Rec against plain loops", .rounding)
struct BERT4RecTests {
    let model: BERT4Rec
    private let reference: Reference

    init() throws {
        var configuration = BERT4Rec.Configuration()
        (configuration.embeddingSize, configuration.maxSequenceLength, configuration.ffnSize) = (6, 14, 9)
        (configuration.dropout, configuration.maskRatio, configuration.lastItemMaskRatio) = (0, 0.5, 0.5)
        model = try BERT4Rec(configuration, for: Subject.data, using: Generator(seed: 1))
        try Plain.draw(model)
        reference = try Reference(model)
        try Rounding.disturb(model)
    }

    @Test("a user's vector is that of a hidden item behind the history")
    func inference() throws {
        let found = try model.userVectors(Batch(HostBatch(History.rows, .left, .causal), noiseSeed: 1))
        let expected = History.rows.flatMap { reference.vectors($0.items.map(Optional.some) + [nil])[$0.items.count] }
        try expect(found, expected, shape: [6, 1, 6])
    }

    @Test("training predicts the items that are hidden, and nothing else")
    func training() throws {
        let columns = 13
        // Hidden below 0: every third item; in row 2 the last alone is asked for, and row 3 draws none.
        let drawn = (0..<6).flatMap { row in
            (0..<columns).map { row != 3 && (row + $0) % 3 == 0 ? -1 : 1 as Float }
        }
        let noise = Noise.fixed(
            integers: try .zeros([6], .int64),
            normals: [
                0: try Tensor(drawn, shape: [6, columns]),
                1: try Tensor([1, 1, -1, 1, 1, 1] as [Float], shape: [6, 1]),
            ]
        )
        let output = try model.trainingOutput(Batch(HostBatch(History.rows, .left, .causal), noise: noise))
        var (vectors, targets): ([Double], [Double]) = ([], [])
        for (row, history) in History.rows.enumerated() {
            let whole = history.items + [history.target]
            let places = whole.indices.filter { place in
                let isLast = place == whole.count - 1
                return row == 2 || row == 3 ? isLast : (row + columns - whole.count + place) % 3 == 0
            }
            let found = reference.vectors(whole.indices.map { places.contains($0) ? nil : whole[$0] })
            vectors += places.flatMap { found[$0] }
            targets += places.map { Double(whole[$0] - 1) }
        }
        #expect(output.predictions.count == 1 && output.terms.isEmpty)
        try expect(output.vectors, vectors, shape: [targets.count, 6])
        #expect(try #require(output.predictions[0].targets).doubles() == targets)
    }

    @Test("as many items are hidden as the settings say, at least one of each history, and no padding")
    func shares() throws {
        let (rows, length) = (4000, 8)
        let sequence = try Tensor([0, 0, 3, 1, 4, 1, 5, 9] as [Int64]).unsqueezed(0).repeated(rows, 1)
        let hidden = try Plain.rows(model.hiddenItems(sequence, .drawn(Generator(seed: 3))).to(.float32))
        #expect(hidden.allSatisfy { $0.contains(1) && $0[0] == 0 && $0[1] == 0 })
        let others = hidden.map { $0[2..<length - 1].reduce(0, +) }
        // Alone: half of the rows, and of the others those of which nothing before the last was drawn.
        let alone = Double(others.count { $0 == 0 }) / Double(rows)
        #expect(abs(alone - (0.5 + 0.5 / 32)) < 0.03)
        #expect(abs(others.reduce(0, +) / Double(rows) - 0.5 * 2.5) < 0.06)
    }
}

/// Sections 3.3 to 3.6 of the paper, with the deviations that the model names.
private struct Reference {
    let (items, positions): ([[Double]], [[Double]])
    let mask: [Double]
    let (inputNorm, norm, outputNorm): (Plain.LayerNorm, Plain.LayerNorm, Plain.LayerNorm)
    let blocks: [Plain.TransformerBlock]
    let output: Plain.Linear

    init(_ model: BERT4Rec) throws {
        (items, positions) = (try Plain.rows(model.items.weight.value), try Plain.rows(model.positions.weight.value))
        mask = try model.mask.value.doubles()
        inputNorm = try Plain.LayerNorm(model.inputNorm)
        norm = try Plain.LayerNorm(model.norm)
        outputNorm = try Plain.LayerNorm(model.outputNorm)
        blocks = try model.blocks.map(Plain.TransformerBlock.init)
        output = try Plain.Linear(model.output)
    }

    /// What stands for every item of a sequence in which some are hidden (nil).
    func vectors(_ sequence: [Int32?]) -> [[Double]] {
        let places = positions.suffix(sequence.count)
        var x = zip(sequence, places).map { item, place in
            inputNorm(Plain.sum(item.map { items[Int($0)] } ?? mask, place))
        }
        for block in blocks { x = block(x, isCausal: false) }
        return x.map { outputNorm(output(norm($0)).map(Plain.gelu)) }
    }
}
