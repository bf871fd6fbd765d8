// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTorch
import Testing

@testable import CascadeRecommenders

@Suite("Batch")
struct BatchTests {
    private static let rows = [
        History(user: 4, items: [5], times: [100], target: 2),
        History(user: 9, items: [1, 3], times: [7, 8], target: 6),
    ]

    @Test("holds what the host holds; targets count from 0")
    func cuts() throws {
        let batch = try Batch(HostBatch(Self.rows, .left, .prefixes), noiseSeed: 1)
        #expect(batch.rows == 2 && batch.length == 2)
        #expect(try batch.items.array(Int32.self) == [0, 5, 1, 3])
        #expect(try batch.times.array(Int64.self) == [0, 100, 7, 8])
        #expect(try batch.lengths.array(Int64.self) == [1, 2])
        #expect(try batch.users.array(Int64.self) == [4, 9])
        #expect(try batch.positions.array(Int64.self) == [0, 1])
        #expect(try batch.targets.array(Int64.self) == [1, 5])
    }

    @Test("positions are those with a target")
    func causal() throws {
        let batch = try Batch(HostBatch(Self.rows, .right, .causal), noiseSeed: 1)
        #expect(try batch.items.array(Int32.self) == [5, 0, 1, 3])
        #expect(try batch.positions.array(Int64.self) == [0, 2, 3])
        #expect(try batch.targets.array(Int64.self) == [1, 2, 5])
    }

    @Test("inference noise depends on the user, the seed and the stream alone; training's on the generator")
    func noise() throws {
        func draw(_ histories: [History], seed: UInt64 = 1, stream: Int = 0) throws -> [[Float]] {
            let batch = try Batch(HostBatch(histories, .left, .prefixes), noiseSeed: seed)
            let noise = try batch.noise.normal(rows: histories.count, [3, 2], stream: stream)
            #expect(noise.shape == [histories.count, 3, 2])
            return try (0..<histories.count).map { try noise.selected(0, $0).floats() }
        }
        let both = try draw(Self.rows)
        #expect(both[0] != both[1])
        #expect(try draw(Self.rows.reversed()) == both.reversed())
        #expect(try draw([Self.rows[1]]) == [both[1]])
        #expect(try draw(Self.rows, seed: 2)[0] != both[0])
        #expect(try draw(Self.rows, stream: 1)[0] != both[0])
        func trained(_ seed: UInt64) throws -> [Float] {
            try Noise.drawn(Generator(seed: seed)).normal(rows: 2, [3], stream: 0).floats()
        }
        #expect(try trained(1) == trained(1) && trained(1) != trained(2))
    }

    @Test("random steps are drawn from their range, in training alone")
    func integers() throws {
        let steps = try Noise.drawn(Generator(seed: 1)).integers(rows: 500, in: 1..<6).integers()
        #expect(Set(steps) == [1, 2, 3, 4, 5])
        let keyed = try Batch(HostBatch(Self.rows, .left, .prefixes), noiseSeed: 1).noise
        #expect(throws: TorchError.self) { try keyed.integers(rows: 2, in: 1..<6) }
    }

    @Test("several vectors of a user score by their best product, in double precision")
    func products() throws {
        let users = try Tensor([Float(1), 0, 0, 2, -1, -1, 3, 0], shape: [2, 2, 2])
        let items = try Tensor([Float(1), 1, -2, 5], shape: [2, 2])
        let scores = try dotProductScores(users, items)
        #expect(scores.dtype == .float64)
        #expect(try scores.doubles() == [2, 10, 3, -3])
        #expect(try dotProductScores(users.sliced(1, to: 1), items).doubles() == [1, -2, -2, -3])
    }
}
