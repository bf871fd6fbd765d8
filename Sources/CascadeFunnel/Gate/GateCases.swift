// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore

/// One question to both versions, and what was wanted.
struct GateCase: Sendable {
    var request: FunnelRequest
    /// The items that the user chose in the window.
    var wanted: Set<ItemID>
    /// What a ranker orders; nil for a retriever, which finds items itself.
    var pool: [ItemID]?
    /// What a retriever leaves out.
    var excluded: Set<ItemID> = []
}

/// The questions of one user.
struct UserCases: Sendable {
    var user: UserID
    var cases: [GateCase]
}

/// Makes questions of what people did in a window.
struct GateCases: Sendable {
    /// How many of the most popular items a ranker orders beside the wanted ones.
    static let poolSize = 100

    let kind: SlotConfiguration.Kind
    let rules: RerankRules
    /// The most popular items before the window.
    let popular: [ItemID]
    let k: Int
    /// The beginning of the window.
    let time: Int64
    var choices = GateSettings.Choices.all

    /// The questions of a user; none when they chose nothing, or nothing that a page could show.
    func cases(of activity: UserActivity) -> UserCases? {
        let counted = activity.events.filter { choices == .all || $0.isOrganic }
        let chosen = counted.map(\.event).filter(\.action.isPositive)
        let cases =
            switch kind {
            case .retriever, .index: retrieval(activity, chosen)
            case .ranker: ranking(activity, chosen)
            case .searchRanker: queryRanking(activity, chosen)
            }
        return cases.isEmpty ? nil : UserCases(user: activity.user, cases: cases)
    }

    /// All that the user chose, from what they did before; nothing of somebody without a history.
    private func retrieval(_ activity: UserActivity, _ chosen: [Event]) -> [GateCase] {
        guard !activity.history.isEmpty else { return [] }
        let seen = activity.history.lazy.filter { rules.seenActions.contains($0.action) }.map(\.item)
        let excluded = rules.blocked.union(rules.excludeSeen ? Set(seen) : [])
        let wanted = Set(chosen.map(\.item)).subtracting(excluded)
        guard !wanted.isEmpty else { return [] }
        return [GateCase(request: request(activity), wanted: wanted, excluded: excluded)]
    }

    private func ranking(_ activity: UserActivity, _ chosen: [Event]) -> [GateCase] {
        let wanted = Set(chosen.map(\.item))
        guard !wanted.isEmpty else { return [] }
        return [GateCase(request: request(activity), wanted: wanted, pool: pool(wanted))]
    }

    /// One question for each query that led to a choice.
    private func queryRanking(_ activity: UserActivity, _ chosen: [Event]) -> [GateCase] {
        var wanted: [(query: String, items: Set<ItemID>)] = []
        for event in chosen {
            guard let query = event.query else { continue }
            if let known = wanted.firstIndex(where: { $0.query == query }) {
                wanted[known].items.insert(event.item)
            } else {
                wanted.append((query, [event.item]))
            }
        }
        return wanted.map {
            GateCase(request: request(activity, query: $0.query), wanted: $0.items, pool: pool($0.items))
        }
    }

    /// The wanted items among the most popular ones, in the order of their ids, which favors nobody.
    private func pool(_ wanted: Set<ItemID>) -> [ItemID] { wanted.union(popular.prefix(Self.poolSize)).sorted() }

    private func request(_ activity: UserActivity, query: String? = nil) -> FunnelRequest {
        FunnelRequest(
            id: "gate",
            user: activity.user,
            history: activity.history,
            query: query,
            count: k,
            now: time
        )
    }
}

extension UserCases {
    /// What a version makes of the cases, and how long each took in milliseconds.
    func answers(
        of version: GatedVersion,
        k: Int,
        _ clock: FunnelClock
    ) async throws -> (qualities: [ListQuality], milliseconds: [Double]) {
        var (qualities, durations): ([ListQuality], [Double]) = ([], [])
        for one in cases {
            let start = clock.now()
            let list = try await version.list(for: one, limit: k)
            durations.append(clock.milliseconds(since: start))
            qualities.append(ListQuality(list, wanted: one.wanted, k: k))
        }
        return (qualities, durations)
    }
}

/// A version that answers the gate's questions.
enum GatedVersion: Sendable {
    case loaded(LoadedSlot)
    /// Nothing serves: the most popular items.
    case popularity([ItemID])

    /// The items of a case, best first.
    func list(for one: GateCase, limit: Int) async throws -> [ItemID] {
        switch self {
        case .popularity(let items):
            guard let pool = one.pool else {
                return Array(items.lazy.filter { !one.excluded.contains($0) }.prefix(limit))
            }
            let ranks = Dictionary(zip(items, 0...)) { first, _ in first }
            return pool.enumerated().sorted {
                (ranks[$0.element] ?? .max, $0.offset) < (ranks[$1.element] ?? .max, $1.offset)
            }.map(\.element)
        case .loaded(let slot):
            guard let pool = one.pool else {
                return try await slot.source?.candidates(for: one.request, limit: limit, excluding: one.excluded)
                    .map(\.item) ?? []
            }
            let scores = try await slot.scorer?.scores(of: pool, for: one.request) ?? []
            let candidates = pool.map { Candidate(item: $0, score: 0, sources: []) }
            guard let ranked = Candidates.ranked(candidates, by: scores) else {
                throw ServiceError(
                    .invalid,
                    "\(slot.version.version): found \(scores.count) scores for \(pool.count) items, or one that is no number, "
                        + "expected a finite score for each"
                )
            }
            return ranked.map(\.item)
        }
    }
}
