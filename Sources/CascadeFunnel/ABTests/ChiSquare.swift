// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The chi-square test of how well counts fit shares.
enum ChiSquare {
    /// The probability of counts that fit as badly as these, or worse, when they are drawn with those shares; 1 for no counts.
    ///
    /// An approximation that is good from about 5 expected counts in each place.
    static func fit(_ counts: [Int], shares: [Double]) -> Double {
        let total = Double(counts.reduce(0, +))
        let sum = shares.reduce(0, +)
        guard total > 0, sum > 0 else { return 1 }
        var statistic = 0.0
        var places = 0
        for (count, share) in zip(counts, shares) {
            let expected = total * share / sum
            if expected > 0 {
                statistic += (Double(count) - expected) * (Double(count) - expected) / expected
                places += 1
            } else if count > 0 {
                return 0
            }
        }
        return places < 2 ? 1 : upperTail(statistic, degrees: places - 1)
    }

    /// The probability that a chi-square variable is larger: the regularized incomplete gamma function Q(degrees / 2, x / 2).
    ///
    /// - Source: Abramowitz and Stegun 1964, 6.5.29 (series) and 6.5.31 (continued fraction).
    static func upperTail(_ statistic: Double, degrees: Int) -> Double {
        let (a, x) = (Double(degrees) / 2, statistic / 2)
        guard x > 0 else { return 1 }
        let scale = exp(a * log(x) - x - lgamma(a))
        return x < a + 1 ? 1 - scale * lowerSeries(a, x) : scale * upperFraction(a, x)
    }

    /// The sum over n of x^n / (a (a + 1) … (a + n)).
    private static func lowerSeries(_ a: Double, _ x: Double) -> Double {
        var term = 1 / a
        var sum = term
        var n = 0.0
        while term > sum * 1e-16 {
            n += 1
            term *= x / (a + n)
            sum += term
        }
        return sum
    }

    /// The continued fraction 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - …)), from front to back.
    private static func upperFraction(_ a: Double, _ x: Double) -> Double {
        var b = x + 1 - a
        var (front, back) = (Double.greatestFiniteMagnitude, 1 / b)
        var value = back
        for n in 1...10_000 {
            let numerator = -Double(n) * (Double(n) - a)
            b += 2
            back = 1 / (numerator * back + b)
            front = b + numerator / front
            let change = front * back
            value *= change
            if abs(change - 1) < 1e-15 { break }
        }
        return value
    }
}
