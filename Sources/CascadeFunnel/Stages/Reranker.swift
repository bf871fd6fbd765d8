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
    func page(of candidates: [Candidate], count: Int) -> (items: [Placed], dropped: [String: Int]) {
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
        return (top + ordered(others, count: count - top.count), dropped)
    }

    private func ordered(_ candidates: [Candidate], count: Int) -> [Placed] {
        let worth = candidates.enumerated().map { place, candidate in
            1 - Double(place) / Double(candidates.count) + rules.freshnessWeight * freshness(of: candidate.item)
        }
        let order = candidates.indices.sorted { (worth[$1], $0) < (worth[$0], $1) }
        let diversity = Diversity(
            weight: rules.diversityWeight,
            categories: categories(of: rules.diversityWeight > 0 ? order.map { candidates[$0].item } : [])
        )
        let list = diversity.list(of: order.enumerated().map { ($0, worth[$1]) }, count: count)
        return list.enumerated().map { place, chosen in
            let candidate = candidates[order[chosen.item]]
            var reasons: [String] = []
            if rules.freshnessWeight > 0, freshness(of: candidate.item) > 0.5 { reasons.append("new") }
            if chosen.item > place, let category = records[candidate.item]?.categories.first {
                reasons.append(category)
            }
            return Placed(
                item: candidate.item,
                score: candidate.score,
                sources: candidate.sources,
                reasons: reasons + candidate.sources
            )
        }
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
