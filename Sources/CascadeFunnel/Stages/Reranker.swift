// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeStore
import Foundation

/// Selects a page from ranked candidates by the rules of a funnel.
struct Reranker: Sendable {
    /// An item of the page.
    struct Placed: Sendable, Equatable {
        var item: ItemID
        /// What the last stage gave it; nil when no stage saw it.
        var score: Double?
        var sources: [String]
        var reasons: [String]
        /// The probability of the item in its position, given those before.
        var propensity = 1.0
    }

    /// A candidate in the order of the rules.
    struct Ranked: Sendable, Equatable {
        var candidate: Candidate
        /// Position score plus freshness score.
        var score: Double
    }

    /// A page that the rules chose.
    struct Draft: Sendable, Equatable {
        var items: [Placed] = []
        /// How many of the first items are pinned.
        var pinnedCount = 0
        /// The candidates below the pinned items that may be shown, best first; empty where nothing explores.
        var ranked: [Ranked] = []
        /// How many items each rule took away.
        var dropped: [String: Int] = [:]
    }

    let rules: RerankRules
    /// What is known of the candidates and of the pinned items.
    var records: [ItemID: ItemRecord] = [:]
    /// Items that the person has dealt with, when they stay away.
    let seen: Set<ItemID>
    /// Items that the person disliked or hid: these stay away whatever the rules say.
    var rejected: Set<ItemID> = []
    /// In seconds since 1970-01-01 UTC.
    let now: Int64

    /// All items that are kept away whatever is known of them.
    var kept: Set<ItemID> { seen.union(rejected).union(rules.blocked) }

    /// The rule that keeps an item from the page; nil when it may be shown.
    func objection(to item: ItemID) -> String? {
        if rules.blocked.contains(item) { return "blocked" }
        if rejected.contains(item) { return "rejected" }
        if seen.contains(item) { return "seen" }
        if let record = records[item], record.isWithdrawn || rules.availableOnly && !record.available {
            return "unavailable"
        }
        return nil
    }

    /// Picks the page, and counts what each rule took away.
    ///
    /// Pinned items come first. The others are selected greedily (MMR): position score + freshness score + diversity
    /// weight x number of selected items that share no category.
    ///
    /// - Source: maximal marginal relevance, Carbonell and Goldstein 1998, section 2.
    /// - Deviation: the similarity to the items before is summed as ``Diversity`` does, instead of taking the greatest, so
    ///   that a third item of a category costs more than a second; the weight is not between 0 and 1.
    func page(of candidates: [Candidate], count: Int) -> Draft {
        var dropped: [String: Int] = [:]
        var scores: [ItemID: Candidate] = [:]
        var allowed: [Candidate] = []
        for candidate in candidates {
            if scores.updateValue(candidate, forKey: candidate.item) != nil {
                dropped["duplicate", default: 0] += 1
            } else if let rule = objection(to: candidate.item) {
                dropped[rule, default: 0] += 1
            } else {
                allowed.append(candidate)
            }
        }
        let pinned = rules.pinned.filter { objection(to: $0) == nil }.prefix(count)
        let top = pinned.map { item in
            let found = scores[item]
            return Placed(item: item, score: found?.score, sources: found?.sources ?? [], reasons: ["pinned"])
        }
        let others = allowed.filter { !pinned.contains($0.item) }
        var draft = ordered(others, count: count - top.count)
        (draft.items, draft.pinnedCount, draft.dropped) = (top + draft.items, top.count, dropped)
        return draft
    }

    private func ordered(_ candidates: [Candidate], count: Int) -> Draft {
        let worth = candidates.enumerated().map { place, candidate in
            1 - Double(place) / Double(candidates.count) + rules.freshnessWeight * freshness(of: candidate.item)
        }
        let order = candidates.indices.sorted { (worth[$1], $0) < (worth[$0], $1) }
        let diversity = Diversity(
            weight: rules.diversityWeight,
            categories: categories(of: rules.diversityWeight > 0 ? order.map { candidates[$0].item } : [])
        )
        let list = diversity.list(of: order.enumerated().map { ($0, worth[$1]) }, count: count)
        let items = list.enumerated().map { place, chosen in
            let candidate = candidates[order[chosen.item]]
            return placed(candidate, because: chosen.item > place ? records[candidate.item]?.categories.first : nil)
        }
        guard rules.exploration != nil else { return Draft(items: items) }
        return Draft(items: items, ranked: order.map { Ranked(candidate: candidates[$0], score: worth[$0]) })
    }

    /// A candidate on the page, with the reasons for it.
    func placed(_ candidate: Candidate, because category: String? = nil) -> Placed {
        var reasons: [String] = []
        if rules.freshnessWeight > 0, freshness(of: candidate.item) > 0.5 { reasons.append("new") }
        if let category { reasons.append(category) }
        return Placed(
            item: candidate.item,
            score: candidate.score,
            sources: candidate.sources,
            reasons: reasons + candidate.sources
        )
    }

    /// 1 for what appears now, half of it after each half-life; 0 when nobody knows since when the item exists.
    private func freshness(of item: ItemID) -> Double {
        guard let created = records[item]?.created, created > 0 else { return 0 }
        let days = Double(max(0, now - created)) / 86_400
        return exp2(-days / rules.freshnessHalfLife)
    }

    private func categories(of items: [ItemID]) -> ItemCategories {
        var numbers: [ByteString: Int] = [:]
        return ItemCategories(
            items.map { item in
                let names = records[item]?.categories ?? []
                return (rules.similarity == .first ? Array(names.prefix(1)) : names).map(ByteString.init(_:)).map {
                    name in
                    numbers[name]
                        ?? {
                            numbers[name] = numbers.count
                            return numbers.count - 1
                        }()
                }
            }
        )
    }
}
