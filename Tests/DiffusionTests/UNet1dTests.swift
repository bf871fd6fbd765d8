// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDiffusion
import CascadeNN
import CascadeTensorFiles
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Step embedding")
struct StepEmbeddingTests {
    @Test("sines, then cosines, of the step at falling frequencies")
    func sinusoids() throws {
        let expected = [1.0, 37].flatMap { (r: Double) -> [Double] in
            let angles = [1.0, 10, 100, 1000].map { r / $0 }
            return angles.map { sin($0) } + angles.map { cos($0) }
        }
        let found = try sinusoid(Tensor([1, 37] as [Int64]), width: 8)
        #expect(found.shape == [2, 8] && found.dtype == .float32)
        try expect(found.doubles(), equal: expected, within: 1e-5)
    }

    @Test("the embedding is down(silu(up(sinusoid)))")
    func network() throws {
        let layer = try StepEmbedding(width: 4, using: Generator(seed: 1))
        let weights = try layer.parameters()
        #expect(weights.map(\.name) == ["up.weight", "up.bias", "down.weight", "down.bias"])
        #expect(weights.map(\.part.value.shape) == [[16, 4], [16], [4, 16], [4]])
        let steps = try Tensor([3, 9] as [Int64])
        let hidden = try sinusoid(steps, width: 4).linear(weights[0].part.value).silu()
        try expect(layer(steps), equals: hidden.linear(weights[2].part.value))
    }
}

@Suite("U-Net")
struct UNet1dTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 2) }

    private func network(_ input: Int = 6, channels: Int = 8, _ output: Int = 3) throws -> UNet1d {
        let network = try UNet1d(input, channels: channels, output, using: generator)
        for parameter in try network.parameters() where parameter.part.value.rank == 1 {
            try parameter.part.value.add(.normal(parameter.part.value.shape, deviation: 0.3, using: generator))
        }
        try Rounding.disturb(network.parameters().map(\.part.value))
        return network
    }

    @Test("maps features per position, zero at padding")
    func shapes() throws {
        let x = try Tensor.normal([2, 8, 6], using: generator)
        let mask = try Tensor([0, 0, 0, 0, 0, 1, 1, 1] as [Float], shape: [1, 8, 1]).expanded([2, 8, 1])
        let y = try network()(x * mask, steps: Tensor([1, 5] as [Int64]), mask: mask)
        #expect(y.shape == [2, 8, 3])
        #expect(try y.sliced(1, to: 5).abs().max().item() == 0)
        #expect(try y.sliced(1, from: 5).abs().min().item() > 0)
    }

    @Test("a causal network learns of every position up to its own, and of none after it", arguments: [true, false])
    func causality(_ isCausal: Bool) throws {
        let network = try UNet1d(6, channels: 8, 3, isCausal: isCausal, using: generator)
        let x = try Tensor.normal([1, 8, 6], using: generator)
        try x.setRequiresGradient(true)
        for position in 0..<8 {
            try x.setGradient(nil)
            try network(x, steps: Tensor([3] as [Int64]), mask: .ones([1, 8, 1])).selected(1, position).square().sum()
                .backward()
            let reach = try x.requiredGradient().abs().sum(2).doubles().map { (norm: Double) -> Bool in norm > 0 }
            if isCausal {
                #expect(reach[(position + 1)...].allSatisfy { !$0 } && reach[position], "position \(position)")
            }
            if position == 7 { #expect(reach.allSatisfy { $0 }) }
        }
    }

    @Test("a length that cannot be halved twice is refused", arguments: [1, 6, 10])
    func length(_ length: Int) throws {
        let network = try network()
        let error = try #require(throws: TorchError.self) {
            try network(.ones([1, length, 6]), steps: Tensor([1] as [Int64]), mask: .ones([1, length, 1]))
        }
        #expect(error.description == "UNet1d([1, \(length), 6]): the length must be a multiple of 4")
    }

    @Test("padding does not change real positions", .rounding, arguments: [(4, 0), (0, 4), (8, 4)])
    func padding(_ before: Int, _ after: Int) throws {
        let network = try network()
        let steps = try Tensor([2, 7] as [Int64])
        let x = try Tensor.normal([2, 8, 6], using: generator)
        let alone = try network(x, steps: steps, mask: .ones([2, 8, 1]))
        func pad(_ x: Tensor) throws -> Tensor { try x.transposed().padded(before: before, after: after).transposed() }
        let padded = try network(pad(x), steps: steps, mask: pad(.ones([2, 8, 1])))
        try expect(padded.sliced(1, from: before, to: before + 8), equals: alone)
    }

    @Test("a row does not depend on the other rows", .rounding)
    func rows() throws {
        let network = try network()
        let x = try Tensor.normal([3, 8, 6], using: generator)
        let steps = try Tensor([1, 4, 9] as [Int64])
        let mask = try Tensor.ones([3, 8, 1])
        let together = try network(x, steps: steps, mask: mask)
        for row in 0..<3 {
            func part(_ tensor: Tensor) throws -> Tensor { try tensor.sliced(0, from: row, to: row + 1) }
            try expect(network(part(x), steps: part(steps), mask: part(mask)), equals: part(together))
        }
    }

    @Test("the step matters, and so does every position")
    func dependence() throws {
        let network = try network()
        let x = try Tensor.normal([1, 8, 6], using: generator)
        try x.setRequiresGradient(true)
        func run(_ step: Int64) throws -> Tensor { try network(x, steps: Tensor([step]), mask: .ones([1, 8, 1])) }
        #expect(try (run(1) - run(2)).abs().max().item() > 1e-3)
        try run(1).selected(1, 7).square().sum().backward()
        let reach = try #require(try x.gradient()).abs().sum(2).doubles()
        #expect(reach.allSatisfy { $0 > 0 })
    }

    @Test("every parameter gets a gradient")
    func gradients() throws {
        let network = try network()
        let x = try Tensor.normal([2, 8, 6], using: generator)
        try network(x, steps: Tensor([1, 5] as [Int64]), mask: .ones([2, 8, 1])).square().sum().backward()
        let parameters = try network.parameters()
        #expect(parameters.count == 62)
        for parameter in parameters {
            let norm = try #require(try parameter.part.value.gradient(), "\(parameter.name)").norm().item()
            #expect(norm.isFinite && norm > 0, "\(parameter.name)")
        }
    }
}

/// The denoiser of the T2Diff reference, with its weights.
@Suite("U-Net against the reference", .rounding)
struct UNet1dGoldenTests {
    let file: SafetensorsFile
    let network: UNet1d
    let condition: Tensor  // [3, 8, 8]
    let mask: Tensor  // [3, 8, 1]

    init() throws {
        file = try fixture("t2diff")
        network = try UNet1d(16, channels: 8, 8, using: Generator(seed: 1))
        condition = try file.tensor("expected.sequence").sliced(1, from: 4)
        mask = try file.tensor("input.items").sliced(1, from: 4).greater(0).to(.float32).unsqueezed(2)
        for parameter in try network.parameters() {
            let golden = try file.tensor("weight.denoiser.\(parameter.name)")
            try parameter.part.value.assign(golden.reshaped(parameter.part.value.shape))
        }
        try Rounding.disturb(network.parameters().map(\.part.value))
    }

    private func denoise(_ state: Tensor, _ steps: Tensor) throws -> Tensor {
        try network(.concatenated([state, condition], -1), steps: steps, mask: mask)
    }

    @Test("has the reference's parameters and no others")
    func names() throws {
        let theirs = file.names.filter { $0.hasPrefix("weight.denoiser.") }
        #expect(Set(theirs) == Set(try network.parameters().map { "weight.denoiser.\($0.name)" }))
    }

    @Test("one denoising, and the gradient of the reconstruction for every parameter")
    func reconstruction() throws {
        let estimate = try denoise(file.tensor("expected.z_r"), file.tensor("input.r").to(.int64))
        try expect(estimate, equals: file.tensor("expected.denoised"))

        let targets = try file.tensor("weight.items.weight").rows(file.tensor("input.targets")).layerNorm()
        let next = try Tensor.concatenated([condition.sliced(1, from: 1), targets.unsqueezed(1)], 1)
        let error = try (estimate - (next - condition) * mask).square().sum() / (mask.sum().item() * 8)
        try expect(error.reshaped(1), equals: file.tensor("expected.reconstructionLoss"))
        try error.backward()
        for parameter in try network.parameters() {
            let golden = try file.tensor("gradient.denoiser.\(parameter.name)")
            let gradient = try #require(try parameter.part.value.gradient())
            try expect(gradient, equals: golden.reshaped(gradient.shape))
        }
    }

    @Test(
        "the reverse process from the same noise",
        arguments: [
            ("expected.ddim", Sampler(.ddim, steps: 3)), ("expected.ddpm", Sampler(.ddpm, noise: .none)),
            ("expected.oneStep", Sampler(.oneStep)),
        ]
    )
    func sampling(_ name: String, _ sampler: Sampler) throws {
        let found = try withoutGradients {
            try sampler.sample(
                from: file.tensor("input.terminal") * mask,
                NoiseSchedule(.exponential, steps: 5),
                noise: { _ in try .zeros([3, 8, 8]) },
                denoise: { state, r in try denoise(state, .full([3], Double(r), .int64)) }
            )
        }
        try expect(found, equals: file.tensor(name))
        if sampler.kind == .ddim {
            #expect(
                try file.array("input.ddimSteps", as: Int32.self).map(Int.init)
                    == sampler.visited(of: NoiseSchedule(.exponential, steps: 5))
            )
        }
    }
}
