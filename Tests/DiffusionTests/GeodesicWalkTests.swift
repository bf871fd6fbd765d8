// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDiffusion
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Geodesic walk")
struct GeodesicWalkTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 11) }

    private func points(_ shape: [Int]) throws -> Tensor { try .normal(shape, using: generator).onUnitSphere() }

    private func lengths(_ x: Tensor) throws -> [Double] { try x.to(.float64).norm(-1).doubles() }

    @Test("projects to length 1, keeps the direction, and leaves zero alone with a finite gradient")
    func projection() throws {
        try expect(Tensor([3, 4, 0, -2] as [Float], shape: [2, 2]).onUnitSphere(), [0.6, 0.8, 0, -1], shape: [2, 2])
        for size in [1e-4, 1, 1e4] {
            let x = try Tensor.normal([50, 7], using: generator) * size
            try expect(lengths(x.onUnitSphere()), equal: .init(repeating: 1, count: 50))
            try expect((x.onUnitSphere() * x).sum(1) / size, equals: x.norm(1) / size)
        }
        let zero = try Tensor.zeros([2, 3])
        try zero.setRequiresGradient(true)
        let projected = try zero.onUnitSphere()
        try expect(projected, [0, 0, 0, 0, 0, 0])
        try projected.sum().backward()
        #expect(try zero.requiredGradient().floats().allSatisfy(\.isFinite))
    }

    @Test("the exponential map of hand-computed cases")
    func exponentialMap() throws {
        func moved(_ point: [Float], _ velocity: [Float]) throws -> Tensor {
            try Tensor(point).movedOnSphere(by: Tensor(velocity))
        }
        try expect(moved([1, 0, 0], [0, 0, 0]), [1, 0, 0])
        try expect(moved([1, 0, 0], [0, .pi / 2, 0]), [0, 1, 0])
        try expect(moved([1, 0, 0], [0, 0, -.pi]), [-1, 0, 0])
        try expect(moved([0, 0.6, 0.8], [.pi / 6, 0, 0]), [0.5, 0.6 * 0.75.squareRoot(), 0.8 * 0.75.squareRoot()])
        try expect(moved([1, 0], [0, 2 * .pi]), [1, 0])
    }

    @Test("the gradient of the exponential map is that of finite differences, and at rest the identity")
    func gradients() throws {
        let direction = try Tensor.normal([4], using: generator)
        func value(_ velocity: [Float]) throws -> Double {
            try (Tensor([1, 0, 0, 0] as [Float]).movedOnSphere(by: Tensor(velocity)) * direction).sum().item()
        }
        for velocity: [Float] in [[0, 0.3, -0.4, 1.2], [0, 0, 0, 0]] {
            let leaf = try Tensor(velocity)
            try leaf.setRequiresGradient(true)
            try (Tensor([1, 0, 0, 0] as [Float]).movedOnSphere(by: leaf) * direction).sum().backward()
            let differences = try velocity.indices.map { index in
                var (up, down) = (velocity, velocity)
                up[index] += 1e-2
                down[index] -= 1e-2
                return try (value(up) - value(down)) / 0.02
            }
            try expect(leaf.requiredGradient().doubles(), equal: differences, within: 1e-3)
        }
    }

    @Test("tangent noise is orthogonal to its point and misses nothing else")
    func tangent() throws {
        for width in [2, 8, 64] {
            let (point, noise) = (try points([200, width]), try Tensor.normal([200, width], using: generator))
            let tangent = try noise.tangent(at: point)
            try expect((tangent * point).sum(1), [Double](repeating: 0, count: 200))
            let along = try (noise * point).sum(1, keep: true)
            try expect(tangent + point * along, equals: noise)
        }
    }

    @Test(
        "every step of every schedule ends on the sphere",
        arguments: NoiseSchedule.Kind.allCases,
        GeodesicWalk.Scale.allCases
    )
    func unitNorm(_ kind: NoiseSchedule.Kind, _ scale: GeodesicWalk.Scale) throws {
        for (steps, width) in [(1, 2), (5, 3), (20, 64), (200, 256)] {
            let walk = GeodesicWalk(NoiseSchedule(kind, steps: steps), scale: scale)
            let times = try Tensor.range(0..<steps + 1)
            let moved = try walk.noised(
                points([steps + 1, width]),
                steps: times,
                noise: .normal([steps + 1, width], using: generator)
            )
            try expect(lengths(moved), equal: .init(repeating: 1, count: steps + 1), within: 1e-5)
        }
    }

    @Test("a step moves by the angle that its alpha-bar, the scale and the noise ask for")
    func angles() throws {
        // alpha-bar_1 = 0.64: sqrt(1 - 0.64) = 0.6.
        let schedule = NoiseSchedule(betas: [0.36, 0.5])
        let (point, noise) = (try Tensor([1, 0, 0, 0] as [Float], shape: [1, 4]), [5, 0, 3, -4] as [Float])
        for (scale, factor) in [(GeodesicWalk.Scale.unit, 0.5), (.quarterTurn, .pi / 4), (.literal, 1)] {
            let moved = try GeodesicWalk(schedule, scale: scale)
                .noised(point, steps: Tensor([1] as [Int64]), noise: Tensor(noise, shape: [1, 4]))
            let angle = 0.6 * 5 * factor
            try expect(moved, [cos(angle), 0, 0.6 * sin(angle), -0.8 * sin(angle)])
        }
        let still = try GeodesicWalk(schedule)
            .noised(point, steps: Tensor([0] as [Int64]), noise: Tensor(noise, shape: [1, 4]))
        try expect(still, equals: point)
    }

    @Test("with a quarter turn the last step knows no more of its origin than a random point does")
    func forgets() throws {
        let (rows, width) = (4000, 64)
        func meanSquareCosine(_ scale: GeodesicWalk.Scale) throws -> Double {
            let point = try points([rows, width])
            let walk = GeodesicWalk(NoiseSchedule(.linear, steps: 20, first: 0.005, last: 0.999), scale: scale)
            let last = try Tensor.full([rows], 20, .int64)
            let moved = try walk.noised(point, steps: last, noise: .normal([rows, width], using: generator))
            return try (moved * point).sum(1).square().mean().item()
        }
        // Independent points have 1 / d = 0.0156; the angle's own spread adds (pi / 2)^2 / (2 d) = 0.0193.
        #expect(try meanSquareCosine(.quarterTurn) < 0.025)
        #expect(try meanSquareCosine(.unit) > 0.25)  // cos(1)^2 = 0.29
    }

    /// Small steps end where a Gaussian of the tangent space would: the central limit that section 4.3 relies on.
    ///
    /// 20,000 end points of one start, in an orthonormal basis of its tangent space, divided by the deviation that the
    /// step has. With a fixed seed the tests either hold or do not; the bounds are what a true Gaussian exceeds with
    /// a probability below 1e-4 (five standard errors; 1.36 / sqrt(n) is the 5 % point of Kolmogorov and Smirnov, 2.2
    /// the 1e-4 point), plus what curvature does: the sine shortens a step of angle a by about a^2 / 6.
    @Test("small steps match a Gaussian in the tangent space", arguments: [3, 8, 64])
    func smallSteps(_ width: Int) throws {
        let (rows, tangents) = (20_000, width - 1)
        // The first axis is the point, so that the others are a basis of its tangent space.
        let point = try Tensor([1] + [Float](repeating: 0, count: width - 1)).expanded([rows, width])
        let schedule = NoiseSchedule(betas: [1e-4])  // an angle of 0.01
        let noise = try Tensor.normal([rows, width], using: generator)
        let moved = try GeodesicWalk(schedule).noised(point, steps: .ones([rows], .int64), noise: noise)
        let deviation = 0.01 / Double(width).squareRoot()
        let samples = try moved.sliced(1, from: 1).to(.float64) / deviation  // [n, d - 1]
        let count = Double(rows)
        let curvature = 1e-4

        let means = try samples.mean(0).doubles()
        #expect(means.allSatisfy { abs($0) < 5 / count.squareRoot() })

        let covariance = try (samples.transposed().matmul(samples) / count).doubles()
        for (place, value) in covariance.enumerated() {
            let isVariance = place / tangents == place % tangents
            let error = (isVariance ? 2.0.squareRoot() : 1) / count.squareRoot()
            #expect(abs(value - (isVariance ? 1 : 0)) < 5 * error + curvature, "entry \(place)")
        }

        // Squared lengths: chi-square with d - 1 degrees of freedom has mean d - 1 and variance 2 (d - 1).
        let squares = try samples.square().sum(1)
        let expected = Double(tangents)
        let mean = try squares.mean().item()
        #expect(abs(mean - expected) < 5 * (2 * expected / count).squareRoot() + curvature * expected)
        let variance = try squares.variance().item()
        // The variance of a sample variance, from the fourth moment 12 k (k + 4) of a chi-square.
        let spread = ((12 * expected * (expected + 4) - 4 * expected * expected) / count).squareRoot()
        #expect(abs(variance - 2 * expected) < 5 * spread + 4 * curvature * expected)

        // Every direction by Kolmogorov and Smirnov against the normal distribution.
        for axis in Set([0, tangents / 2, tangents - 1]) {
            let sorted = try samples.selected(1, axis).doubles().sorted()
            let gap = sorted.enumerated().map { rank, value in
                let probability = 0.5 * erfc(-value / 2.0.squareRoot())
                return max(abs(probability - Double(rank) / count), abs(probability - Double(rank + 1) / count))
            }.max()
            #expect(try #require(gap) < 2.2 / count.squareRoot() + curvature, "axis \(axis)")
        }
    }
}
