// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeDiffusion
@testable import CascadeNN

/// A network behind the protocol, at the sizes of the tests.
struct DenoiserSubject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let make: @Sendable (_ input: Int, _ channels: Int, _ output: Int, Generator) throws -> any SequenceDenoiser

    static let transformer = DenoiserSubject(testDescription: "transformer") {
        try SequenceTransformer($0, channels: $1, $2, length: 8, depth: 2, heads: 2, using: $3)
    }
    static let mamba = DenoiserSubject(testDescription: "mamba") {
        try SequenceMamba($0, channels: $1, $2, depth: 2, stateSize: 3, using: $3)
    }
    static let causal = DenoiserSubject(testDescription: "causal mamba") {
        try SequenceMamba($0, channels: $1, $2, depth: 2, stateSize: 3, isBidirectional: false, using: $3)
    }
    static let causalTransformer = DenoiserSubject(testDescription: "causal transformer") {
        try SequenceTransformer($0, channels: $1, $2, length: 8, depth: 2, heads: 2, isCausal: true, using: $3)
    }
    static let all = [transformer, mamba, causal, causalTransformer]

    var isCausal: Bool { testDescription.hasPrefix("causal") }

    private init(
        testDescription: String,
        _ make: @escaping @Sendable (Int, Int, Int, Generator) throws -> any SequenceDenoiser
    ) {
        (self.testDescription, self.make) = (testDescription, make)
    }

    /// A network whose constants are not at their first values.
    func network() throws -> any SequenceDenoiser {
        let generator = try Generator(seed: 2)
        let network = try make(6, 8, 3, generator)
        for parameter in try network.parameters() where parameter.part.value.rank <= 2 {
            try parameter.part.value.add(.normal(parameter.part.value.shape, deviation: 0.2, using: generator))
        }
        try Rounding.disturb(network.parameters().map(\.part.value))
        return network
    }
}

@Suite("Denoisers over a sequence")
struct SequenceDenoiserTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 3) }

    @Test("map features per position, zero at padding; padding alone is finite", arguments: DenoiserSubject.all)
    func shapes(_ subject: DenoiserSubject) throws {
        let x = try Tensor.normal([2, 8, 6], using: generator)
        let mask = try Tensor([0, 0, 0, 0, 0, 1, 1, 1] + Array(repeating: 0, count: 8) as [Float], shape: [2, 8, 1])
        let network = try subject.network()
        let y = try network(x * mask, steps: Tensor([1, 5] as [Int64]), mask: mask)
        #expect(y.shape == [2, 8, 3])
        #expect(try y.sliced(1, to: 5).abs().max().item() == 0 && y.selected(0, 1).abs().max().item() == 0)
        #expect(try y.sliced(0, to: 1).sliced(1, from: 5).abs().min().item() > 0)
    }

    @Test(
        "padding does not change real positions",
        .rounding,
        arguments: DenoiserSubject.all,
        [(3, 0), (0, 2), (2, 4)]
    )
    func padding(_ subject: DenoiserSubject, _ around: (before: Int, after: Int)) throws {
        let network = try subject.network()
        let steps = try Tensor([2, 7] as [Int64])
        let x = try Tensor.normal([2, 5, 6], using: generator)
        let alone = try network(x, steps: steps, mask: .ones([2, 5, 1]))
        func pad(_ x: Tensor) throws -> Tensor {
            try x.transposed().padded(before: around.before, after: around.after).transposed()
        }
        let padded = try network(pad(x), steps: steps, mask: pad(.ones([2, 5, 1])))
        try expect(padded.sliced(1, from: around.before, to: around.before + 5), equals: alone)
    }

    @Test("a row does not depend on the other rows", .rounding, arguments: DenoiserSubject.all)
    func rows(_ subject: DenoiserSubject) throws {
        let network = try subject.network()
        let x = try Tensor.normal([3, 6, 6], using: generator)
        let steps = try Tensor([1, 4, 9] as [Int64])
        let together = try network(x, steps: steps, mask: .ones([3, 6, 1]))
        for row in 0..<3 {
            let found = try network(
                x.sliced(0, from: row, to: row + 1),
                steps: steps.sliced(0, from: row, to: row + 1),
                mask: .ones([1, 6, 1])
            )
            try expect(found, equals: together.sliced(0, from: row, to: row + 1))
        }
    }

    @Test("the step matters, and so do the positions that may be seen", arguments: DenoiserSubject.all)
    func dependence(_ subject: DenoiserSubject) throws {
        let network = try subject.network()
        let x = try Tensor.normal([1, 6, 6], using: generator)
        try x.setRequiresGradient(true)
        func run(_ step: Int64) throws -> Tensor { try network(x, steps: Tensor([step]), mask: .ones([1, 6, 1])) }
        #expect(try (run(1) - run(2)).abs().max().item() > 1e-3)
        for position in 0..<6 {
            try x.setGradient(nil)
            try run(1).selected(1, position).square().sum().backward()
            let reach = try x.requiredGradient().abs().sum(2).doubles().map { (norm: Double) -> Bool in norm > 0 }
            let expected: [Bool] = (0..<6).map { !subject.isCausal || $0 <= position }
            #expect(reach == expected)
        }
    }

    @Test("every parameter gets a gradient", arguments: DenoiserSubject.all)
    func gradients(_ subject: DenoiserSubject) throws {
        let network = try subject.network()
        let x = try Tensor.normal([2, 8, 6], using: generator)
        try network(x, steps: Tensor([1, 5] as [Int64]), mask: .ones([2, 8, 1])).square().sum().backward()
        for parameter in try network.parameters() {
            let norm = try parameter.part.value.requiredGradient().norm().item()
            #expect(norm.isFinite && norm > 0, "\(parameter.name)")
        }
    }

    @Test("more real positions than the Transformer has places for are refused")
    func tooLong() throws {
        let network = try DenoiserSubject.transformer.network()
        #expect(throws: TorchError.self) {
            try network(.ones([1, 9, 6]), steps: Tensor([1] as [Int64]), mask: .ones([1, 9, 1]))
        }
    }

    @Test("the steps of a fresh selective layer lie between 0.001 and 0.1, its decays between 1 and N")
    func initialValues() throws {
        let layer = try SelectiveStateSpace(width: 32, stateSize: 5, directions: 2, using: generator)
        let steps = try layer.rateBias.value.softplus()
        #expect(try steps.min().item() >= 0.999e-3 && steps.max().item() <= 0.1001)
        #expect(try steps.log().deviation().item() > 1)
        try expect(
            layer.logDecay.value.exp().selected(2, 7),
            (1...2).flatMap { _ in [1.0, 2, 3, 4, 5] },
            shape: [2, 5]
        )
    }

    @Test("the selective layer agrees with a naive loop over numbers, in both directions", arguments: [1, 2])
    func naive(_ directions: Int) throws {
        let (width, size, length) = (3, 2, 5)
        let layer = try SelectiveStateSpace(width: width, stateSize: size, directions: directions, using: generator)
        for parameter in try layer.parameters() {
            try parameter.part.value.add(.normal(parameter.part.value.shape, deviation: 0.4, using: generator))
        }
        let x = try Tensor.normal([length, 1, width], using: generator)
        let inner = 2 * width
        func numbers(_ parameter: Parameter) throws -> [Double] { try parameter.value.doubles() }
        let (input, output) = (try numbers(layer.input.weight), try numbers(layer.output.weight))
        let (filters, filterBias) = (try numbers(layer.convolution), try numbers(layer.convolutionBias))
        let (selection, rate) = (try numbers(layer.selection), try numbers(layer.rate))
        let (rateBias, decay, skip) = (
            try numbers(layer.rateBias), try numbers(layer.logDecay), try numbers(layer.skip)
        )
        let values = try x.doubles()
        func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
        /// Row r of the first projection at position t.
        func projected(_ t: Int, _ r: Int) -> Double {
            (0..<width).reduce(0) { $0 + input[r * width + $1] * values[t * width + $1] }
        }
        var mixed = [[Double]](repeating: Array(repeating: 0, count: inner), count: length)
        for k in 0..<directions {
            let order = k == 0 ? Array(0..<length) : (0..<length).reversed()
            var u = mixed.map { _ in [Double](repeating: 0, count: inner) }
            for (i, _) in order.enumerated() {
                for e in 0..<inner {
                    var sum = filterBias[k * inner + e]
                    for lag in 0..<4 where i - lag >= 0 {
                        sum += filters[(k * inner + e) * 4 + 3 - lag] * projected(order[i - lag], e)
                    }
                    u[i][e] = silu(sum)
                }
            }
            let rows = 1 + 2 * size  // R is 1
            var h = [[Double]](repeating: Array(repeating: 0, count: size), count: inner)
            for (i, t) in order.enumerated() {
                func selected(_ r: Int) -> Double {
                    (0..<inner).reduce(0) { $0 + selection[(k * rows + r) * inner + $1] * u[i][$1] }
                }
                for e in 0..<inner {
                    let delta = log(1 + exp(rate[k * inner + e] * selected(0) + rateBias[k * inner + e]))
                    var y = skip[k * inner + e] * u[i][e]
                    for n in 0..<size {
                        let a = -exp(decay[(k * size + n) * inner + e])
                        h[e][n] = exp(delta * a) * h[e][n] + delta * selected(1 + n) * u[i][e]
                        y += selected(1 + size + n) * h[e][n]
                    }
                    mixed[t][e] += y
                }
            }
        }
        var expected: [Double] = []
        for t in 0..<length {
            let gated = (0..<inner).map { mixed[t][$0] * silu(projected(t, inner + $0)) }
            for d in 0..<width { expected.append((0..<inner).reduce(0) { $0 + output[d * inner + $1] * gated[$1] }) }
        }
        try expect(layer(x, mask: .ones([length, 1, 1])), expected, shape: [length, 1, width])
    }

    @Test("at T2Diff's sizes the three networks are about as large as each other")
    func sizes() throws {
        func count(_ network: any SequenceDenoiser) throws -> Int {
            try network.parameters().reduce(0) { $0 + $1.part.value.count }
        }
        let unet = try count(UNet1d(128, channels: 32, 64, using: generator))
        let transformer = try count(
            SequenceTransformer(128, channels: 32, 64, length: 8, depth: 4, heads: 2, using: generator)
        )
        let mamba = try count(SequenceMamba(128, channels: 32, 64, depth: 4, stateSize: 8, using: generator))
        #expect(unet == 70_048 && transformer == 65_728 && mamba == 57_408, "\(unet), \(transformer), \(mamba)")
    }
}

@Suite("Denoisers over a sequence against the reference", .rounding)
struct SequenceDenoiserGoldenTests {
    @Test("the output and the gradient of every parameter", arguments: ["transformer", "mamba", "causal"])
    func golden(_ name: String) throws {
        let file = try fixture("backbones")
        let generator = try Generator(seed: 1)
        let network: any SequenceDenoiser =
            switch name {
            case "transformer":
                try SequenceTransformer(5, channels: 8, 3, length: 6, depth: 2, heads: 2, using: generator)
            case "mamba": try SequenceMamba(5, channels: 18, 3, depth: 2, stateSize: 3, using: generator)
            default:
                try SequenceMamba(5, channels: 8, 3, depth: 1, stateSize: 4, isBidirectional: false, using: generator)
            }
        let parameters = try network.parameters()
        let theirs = file.names.filter { $0.hasPrefix("\(name).weight.") }
        #expect(Set(theirs) == Set(parameters.map { "\(name).weight.\($0.name)" }))
        for parameter in parameters {
            let golden = try file.tensor("\(name).weight.\(parameter.name)")
            #expect(golden.shape == parameter.part.value.shape, "\(parameter.name)")
            try parameter.part.value.assign(golden)
        }
        try Rounding.disturb(parameters.map(\.part.value))
        let y = try network(
            file.tensor("input.x"),
            steps: file.tensor("input.steps").to(.int64),
            mask: file.tensor("input.mask").unsqueezed(2)
        )
        try expect(y, equals: file.tensor("\(name).expected"))
        try (y * file.tensor("input.weights")).sum().backward()
        for parameter in parameters {
            try expect(
                parameter.part.value.requiredGradient(),
                equals: file.tensor("\(name).gradient.\(parameter.name)"),
                parameter.name
            )
        }
    }
}
