// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch
import Synchronization
public import Testing

/// Holds every `expect(_:equals:)` of a test to what float32 rounding can do to it, on any processor.
///
/// Goldens are computed in float64. How far float32 may be from them depends on the arithmetic: on the length of sums, on
/// their cancellation, on the steps of a chain. So this is measured. The test runs again and again, and each time
/// ``Rounding/disturb(_:)`` moves every weight by one unit in the last place, up or down. What a result moves by then is what
/// one rounding for each weight costs. A few of those are allowed, because products, sums and functions round too, and at least
/// as many units in the last place of the result itself.
///
/// A result whose allowance is above a hundredth of it, and above 1e-4, is an issue: such a comparison could hardly fail.
public struct RoundingTrait: TestTrait, SuiteTrait, TestScoping {
    /// It holds for every test of a suite.
    public var isRecursive: Bool { true }

    /// Runs the test with its weights as they are, then moved, and compares.
    public func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        let passes = (0...Rounding.probes).map(RoundingPass.init)
        for pass in passes {
            try await Rounding.$pass.withValue(pass) { try await function() }
        }
        try Rounding.compare(passes)
    }
}

extension Trait where Self == RoundingTrait {
    /// Holds every `expect(_:equals:)` to what float32 rounding can do, instead of to a fixed tolerance.
    public static var rounding: Self { RoundingTrait() }
}

/// The measurement behind ``RoundingTrait``.
public enum Rounding {
    /// How often a test runs with moved weights.
    static let probes = 3
    /// How many times the measured move is allowed.
    ///
    /// The largest that was needed is 5.6, over all goldens and contracts, under six sets of instructions.
    static let allowance = 16.0
    /// The distance of two float32 numbers near one.
    static let unit = Double(Float.ulpOfOne)

    @TaskLocal static var pass: RoundingPass?

    /// Moves weights by one unit in the last place, up or down by chance; does nothing in the first run of a test.
    ///
    /// For the code that makes a model, once its weights are set. The same model moves in the same way within one run.
    public static func disturb(_ weights: [Tensor]) throws {
        guard let pass, pass.number > 0 else { return }
        var random = UInt64(pass.number) &* 0x9E37_79B9_7F4A_7C15
        for weight in weights where weight.dtype == .float32 {
            let moved = try weight.floats().map { value in
                // xorshift
                random ^= random << 13
                random ^= random >> 7
                random ^= random << 17
                return random >> 63 == 1 ? value.nextUp : value.nextDown
            }
            try withoutGradients { try weight.assign(Tensor(moved, shape: weight.shape)) }
        }
    }

    static func compare(_ passes: [RoundingPass]) throws {
        let first = passes[0].comparisons
        for other in passes.dropFirst() { try #require(other.comparisons.count == first.count) }
        let moves = first.indices.map { index in
            passes.dropFirst().map { largestDistance(first[index].found, $0.comparisons[index].found) }.max() ?? 0
        }
        // A few numbers may hardly move by chance, so they share what was measured with others of the same line and name.
        var shares: [String: Double] = [:]
        for (comparison, move) in zip(first, moves) where comparison.found.count < 8 && comparison.scale > 0 {
            shares[comparison.kind] = max(shares[comparison.kind] ?? 0, move / comparison.scale)
        }
        for (comparison, move) in zip(first, moves) {
            let share = comparison.found.count < 8 ? shares[comparison.kind] ?? 0 : 0
            comparison.check(allowing: allowance * max(move, (share + unit) * comparison.scale))
        }
    }

    private static func largestDistance(_ some: [Double], _ others: [Double]) -> Double {
        zip(some, others).reduce(0) { $1.0.isFinite && $1.1.isFinite ? max($0, abs($1.0 - $1.1)) : $0 }
    }
}

/// One run of a test: what was compared in it.
final class RoundingPass: Sendable {
    struct Comparison {
        let found: [Double]
        let expected: [Double]
        let name: String
        let location: SourceLocation

        /// What it has in common with comparisons of other numbers in the same way.
        var kind: String { "\(location) \(name)" }
        /// The largest magnitude that is expected.
        var scale: Double { expected.map(abs).filter(\.isFinite).max() ?? 0 }

        func check(allowing allowed: Double) {
            guard allowed <= 0.01 * scale + 1e-4 else {
                let remark = "\(name): rounding moves it by \(allowed) of \(scale), so that it tests nothing"
                Issue.record(Comment(rawValue: remark), sourceLocation: location)
                return
            }
            for (index, (value, wanted)) in zip(found, expected).enumerated() where value != wanted {
                let isClose = abs(value - wanted) <= allowed || value.isNaN && wanted.isNaN
                guard !isClose else { continue }
                let remark = "\(name): element \(index) is \(value) instead of \(wanted); rounding explains \(allowed)"
                Issue.record(Comment(rawValue: remark), sourceLocation: location)
                return
            }
        }
    }

    let number: Int
    private let kept = Mutex<[Comparison]>([])

    init(_ number: Int) { self.number = number }

    var comparisons: [Comparison] { kept.withLock { $0 } }

    func add(_ comparison: Comparison) { kept.withLock { $0.append(comparison) } }
}
