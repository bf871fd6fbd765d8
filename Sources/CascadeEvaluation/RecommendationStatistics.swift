// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a model recommends across all users: how much of the catalog, how popular, and how unequally.
public struct RecommendationStatistics: Sendable {
    private let trainingCounts: [Int]
    /// How often each item of the catalog was recommended.
    public private(set) var recommended: [Int]

    /// Starts without lists.
    ///
    /// - Parameter trainingCounts: Number of training events of every item in the catalog.
    public init(trainingCounts: [Int]) {
        self.trainingCounts = trainingCounts
        recommended = Array(repeating: 0, count: trainingCounts.count)
    }

    /// Adds one user's list of dense item indices, from 0.
    public mutating func add(list: [Int]) {
        for item in list { recommended[item] += 1 }
    }

    /// Number of recommended slots so far.
    public var slotCount: Int { recommended.reduce(0, +) }

    /// Share of the catalog that was recommended at least once, from 0 to 1.
    public var coverage: Double {
        recommended.isEmpty ? 0 : Double(recommended.count { $0 > 0 }) / Double(recommended.count)
    }

    /// Mean number of training events of the recommended items, over slots; 0 without lists.
    public var meanPopularity: Double {
        let sum = zip(recommended, trainingCounts).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        return slotCount == 0 ? 0 : sum / Double(slotCount)
    }

    /// Gini coefficient of how often each item of the catalog is recommended; 0 without lists.
    ///
    /// 0 means that all items are recommended equally often; near 1, that a few take all slots.
    public var gini: Double {
        guard slotCount > 0 else { return 0 }
        let count = Double(recommended.count)
        let weighted = recommended.sorted().enumerated().reduce(0.0) { sum, entry in
            sum + (2 * Double(entry.offset + 1) - count - 1) * Double(entry.element)
        }
        return weighted / (count * Double(slotCount))
    }
}
