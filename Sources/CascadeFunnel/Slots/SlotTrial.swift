// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore

/// Asks something newly loaded what a request would ask it, before requests do.
struct SlotTrial: Sendable {
    private let loaded: LoadedSlot
    private let uses: [SlotUse]
    private let request: FunnelRequest

    init(_ loaded: LoadedSlot, as slot: SlotConfiguration, uses: [SlotUse], now: Int64) {
        self.loaded = loaded
        self.uses = uses
        let query = slot.kind == .searchRanker ? "trial" : nil
        request = FunnelRequest(id: "trial", user: nil, history: [], query: query, count: 10, now: now)
    }

    /// Refuses what is not what the funnel uses the slot for, and scores that are not numbers.
    func run() async throws {
        for use in uses where !loaded.serves(use) {
            throw ServiceError(
                .invalid,
                "\(loaded.version.path): found nothing that \(use.rawValue), which the funnel uses the slot for"
            )
        }
        var items = [ItemID("trial")]
        if let source = loaded.source {
            let found = try await source.candidates(for: request, limit: 10, excluding: [])
            try check(found.map(\.score), "candidates")
            items += found.map(\.item)
        }
        if let scorer = loaded.scorer {
            let scores = try await scorer.scores(of: items, for: request)
            try check(scores.compactMap { $0 }, "scores")
            guard scores.count == items.count else { throw refusal("\(scores.count) scores for \(items.count) items") }
        }
        if let similar = loaded.similar {
            try check(await similar.similar(to: items[items.count - 1], limit: 10)?.map(\.score) ?? [], "similar items")
        }
    }

    private func check(_ scores: [Double], _ what: String) throws {
        guard scores.allSatisfy(\.isFinite) else { throw refusal("\(what) whose scores are no finite numbers") }
    }

    private func refusal(_ found: String) -> ServiceError {
        ServiceError(.invalid, "\(loaded.version.path): found \(found), expected one finite score for each item")
    }
}
