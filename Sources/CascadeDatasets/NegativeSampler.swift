// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Draws items that stand for what a user did not choose.
public protocol NegativeSampler: Sendable {
    /// Draws item numbers, from 1, independently of one another and with repetition.
    func sample(_ count: Int, using generator: inout some RandomNumberGenerator) -> [Int32]

    /// The probability that one draw gives the item with this number, from 1; for the correction by its logarithm.
    func probability(of item: Int) -> Double
}

/// Draws every item with the same probability.
public struct UniformNegatives: NegativeSampler, Equatable {
    /// The number of items.
    public let itemCount: Int

    /// Draws from the items numbered 1 to `itemCount`, at least 1.
    public init(itemCount: Int) {
        precondition(itemCount >= 1, "there must be an item to draw")
        self.itemCount = itemCount
    }

    /// Draws item numbers.
    public func sample(_ count: Int, using generator: inout some RandomNumberGenerator) -> [Int32] {
        let numbers = 1...Int32(itemCount)
        return (0..<count).map { _ in Int32.random(in: numbers, using: &generator) }
    }

    /// One over the number of items.
    public func probability(of item: Int) -> Double {
        precondition((1...itemCount).contains(item), "item numbers run from 1 to the number of items")
        return 1 / Double(itemCount)
    }
}

/// Draws an item with a probability proportional to a power of its count.
///
/// An item without events is never drawn, unless the exponent is 0. A draw takes constant time.
///
/// - Source: the alias method: Walker 1977, ACM TOMS 3(3); table as in Vose 1991, IEEE TSE 17(9).
public struct PopularityNegatives: NegativeSampler {
    private let probabilities: [Double]
    private let thresholds: [Double]  // below which a slot keeps its own item
    private let aliases: [Int32]  // the other item of a slot, from 0

    /// Prepares the draws.
    ///
    /// - Parameters:
    ///   - counts: `[itemCount]`: the count of each item, as of ``SplitDataset/trainingItemCounts()``.
    ///   - exponent: The power; 1 draws as often as the item occurs, 0.75 flattens, 0 is uniform.
    /// - Throws: ``DatasetError`` `.empty` when no item has a count above 0, `.badOption` when a count is negative or
    ///   the exponent is not a number from 0.
    public init(counts: [Int], exponent: Double) throws {
        guard exponent >= 0, exponent.isFinite, counts.allSatisfy({ $0 >= 0 }) else {
            throw DatasetError(
                .badOption,
                "popularity negatives: the exponent (\(exponent)) and all counts must be finite and not negative."
            )
        }
        let weights = counts.map { pow(Double($0), exponent) }
        let total = weights.reduce(0, +)
        guard total > 0 else {
            throw DatasetError(.empty, "popularity negatives: no item has an event, so there is nothing to draw.")
        }
        let probabilities = weights.map { $0 / total }
        var thresholds = probabilities.map { $0 * Double(counts.count) }
        var aliases = (0..<Int32(counts.count)).map { $0 }
        var small = thresholds.indices.filter { thresholds[$0] < 1 }
        var large = thresholds.indices.filter { thresholds[$0] >= 1 }
        while let low = small.last, let high = large.last {
            small.removeLast()
            aliases[low] = Int32(high)
            thresholds[high] -= 1 - thresholds[low]
            if thresholds[high] < 1 {
                large.removeLast()
                small.append(high)
            }
        }
        // What is left over is 1 but for rounding, and an item without weight never is: it found its alias, or rounding
        // used up the last large slot, and then the most popular item stands in.
        let most = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
        for slot in small + large {
            if probabilities[slot] > 0 { thresholds[slot] = 1 } else { aliases[slot] = Int32(most) }
        }
        self.probabilities = probabilities
        self.thresholds = thresholds
        self.aliases = aliases
    }

    /// Draws item numbers.
    public func sample(_ count: Int, using generator: inout some RandomNumberGenerator) -> [Int32] {
        (0..<count).map { _ in
            // One product gives both the slot (its upper half) and a position within the slot (its lower half).
            let (slot, fraction) = generator.next().multipliedFullWidth(by: UInt64(thresholds.count))
            let keeps = Double(fraction >> 11) * 0x1p-53 < thresholds[Int(slot)]
            return 1 + (keeps ? Int32(slot) : aliases[Int(slot)])
        }
    }

    /// The share of the item's weight in the sum of all.
    public func probability(of item: Int) -> Double { probabilities[item - 1] }
}
