// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Expects the clicks of an impression from its position and its item: the click rate of the position times the item's factor,
/// its clicks over the clicks that its positions let expect.
///
/// Both are smoothed: a position is as if it had been shown ``priorImpressions`` times more at the overall rate, an item as if it had
/// got ``priorClicks`` more clicks where as many were expected.
///
/// - Source: clicks over expected clicks, Zhang and Jones 2007, Comparing Click Logs and Editorial Labels for Training Query
///   Rewriting, WWW workshop on query log analysis.
public struct ClickModel<Item: Hashable & Sendable>: Sendable {
    /// An impression to learn from.
    public struct Example: Sendable {
        /// The item that was shown.
        public var item: Item
        /// Position on the page, from 0.
        public var position: Int
        /// 1 for a click, 0 for none.
        public var reward: Double

        /// Describes an impression.
        public init(item: Item, position: Int, reward: Double) {
            self.item = item
            self.position = position
            self.reward = reward
        }
    }

    /// How many impressions at the overall rate each position gets.
    public static var priorImpressions: Double { 10 }
    /// How many clicks, as expected, each item gets.
    public static var priorClicks: Double { 1 }

    private let overall: Double
    private let positions: [Int: Double]
    private let factors: [Item: Double]

    /// Learns from impressions; from none, it expects no clicks.
    public init(fitting examples: some Collection<Example>) {
        var byPosition: [Int: (clicks: Double, count: Double)] = [:]
        for example in examples {
            byPosition[example.position, default: (0, 0)].clicks += example.reward
            byPosition[example.position, default: (0, 0)].count += 1
        }
        let overall = examples.isEmpty ? 0 : examples.reduce(0) { $0 + $1.reward } / Double(examples.count)
        let positions = byPosition.mapValues {
            ($0.clicks + Self.priorImpressions * overall) / ($0.count + Self.priorImpressions)
        }
        var byItem: [Item: (clicks: Double, expected: Double)] = [:]
        for example in examples {
            byItem[example.item, default: (0, 0)].clicks += example.reward
            byItem[example.item, default: (0, 0)].expected += positions[example.position] ?? overall
        }
        (self.overall, self.positions) = (overall, positions)
        factors = byItem.mapValues { ($0.clicks + Self.priorClicks) / ($0.expected + Self.priorClicks) }
    }

    /// The expected reward of an item in a position, 0 to 1; what is not known counts as average.
    public func estimate(_ item: Item, at position: Int) -> Double {
        min(1, (positions[position] ?? overall) * (factors[item] ?? 1))
    }
}

/// Two click models, each fitted to one half of the users and asked about the other half.
///
/// What is expected of an impression then does not depend on its own reward, which keeps doubly robust estimates unbiased.
///
/// - Source: cross-fitting, Chernozhukov et al. 2018, Double/debiased machine learning, definition 3.1.
public struct CrossFittedClickModel<Item: Hashable & Sendable>: Sendable {
    private let models: [ClickModel<Item>]

    /// Learns from the impressions of each user.
    public init(fitting examples: [(user: String, example: ClickModel<Item>.Example)]) {
        models = (0..<2).map { fold in
            ClickModel(fitting: examples.filter { Self.fold(of: $0.user) != fold }.map(\.example))
        }
    }

    /// The reward that users of the other half let expect.
    ///
    /// - Parameters:
    ///   - item: The item.
    ///   - position: Position on the page, from 0.
    ///   - user: Who sees it.
    public func estimate(_ item: Item, at position: Int, for user: String) -> Double {
        models[Self.fold(of: user)].estimate(item, at: position)
    }

    /// The half that a user is in, 0 or 1: always the same, by the FNV-1a hash of the id.
    static func fold(of user: String) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in user.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        // The lowest bit is only the parity of the bytes.
        return Int(hash >> 40 & 1)
    }
}
