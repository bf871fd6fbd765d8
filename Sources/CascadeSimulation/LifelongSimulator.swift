// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import Foundation

/// The ground truth of the simulators `lifelong`: which item follows a history, with every probability known.
///
/// The next category is drawn in one of two ways. With the probability ``decay(_:)`` of position `p` it answers the
/// behavior at that position, 1 being the one just before: it is drawn from the row of that behavior's category in
/// ``kernel(from:to:)``. Otherwise, and where the history does not reach back to `p`, it is drawn by popularity.
///
/// - Decay: falls with the power 1.3 of the position up to ``window``, and sums to 0.95 over it.
/// - Kernel: with the probability 0.8 the same category, else one of its group by popularity. A group has four
///   categories at most; category `c` belongs to group `c` modulo the number of groups.
/// - Popularity of a category: falls with its number, five-fold from the first to the last.
/// - Items of a category: popular by Zipf's law, the weight of the r-th is 1 / r. Item `i` has the category `i` modulo
///   ``categoryCount`` and the rank `i` divided by it.
///
/// Popularity is stationary under the kernel, so that every event of every user has it as its marginal. The law does
/// not depend on the seed, and ``init(of:)`` finds it again from a data set directory.
public struct LifelongSimulator: Sendable, Equatable {
    static let loyalty = 0.8  // the chance to stay in the very category of a behavior
    static let answering = 0.95  // the share of events that answer a behavior
    private static let decayExponent = 1.3
    private static let groupSize = 4
    private static let flattening = 0.25  // categories by which Zipf's law of them is shifted, as a share of all

    /// The number of items.
    public let itemCount: Int
    /// The number of categories.
    public let categoryCount: Int
    /// The number of groups of related categories.
    public let groupCount: Int
    /// The farthest position that counts.
    public let window: Int

    let positions: WeightedDraw
    let categories: WeightedDraw
    let ranks: WeightedDraw  // of items within the largest category
    private let decays: [Double]  // by position - 1
    private let categoryShares: [Double]
    private let groupShares: [Double]

    /// Sets the parameters.
    ///
    /// - Parameters:
    ///   - items: The number of items, at least `categories`.
    ///   - count: The number of categories, at least 1.
    ///   - window: The farthest position that counts, at least 1.
    public init(items: Int, categories count: Int, window: Int) {
        precondition(count >= 1 && items >= count && window >= 1, "a category needs an item, and a window a position")
        let groups = (count + Self.groupSize - 1) / Self.groupSize
        (itemCount, categoryCount, groupCount, self.window) = (items, count, groups, window)
        let weights = (0..<count).map { 1 / (Double($0) + 1 + Self.flattening * Double(count)) }
        let sum = weights.reduce(0, +)
        categoryShares = weights.map { $0 / sum }
        var shares = [Double](repeating: 0, count: groups)
        for (category, share) in categoryShares.enumerated() { shares[category % groups] += share }
        groupShares = shares
        self.categories = WeightedDraw(weights)

        let powers = (1...window).map { pow(Double($0), -Self.decayExponent) }
        let total = powers.reduce(0, +)
        decays = powers.map { Self.answering * $0 / total }
        positions = WeightedDraw(powers)
        ranks = WeightedDraw((1...(items + count - 1) / count).map { 1 / Double($0) })
    }

    /// The category of an item of the simulator.
    public func category(of item: Int) -> Int { item % categoryCount }

    /// The group of related categories that a category belongs to.
    public func group(of category: Int) -> Int { category % groupCount }

    /// The probability that an event, without knowing its history, is of this category.
    public func popularity(of category: Int) -> Double { categoryShares[category] }

    /// The probability that an event, without knowing its history, is of this group.
    public func popularity(ofGroup group: Int) -> Double { groupShares[group] }

    /// The probability that the next event answers the behavior at `position`, 1 being the last one; 0 beyond the window.
    public func decay(_ position: Int) -> Double { position <= window ? decays[position - 1] : 0 }

    /// The probability that the answer to a behavior of one category is of another, or the same; rows sum to 1.
    public func kernel(from category: Int, to target: Int) -> Double {
        guard group(of: category) == group(of: target) else { return 0 }
        let related = (1 - Self.loyalty) * categoryShares[target] / groupShares[group(of: target)]
        return category == target ? Self.loyalty + related : related
    }

    /// How much a behavior adds to the score of a candidate, from 0.
    ///
    /// This is the planted relevance, ``decay(_:)`` times ``kernel(from:to:)`` over the candidate's popularity: the
    /// ``score(history:candidate:)`` is the sum of it over the history, and a constant.
    ///
    /// - Parameters:
    ///   - category: The category of the behavior.
    ///   - position: How far before the target it lies; 1 is the event just before.
    ///   - target: The category of the candidate.
    public func relevance(behaviorCategory category: Int, position: Int, targetCategory target: Int) -> Double {
        decay(position) * kernel(from: category, to: target) / categoryShares[target]
    }

    /// How much likelier a candidate of a category is after this history than by popularity: the best score there is.
    ///
    /// No other function of history and candidate parts the next item from items drawn by popularity better, whatever the
    /// measure that only looks at the order, such as the area under the curve. Multiplied by ``popularity(of:)`` it is the
    /// probability of the category.
    ///
    /// - Parameters:
    ///   - history: The categories of all the user's events so far, in the order of time.
    ///   - candidate: The category of the candidate.
    /// - Complexity: O(the window).
    public func score(history: some BidirectionalCollection<Int>, candidate: Int) -> Double {
        var (answered, score) = (0.0, 0.0)
        for (index, category) in history.suffix(window).reversed().enumerated() {
            answered += decays[index]
            guard group(of: category) == group(of: candidate) else { continue }
            score += decays[index] * kernel(from: category, to: candidate)
        }
        return 1 - answered + score / categoryShares[candidate]
    }

    /// The number of items of a category.
    func itemCount(of category: Int) -> Int { (itemCount - category + categoryCount - 1) / categoryCount }
}

extension LifelongSimulator {
    /// Finds the parameters of a data set that a simulator `lifelong` wrote.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the data set comes from elsewhere.
    public init(of dataset: Dataset) throws {
        func number(_ key: String) -> Int? { dataset.simulatorNote(key).flatMap { Int($0) } }
        guard let items = number("items"), let count = number("categories"), let window = number("window"),
            count >= 1, items >= count, window >= 1
        else {
            throw DatasetError(
                .badOption,
                """
                \(dataset.url.path): its manifest has no parameters of a simulator 'lifelong', so its ground truth is unknown. \
                Use data of `cascade data simulate --simulator lifelong`.
                """
            )
        }
        self.init(items: items, categories: count, window: window)
    }

    /// The category of every item of a data set, by its dense index, as this simulator numbers categories.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when an item is not one of this simulator.
    public func categories(of dataset: Dataset) throws -> [Int] {
        try (0..<dataset.itemCount).map { index in
            let id = dataset.itemID(ItemIndex(index))
            guard let item = Int(id.rawValue.dropFirst(Self.itemPrefix.count)), (0..<itemCount).contains(item) else {
                throw DatasetError(
                    .badOption,
                    "\(dataset.url.path): '\(id)' is no item of the simulator 'lifelong'; use the data set that it wrote."
                )
            }
            return category(of: item)
        }
    }

    private static let itemPrefix = "item-"

    /// The external id of an item of the simulator.
    static func itemID(_ item: Int) -> ItemID { ItemID("\(itemPrefix)\(item)") }
}
