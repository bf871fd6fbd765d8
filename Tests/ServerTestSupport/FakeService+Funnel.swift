// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
import CascadeStore

extension FakeService {
    private static let now: Int64 = 1_750_000_000

    /// What shares most categories with the latest clicks, without what was seen.
    public func recommend(
        to user: UserID,
        count: Int,
        context: [String: String],
        isPreview: Bool,
        time: Int64?
    ) async throws -> Page {
        try await obey()
        self.context = context
        self.time = time
        if isPreview { previews += 1 }
        let history = events[user] ?? []
        let seen = Set(history.map(\.event.item))
        let liked = history.suffix(8).reversed().enumerated().reduce(into: [String: Double]()) { weights, one in
            for category in items[one.element.event.item]?.categories ?? [] {
                weights[category, default: 0] += 1 / Double(one.offset + 1)
            }
        }
        return page(user: user, count: count, seen: seen, source: "taste") { record in
            record.categories.map { liked[$0] ?? 0 }.reduce(0, +) / Double(max(1, record.categories.count))
        }
    }

    /// Titles that hold the words.
    public func search(
        _ query: String,
        user: UserID?,
        count: Int,
        context: [String: String],
        isPreview: Bool,
        time: Int64?
    ) async throws -> Page {
        try await obey()
        self.context = context
        self.time = time
        if isPreview { previews += 1 }
        let words = query.lowercased().split(separator: " ")
        return page(user: user, count: count, seen: [], source: "words") { record in
            let title = record.title.lowercased()
            return Double(words.count { title.contains($0) }) - (words.contains { title.contains($0) } ? 0 : .infinity)
        }
    }

    /// Items of the same categories.
    public func similar(to item: ItemID, count: Int, isPreview: Bool, time: Int64?) async throws -> Page {
        try await obey()
        self.time = time
        if isPreview { previews += 1 }
        guard let record = items[item] else { throw ServiceError(.notFound, "similar items: nobody knows this item.") }
        let categories = Set(record.categories)
        return page(user: nil, count: count, seen: [item], source: "taste") {
            Double(categories.intersection($0.categories).count) / Double(max(1, categories.union($0.categories).count))
        }
    }

    private func page(
        user: UserID?,
        count: Int,
        seen: Set<ItemID>,
        source: String,
        score: (ItemRecord) -> Double
    ) -> Page {
        requests += 1
        let request = "r\(requests)"
        let known = order.enumerated().compactMap { place, id in
            items[id].map { (record: $0, popularity: 1 / Double(place + 2)) }
        }
        let scored = known.filter { !seen.contains($0.record.id) && $0.record.available }
            .map { (record: $0.record, score: score($0.record) + 0.1 * $0.popularity) }
            .filter(\.score.isFinite)
            .sorted { $0.score > $1.score }
        let places = scored.prefix(count).map { one in
            Page.Item(
                item: one.record.id,
                title: one.record.title,
                score: one.score,
                sources: one.score > 0.1 ? [source, "popular"] : ["popular"],
                reasons: one.score > 0.1 ? [source] + one.record.categories.prefix(1) : ["popular"]
            )
        }
        let answer = Page(
            request: request,
            items: places,
            degraded: slotStates["ranker"]?.version == nil ? [Degradation(stage: "ranker", reason: .missing)] : [],
            versions: slotStates.compactMapValues { $0.version?.version },
            arms: user == nil ? [:] : ["freshness": requests.isMultiple(of: 2) ? "boosted" : "plain"]
        )
        explain(answer, user: user, candidates: scored.map { ScoredItem($0.record.id, $0.score) }, seen: seen.count)
        return answer
    }

    private func explain(_ page: Page, user: UserID?, candidates: [ScoredItem], seen: Int) {
        func stage(_ name: String, _ time: Double, from: Int, to: Int, dropped: [String: Int] = [:])
            -> Explanation.Stage
        {
            Explanation.Stage(
                stage: name,
                version: page.versions[name] ?? "",
                latencyMS: time,
                received: from,
                kept: Array(candidates.prefix(min(10, to))),
                keptCount: min(to, candidates.count),
                dropped: dropped,
                degraded: page.degraded.first { $0.stage == name }?.reason
            )
        }
        let stages = [
            stage("taste", 1.42, from: 0, to: 400), stage("popular", 0.08, from: 0, to: 200),
            stage("pre-ranker", 0.91, from: 520, to: 300, dropped: ["duplicate": 80]),
            stage("ranker", 2.67, from: 300, to: 50),
            stage("page", 0.21, from: 50, to: page.items.count, dropped: ["seen": seen, "unavailable": 2]),
        ]
        explanations[page.request] = Explanation(
            request: page.request,
            user: user,
            time: Self.now,
            latencyMS: stages.map(\.latencyMS).reduce(0, +),
            stages: stages,
            page: page
        )
        explained.append(page.request)
        if explained.count > 100 { explanations[explained.removeFirst()] = nil }
    }
}
