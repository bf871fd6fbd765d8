// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// Tests whether two models differ, given both models' values for the same users (or the same seeds).
public enum PairedTest {
    /// The two-sided p-value of the sign-flip permutation test on the mean difference.
    ///
    /// When all `2^n` flips are no more than `samples` they are enumerated and the value is exact. Otherwise it is
    /// estimated from `samples` random flips with the observed one counted among them, so that it is never 0.
    ///
    /// - Parameters:
    ///   - a: The first model's values.
    ///   - b: The second model's values, in the same order; as many.
    ///   - samples: Number of random flips.
    ///   - seed: Start of the random numbers.
    /// - Source: Fisher 1935, "The design of experiments", §21; Phipson & Smyth 2010 for the count of the observed flip.
    public static func permutation(_ a: [Double], _ b: [Double], samples: Int = 10_000, seed: UInt64) -> Double {
        let differences = differences(a, b)
        precondition(samples > 0, "a permutation test needs samples")
        let observed = abs(differences.reduce(0, +))
        let scale = differences.reduce(0) { $0 + abs($1) }
        // Sums of the same numbers in other signs may differ by rounding only; those are ties.
        let threshold = observed - scale * 1e-12
        if differences.count < Int.bitWidth - 2, 1 << differences.count <= samples {
            let flips = 0..<(UInt64(1) << UInt64(differences.count))
            let extreme = flips.count { abs(flippedSum(differences[...], signs: $0)) >= threshold }
            return Double(extreme) / Double(flips.count)
        }
        var generator = ResamplingGenerator(seed: seed)
        var extreme = 0
        for _ in 0..<samples {
            var sum = 0.0
            for start in stride(from: 0, to: differences.count, by: 64) {
                let chunk = differences[start..<min(start + 64, differences.count)]
                sum += flippedSum(chunk, signs: generator.bits())
            }
            if abs(sum) >= threshold { extreme += 1 }
        }
        return Double(extreme + 1) / Double(samples + 1)
    }

    /// The two-sided p-value of Student's paired t-test; at least two pairs are needed.
    ///
    /// It assumes that the mean difference is normally distributed: fine for thousands of users, weak for three seeds.
    ///
    /// - Source: Student 1908, "The probable error of a mean".
    public static func studentT(_ a: [Double], _ b: [Double]) -> Double {
        let differences = differences(a, b)
        precondition(differences.count >= 2, "a t-test needs at least two pairs")
        let count = Double(differences.count)
        let mean = differences.reduce(0, +) / count
        let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        guard squares > 0 else { return mean == 0 ? 1 : 0 }
        let standardError = (squares / (count - 1) / count).squareRoot()
        return studentTail(t: mean / standardError, degreesOfFreedom: differences.count - 1)
    }

    private static func differences(_ a: [Double], _ b: [Double]) -> [Double] {
        precondition(a.count == b.count && !a.isEmpty, "a paired test needs two values for every user")
        return zip(a, b).map { $0 - $1 }
    }

    /// The sum with the sign of the i-th value flipped where bit i of `signs` is set; at most 64 values.
    private static func flippedSum(_ values: ArraySlice<Double>, signs: UInt64) -> Double {
        var rest = signs
        var sum = 0.0
        for value in values {
            sum += Double(bitPattern: value.bitPattern ^ (rest << 63))
            rest >>= 1
        }
        return sum
    }
}

/// The probability that |T| exceeds |t| for Student's distribution, to about 14 decimal places.
///
/// - Source: Abramowitz & Stegun, "Handbook of mathematical functions", 26.7.3 (odd) and 26.7.4 (even).
func studentTail(t: Double, degreesOfFreedom: Int) -> Double {
    let angle = atan(abs(t) / Double(degreesOfFreedom).squareRoot())
    let cosine = cos(angle)
    let isOdd = !degreesOfFreedom.isMultiple(of: 2)
    // The terms run over cos^1, cos^3, ... for an odd number and over cos^0, cos^2, ... for an even one.
    var term = isOdd ? cosine : 1
    var series = degreesOfFreedom == 1 ? 0 : term
    for k in stride(from: isOdd ? 3 : 2, to: degreesOfFreedom, by: 2) {
        term *= Double(k - 1) / Double(k) * cosine * cosine
        series += term
    }
    let inside = isOdd ? 2 / Double.pi * (angle + sin(angle) * series) : sin(angle) * series
    return max(0, 1 - inside)
}
