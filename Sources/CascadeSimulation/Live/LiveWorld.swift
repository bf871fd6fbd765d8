// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// What a page is worth to a person.
struct LivePageValue: Sendable, Equatable {
    /// The expected number of clicks.
    var clicks = 0.0
    /// The probability of at least one.
    var clicked = 0.0
}

/// The ground truth of a live population: every probability of a click and a purchase.
///
/// ```text
/// P(click on item i at position p) = (1 + p)^-attention * sigmoid(base + 4 taste.i - 3 (1 - relevance of i to the query))
/// P(purchase | click)              = sigmoid(purchase base + 2 taste.i)
/// ```
///
/// Clicks of one page are independent, so the expected number of clicks is the sum of the probabilities.
struct LiveWorld: Sendable {
    let catalog: LiveCatalog

    init(_ settings: LiveSettings, throughDay day: Int) { catalog = LiveCatalog(settings, throughDay: day) }

    /// The product of a taste and the vector of an item.
    func affinity(_ taste: [Double], _ item: Int) -> Double {
        let start = item * LiveCatalog.size
        var sum = 0.0
        for index in 0..<LiveCatalog.size { sum += taste[index] * catalog.features[start + index] }
        return sum
    }

    /// The probability of a click on each of the first items, given that the person looks at it.
    func attractions(for person: LivePerson, query: ShopQuery?, among count: Int) -> [Double] {
        let taste = person.taste(in: catalog)
        return (0..<count).map { item in
            let lost = query.map { LiveParameters.queryPenalty * (1 - $0.relevance(of: catalog.shop.items[item])) } ?? 0
            return ShopParameters.sigmoid(person.base + LiveParameters.tasteSlope * affinity(taste, item) - lost)
        }
    }

    /// The probability that a clicked item is bought.
    func purchaseProbability(of item: Int, by person: LivePerson) -> Double {
        let affinity = affinity(person.taste(in: catalog), item)
        return ShopParameters.sigmoid(person.purchaseBase + LiveParameters.purchaseSlope * affinity)
    }

    /// What a page is worth.
    ///
    /// - Parameters:
    ///   - page: The items, the first on top.
    ///   - attractions: By item, as ``attractions(for:query:among:)`` has them.
    ///   - attention: Of the person.
    static func value(of page: [Int], _ attractions: [Double], attention: Double) -> LivePageValue {
        var (clicks, none) = (0.0, 1.0)
        for (position, item) in page.enumerated() {
            let probability = attractions[item] * LiveParameters.examination(at: position, attention: attention)
            clicks += probability
            none *= 1 - probability
        }
        return LivePageValue(clicks: clicks, clicked: 1 - none)
    }

    /// The page that no page of so many items beats: the most attractive allowed items, the best on top.
    ///
    /// Of equals, the lower number comes first. That it is the best follows from the rearrangement inequality:
    /// examination falls with the position, and is the same for all items.
    static func bestPage(of count: Int, _ attractions: [Double], isAllowed: (Int) -> Bool) -> [Int] {
        var best: [Int] = []
        for (item, attraction) in attractions.enumerated() {
            if best.count == count, let last = best.last, attractions[last] >= attraction { continue }
            guard isAllowed(item) else { continue }
            let place = best.firstIndex { attractions[$0] < attraction } ?? best.count
            best.insert(item, at: place)
            if best.count > count { best.removeLast() }
        }
        return best
    }
}
