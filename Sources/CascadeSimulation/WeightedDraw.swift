// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// Draws positions with probabilities proportional to fixed weights.
struct WeightedDraw: Sendable, Equatable {
    private let cumulative: [Double]  // the weights up to each position, that one included

    /// - Parameter weights: At least one, none negative and not all 0.
    init(_ weights: some Sequence<Double>) {
        var sum = 0.0
        cumulative = weights.map { weight in
            sum += weight
            return sum
        }
    }

    var count: Int { cumulative.count }

    /// The probability of `position` among the first `count` positions.
    func probability(of position: Int, among count: Int) -> Double {
        (cumulative[position] - (position == 0 ? 0 : cumulative[position - 1])) / cumulative[count - 1]
    }

    /// A position of the first `count`; in time proportional to the logarithm of that.
    func draw(among count: Int, using generator: inout SplitMix64) -> Int {
        let target = Double.random(in: 0..<cumulative[count - 1], using: &generator)
        var (low, high) = (0, count - 1)
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// A position.
    func draw(using generator: inout SplitMix64) -> Int { draw(among: count, using: &generator) }
}
