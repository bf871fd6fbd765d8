// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import Foundation

/// How likely a funnel is to answer a request with a page: the probability of each item in each position, given those before.
///
/// What a service serves is drawn from it, so that logged propensities are exact; off-policy evaluation asks it for the
/// probabilities of pages that another funnel made.
public struct PageDistribution: Sendable, Equatable {
    /// An item that may stand in a position.
    public struct Choice: Sendable, Equatable {
        /// The item.
        public var item: ItemID
        /// Its probability, 0 to 1.
        public var probability: Double

        /// Describes a choice.
        public init(_ item: ItemID, _ probability: Double) {
            self.item = item
            self.probability = probability
        }
    }

    /// A candidate with the score by which the rules order it.
    struct Scored: Sendable, Equatable {
        var item: ItemID
        var score: Double
    }

    /// How the positions from the first explored one on are chosen.
    enum Form: Sendable, Equatable {
        case fixed
        case epsilonGreedy(epsilon: Double, first: Int, pool: [ItemID])
        case plackettLuce(temperature: Double, first: Int, pool: [Scored])
    }

    /// The page that the rules choose, which is served when nothing is explored.
    public let page: [ItemID]
    /// The stages that were skipped while the page was made.
    public var degraded: [Degradation] = []
    private let form: Form

    /// Describes how a page is explored.
    init(_ page: [ItemID], _ form: Form = .fixed) {
        self.page = page
        self.form = form
    }

    /// What may stand in a position, the choice of the rules first; nothing from the end of the page on.
    ///
    /// Items of `prefix` that this funnel would not have put there take nothing away but themselves.
    ///
    /// - Parameters:
    ///   - position: From 0.
    ///   - prefix: The items in the positions before.
    /// - Returns: Probabilities that add up to 1, rounding aside.
    public func choices(at position: Int, after prefix: [ItemID]) -> [Choice] {
        guard page.indices.contains(position) else { return [] }
        let chosen = [Choice(page[position], 1)]
        switch form {
        case .epsilonGreedy(let epsilon, let first, let pool) where position >= first:
            let used = Set(prefix)
            let open = pool.filter { !used.contains($0) }
            guard !open.isEmpty else { return chosen }
            let share = epsilon / Double(open.count)
            return [Choice(page[position], 1 - epsilon)] + open.map { Choice($0, share) }
        case .plackettLuce(let temperature, let first, let pool) where position >= first:
            let used = Set(prefix)
            let open = pool.filter { !used.contains($0.item) }
            guard let best = open.map(\.score).max() else { return chosen }
            let weights = open.map { exp(($0.score - best) / temperature) }
            let sum = weights.reduce(0, +)
            return zip(open, weights).map { Choice($0.item, $1 / sum) }
        default: return chosen
        }
    }

    /// The probability of an item in a position; 0 for one that cannot stand there.
    ///
    /// - Parameters:
    ///   - item: The item.
    ///   - position: From 0.
    ///   - prefix: The items in the positions before.
    public func probability(of item: ItemID, at position: Int, after prefix: [ItemID]) -> Double {
        choices(at: position, after: prefix).first { $0.item == item }?.probability ?? 0
    }
}

extension PageDistribution {
    /// An item that was drawn for a position.
    struct Drawn: Sendable, Equatable {
        var item: ItemID
        /// The probability with which it was drawn, given the positions before; above 0.
        var propensity: Double
        /// Whether the rules would have chosen another item here.
        var isExplored: Bool
    }

    /// Draws a page, position after position.
    func draw(using generator: inout SplitMix64) -> [Drawn] {
        var drawn: [Drawn] = []
        drawn.reserveCapacity(page.count)
        for position in page.indices {
            let choices = choices(at: position, after: drawn.map(\.item))
            let chosen = Self.pick(choices, using: &generator)
            let choice = choices[chosen]
            drawn.append(Drawn(item: choice.item, propensity: choice.probability, isExplored: chosen != 0))
        }
        return drawn
    }

    /// The index of a choice; nothing is drawn where there is only one.
    private static func pick(_ choices: [Choice], using generator: inout SplitMix64) -> Int {
        guard choices.count > 1 else { return 0 }
        let point = Double(generator.next() >> 11) * 0x1p-53
        var end = 0.0
        var last = 0
        for (index, choice) in choices.enumerated() where choice.probability > 0 {
            end += choice.probability
            if point < end { return index }
            last = index
        }
        // Probabilities that add up to a little less than 1.
        return last
    }
}

extension SplitMix64 {
    /// The random numbers of a request's exploration: always the same for one id.
    init(exploring request: String) {
        var (print, request) = (Fingerprint(), request)
        request.withUTF8 { print.add("exploration", UnsafeRawBufferPointer($0)) }
        self.init(seed: print.number)
    }
}
