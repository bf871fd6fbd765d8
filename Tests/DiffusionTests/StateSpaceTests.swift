// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDiffusion
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@Suite("Where states live")
struct StateSpaceTests {
    let generator: Generator
    init() throws { generator = try Generator(seed: 12) }

    private let schedule = NoiseSchedule(.linear, steps: 20, first: 0.005, last: 0.999)

    private func points(_ rows: Int, _ width: Int = 64) throws -> Tensor {
        try .normal([rows, width], using: generator).onUnitSphere()
    }

    private func cosines(_ a: Tensor, _ b: Tensor) throws -> [Double] { try (a * b).sum(-1).doubles() }

    @Test("the logarithmic map undoes the exponential one, and is zero between equal points")
    func velocity() throws {
        let (start, end) = (try points(40, 5), try points(40, 5))
        try expect(start.movedOnSphere(by: start.velocity(to: end)), equals: end)
        try expect(start.velocity(to: start), equals: .zeros([40, 5]), within: 2e-4)
        try expect(
            Tensor([1, 0] as [Float]).velocity(to: Tensor([0, 1] as [Float])),
            [0, .pi / 2],
            shape: [2],
            within: 1e-6
        )
    }

    @Test("a deterministic step divides the angle between estimate and state as their noise says")
    func ratio() throws {
        let (state, clean) = (try points(50, 8), try points(50, 8))
        for (from, to) in [(20, 10), (7, 3), (5, 1)] {
            let share = schedule.jump(from: from, to: to)
            let ratio = ((1 - schedule.alphaBars[to]) / (1 - schedule.alphaBars[from])).squareRoot()
            #expect(abs(share.state - ratio) < 1e-12)
            let moved = try StateSpace.geodesic(.unit).moved(state, clean * 3, share)
            for (before, after) in zip(try cosines(state, clean), try cosines(moved, clean)) {
                #expect(abs(acos(after) - ratio * acos(before)) < 2e-3)
            }
            // The three points lie on one great circle.
            let around = try clean.velocity(to: state)
            try expect(
                moved.tangent(at: clean).onUnitSphere(),
                equals: around.onUnitSphere(),
                within: 1e-3
            )
        }
    }

    @Test("rows with shares of their own move as each would alone")
    func rows() throws {
        let (state, clean) = (try points(2, 6), try points(2, 6))
        for space in [StateSpace.euclidean, .projected, .geodesic(.quarterTurn)] {
            let shares = [schedule.jump(from: 9, to: 4), schedule.jump(from: 20, to: 19)]
            let together = try space.moved(
                state,
                clean,
                (
                    Tensor(shares.map { Float($0.state) }, shape: [2, 1]),
                    Tensor(shares.map { Float($0.clean) }, shape: [2, 1])
                )
            )
            for (row, share) in shares.enumerated() {
                let alone = try space.moved(
                    state.sliced(0, from: row, to: row + 1),
                    clean.sliced(0, from: row, to: row + 1),
                    share
                )
                try expect(alone, equals: together.sliced(0, from: row, to: row + 1))
            }
        }
    }

    @Test(
        "with the true item as its estimate, a reverse process passes where the walk of training has been",
        arguments: [Sampler(), Sampler(.ddim), Sampler(.dpmSolver)],
        [GeodesicWalk.Scale.unit, .quarterTurn]
    )
    func marginals(_ sampler: Sampler, _ scale: GeodesicWalk.Scale) throws {
        let rows = 600
        let clean = try points(rows)
        let walk = GeodesicWalk(schedule, scale: scale)
        func noise() throws -> Tensor { try .normal([rows, 64], using: generator) }
        func walked(_ r: Int) throws -> Tensor {
            try walk.noised(clean, steps: .full([rows], Double(r), .int64), noise: noise())
        }
        var checked = 0
        _ = try sampler.sample(from: walked(20), schedule, in: .geodesic(scale), noise: { _ in try noise() }) {
            state,
            r in
            let (found, expected) = (try cosines(state, clean), try cosines(walked(r), clean))
            let means = [found, expected].map { $0.reduce(0, +) / Double(rows) }
            // Two means of 600, whose difference has the standard error sqrt(2 v / 600).
            let spread = expected.reduce(0) { $0 + ($1 - means[1]) * ($1 - means[1]) } / Double(rows)
            #expect(abs(means[0] - means[1]) < 1e-3 + 5 * (2 * spread / Double(rows)).squareRoot(), "step \(r)")
            checked += 1
            return clean
        }
        #expect(checked == 20)
    }

    @Test("the printed form scales Euclidean steps back to length 1; Euclidean space leaves them")
    func projected() throws {
        let (state, clean) = (try points(5, 3), try points(5, 3))
        let share = schedule.jump(from: 9, to: 4)
        let plain = try StateSpace.euclidean.moved(state, clean, share)
        try expect(plain, equals: state * share.state + clean * share.clean)
        try expect(StateSpace.projected.moved(state, clean, share), equals: plain.onUnitSphere())
        #expect(StateSpace.euclidean.weightOfEstimate(share) == share.clean)
        #expect(StateSpace.geodesic(.unit).weightOfEstimate(share) == 1 - share.state)
    }
}
