// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

@Suite("T2Diff's history")
struct T2DiffHistoryTests {
    /// Rows of random lengths and gaps; every fourth has no times at all, others gaps of exactly the limit and one more.
    private func rows(seed: UInt64, length: Int, gap: Int) -> [History] {
        var random = SplitMix64(seed: seed)
        let gaps: [Int64] = [0, 1, 60, Int64(gap), Int64(gap) + 1, 86_400, 1 << 33, -5]
        return (0..<12).map { row in
            let count = Int.random(in: 1...length, using: &random)
            var time: Int64 = row % 4 == 1 ? 5 : 1_500_000_000
            let times = (0..<count).map { _ -> Int64 in
                time += gaps.randomElement(using: &random) ?? 0
                return row % 4 == 0 ? 0 : time
            }
            let items = (0..<count).map { _ in Int32.random(in: 1...20, using: &random) }
            return History(user: Int32(row), items: items, times: times, target: 1)
        }
    }

    private func history(_ host: HostBatch, _ c: T2Diff.Configuration) throws -> T2Diff.History {
        let table = try Embedding(21, c.embeddingSize, .normal(1), using: Generator(seed: 3))
        return try T2Diff.History(Batch(host, noiseSeed: 1), table, c)
    }

    @Test("session, history and ages agree with a naive reading", arguments: 0..<24)
    func naive(_ seed: Int) throws {
        var c = T2Diff.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.window) = (4, 12, [4, 8][seed % 2])
        c.lagOrigin = seed % 3 == 0 ? .request : .latest
        (c.maxSessionLength, c.sessionGapSeconds) = ([1, 3, 4, 12][seed % 4], [0, 60, 1800][seed % 3])
        try c.validate()
        let rows = rows(seed: UInt64(seed), length: [2, 6, 12][seed / 8], gap: c.sessionGapSeconds)
        let host = HostBatch(rows, .left, .prefixes)
        let found = try history(host, c)
        let columns = found.items.size(1)
        #expect(columns == max(host.length, c.window, c.maxSessionLength))
        let session = try found.sessionMask.to(.int64).integers()
        let past = try found.historyMask.to(.int64).integers()
        let real = try found.mask.integers()
        let lags = try found.lags.integers()
        for (row, history) in rows.enumerated() {
            let (count, first) = (history.items.count, columns - history.items.count)
            // From the latest event back, as long as gaps are short and the session is not full.
            var size = 1
            while size < min(count, c.maxSessionLength),
                history.times[count - size] - history.times[count - size - 1] <= c.sessionGapSeconds
            { size += 1 }
            for column in 0..<columns {
                let (isReal, isSession) = (column >= first, column >= columns - size)
                let cell = row * columns + column
                #expect(real[cell] == (isReal ? 1 : 0))
                #expect(past[cell] == (isReal && !isSession ? 1 : 0), "row \(row), column \(column)")
                if column >= columns - c.maxSessionLength {
                    let place = row * c.maxSessionLength + column - (columns - c.maxSessionLength)
                    #expect(session[place] == (isSession ? 1 : 0), "row \(row), column \(column)")
                }
                guard isReal else { continue }
                let now = c.lagOrigin == .request ? host.moments[row] : history.times[count - 1]
                let age = max(0, now - history.times[column - first])
                let bucket = (age + 1).bitWidth - 1 - (age + 1).leadingZeroBitCount
                #expect(lags[cell] == min(39, bucket), "row \(row), column \(column), age \(age)")
            }
        }
    }

    @Test("ages around powers of two fall into the right buckets")
    func powersOfTwo() throws {
        var c = T2Diff.Configuration()
        (c.embeddingSize, c.maxSequenceLength, c.window, c.maxSessionLength) = (4, 12, 4, 1)
        c.lagOrigin = .latest
        for power in 1..<46 {
            let last: Int64 = 1 << 47
            let age: Int64 = 1 << power
            let row = History(
                user: 0,
                items: [1, 1, 1, 1],
                times: [last - age, last - age + 1, last - age + 2, last],
                target: 1
            )
            let lags = try history(HostBatch([row], .left, .prefixes), c).lags.integers()
            let below = power == 1 ? 0 : power - 1  // of the age 2^power - 2, which is 2^power - 1 after adding 1
            #expect(lags == [min(39, power), min(39, power), min(39, below), 0], "2^\(power)")
        }
    }
}

@Suite("T2Diff's tower")
struct T2DiffTowerTests {
    @Test("the activation unit equals the network over concatenated features")
    func activationUnit() throws {
        let generator = try Generator(seed: 5)
        let (rows, length, width, hidden) = (4, 7, 6, 5)
        let unit = try ActivationUnit(width: width, hidden: hidden, .normal(1), using: generator)
        try #require(unit.hidden.bias).value.assign(.normal([hidden], using: generator))
        let x = try Tensor.normal([rows, length, width], using: generator)
        let h = try Tensor.normal([rows, width], using: generator)
        let lags = try Tensor.integers([rows, length], in: 0..<40, using: generator)
        // Row 1 has no history at all.
        let mask = try Tensor((0..<rows * length).map { $0 / length != 1 && $0 % 3 != 0 }, shape: [rows, length])
        let found = try unit(x, about: h, lags: lags, mask: mask)

        let around = try h.unsqueezed(1).expanded([rows, length, width])
        let features = try Tensor.concatenated([x, x - around, x * around, around, unit.lags(lags)], -1)
        let logits = try unit.output(unit.hidden(features).gelu()).squeezed(2).doubles()
        let (values, isHistory) = (try x.doubles(), try mask.to(.int64).integers())
        var expected = [Double](repeating: 0, count: rows * width)
        for row in 0..<rows {
            let columns = (0..<length).filter { isHistory[row * length + $0] == 1 }
            let powers = columns.map { exp(logits[row * length + $0]) }
            let sum = powers.reduce(0, +)
            for (column, power) in zip(columns, powers) {
                let weight = power / sum
                let start = (row * length + column) * width
                for feature in 0..<width { expected[row * width + feature] += weight * values[start + feature] }
            }
        }
        #expect(expected[width..<2 * width] == [0, 0, 0, 0, 0, 0])
        try expect(found.doubles(), equal: expected)
    }

    @Test("the terminal pass, one call for both denoisings, equals two calls")
    func terminal() throws {
        let (joint, apart) = (
            try T2DiffGolden { $0.towerInput = .terminal }, try T2DiffGolden { $0.sampler.kind = .oneStep }
        )
        let output = try joint.model.trainingOutput(joint.batch())
        let reconstruction = try apart.model.trainingOutput(apart.batch()).terms[0].loss
        #expect(output.terms.map(\.name) == ["reconstruction"])
        try expect(output.terms[0].loss, equals: reconstruction)
        try expect(output.vectors, equals: apart.model.userVectors(apart.batch()).squeezed(1))
    }

    @Test("prediction dropout zeroes the predictions of a share of the rows")
    func predictionDropout() throws {
        let probability = 0.3
        let quantile = -0.524_400_5  // below which 0.3 of a standard normal lies
        let (plain, dropping) = (try T2DiffGolden(), try T2DiffGolden { $0.predictionDropout = probability })
        let batch = try dropping.batch()
        guard case .fixed(let steps, var normals) = batch.noise else { throw TorchError("noise", "is fixed") }
        normals[1] = try Tensor([Float(quantile + 1e-4), Float(quantile - 1e-4), 2], shape: [3, 1])
        let noise = Noise.fixed(integers: steps, normals: normals)
        let vectors = try dropping.model.trainingOutput(Batch(dropping.host, noise: noise)).vectors
        let full = try plain.model.trainingOutput(plain.batch()).vectors
        let history = try plain.history()
        let empty = try plain.model.tower(
            history.items,
            prediction: .zeros([3, 8]),
            sessionMask: history.sessionMask,
            historyMask: history.historyMask,
            lags: history.lags,
            .training
        )
        for (row, expected) in [full, empty, full].enumerated() {
            try expect(vectors.selected(0, row), equals: expected.selected(0, row), "row \(row)")
        }
        #expect(try full.selected(0, 1).floats() != empty.selected(0, 1).floats())
    }

    @Test("without stopped gradients the tower teaches the denoiser, with them it does not")
    func stopGradient() throws {
        for stops in [true, false] {
            for input in [T2Diff.TowerInput.paper, .terminal, .chain] {
                let golden = try T2DiffGolden { ($0.stopGradient, $0.towerInput) = (stops ? .all : .none, input) }
                try golden.model.trainingOutput(golden.batch()).vectors.sum().backward()
                let denoiser = try #require(golden.model.denoiser).parameters()
                let gradients = try denoiser.compactMap { try $0.part.value.gradient()?.floats() }
                let isTaught = gradients.joined().contains { $0 != 0 }
                #expect(isTaught == !stops, "\(input)")
            }
        }
    }

    @Test("a user's prediction is the same in every batch, and another with another seed")
    func keyedNoise() throws {
        let golden = try T2DiffGolden()
        func vectors(_ seed: UInt64) throws -> [Float] {
            try golden.model.userVectors(Batch(golden.host, noiseSeed: seed)).floats()
        }
        #expect(try vectors(1) == vectors(1))
        #expect(try vectors(1) != vectors(2))
    }
}

@Suite("T2Diff's settings of before")
struct T2DiffFormerSettingsTests {
    @Test("a manifest without today's keys goes on as it was trained; a file gets today's defaults")
    func formerDefaults() throws {
        let entry = try ModelRegistry.builtin.entry("t2diff")
        let recorded: JSONValue = ["steps": 10, "stop_gradient": true, "firstBeta": 0.01]
        let old = try entry.specification(entry.completed(recorded)).settings
        #expect(old["reference_steps"] == 0 && old["lag_origin"] == "latest" && old["stop_gradient"] == "all")
        #expect(old["beta_start"] == 0.01)
        let new = try entry.specification(recorded).settings
        #expect(new["reference_steps"] == 50 && new["lag_origin"] == "request")
        let kept: JSONValue = ["reference_steps": 50, "lag_origin": "request"]
        #expect(try entry.completed(kept) == kept)
    }

    @Test("switches of before are read")
    func formerValues() throws {
        for (value, name) in [(JSONValue.bool(true), "all"), (.bool(false), "none")] {
            let settings = try T2Diff.Configuration(overriding: ["stop_gradient": value], path: "model")
            #expect(settings.stopGradient.rawValue == name)
        }
    }

    @Test("the log names the signal that is left, and warns where it is too much")
    func notice() throws {
        func notice(_ settings: JSONValue) throws -> String {
            try ModelRegistry.builtin.entry("t2diff").specification(settings).noiseNotice ?? ""
        }
        #expect(try notice(["steps": 10]).contains("10 noise steps, alpha-bar"))
        #expect(!(try notice(["steps": 10]).contains("expected")))
        #expect(try notice(["steps": 10, "reference_steps": 0]).hasSuffix("set model.reference_steps"))
        #expect(try notice(["beta_end": 0.05]).hasSuffix("raise model.beta_end"))
        let shop = try ModelRegistry.builtin.entry("diffusion-gs").specification()
        #expect(try #require(shop.noiseNotice).contains("expected") == false)
        #expect(try ModelRegistry.builtin.entry("sasrec").specification().noiseNotice == nil)
        #expect(try notice(["tower_input": "none"]).isEmpty)
    }
}
