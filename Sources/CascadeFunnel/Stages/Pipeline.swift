// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// Takes one request through the stages of a funnel.
///
/// A stage that fails, is missing or overruns is skipped: its candidates keep their order.
struct Pipeline: Sendable {
    let plan: FunnelPlan
    /// What serves for this request, from its beginning to its end.
    let assembly: Assembly
    let builtins: Builtins
    let catalog: ItemCatalog
    let clock: FunnelClock
    /// When the whole must be done, on the clock.
    let end: Duration

    /// All that sources find, in one list, without what the rules keep away.
    func candidates(
        for request: FunnelRequest,
        rules: Reranker,
        _ trace: inout RequestTrace
    ) async -> [Candidate] {
        let findings = await findings(for: request, excluding: rules.kept, &trace)
        let start = clock.now()
        let merged = Candidates.merge(findings)
        var rules = rules
        rules.records = catalog.records(of: merged.lazy.map(\.item))
        var dropped: [String: Int] = [:]
        let allowed = merged.filter { candidate in
            guard let rule = rules.objection(to: candidate.item) else { return true }
            dropped[rule, default: 0] += 1
            return false
        }
        let received = findings.reduce(0) { $0 + $1.items.count }
        if received > merged.count { dropped["duplicate"] = received - merged.count }
        trace.note(
            "merge",
            milliseconds: clock.milliseconds(since: start),
            received: received,
            kept: allowed.map(\.scored),
            dropped: dropped
        )
        return allowed
    }

    /// The candidates by the scores of a stage, the best that it keeps.
    func ranked(
        _ candidates: [Candidate],
        by stage: FunnelPlan.RankingStage?,
        named name: String,
        for request: FunnelRequest,
        _ trace: inout RequestTrace
    ) async -> [Candidate] {
        guard let stage, !candidates.isEmpty else { return candidates }
        let keep = max(stage.keep, request.count)
        let start = clock.now()
        guard let installed = assembly[stage.slot], let scorer = installed.loaded.scorer else {
            trace.skip(name, .missing, since: start, passing: candidates, keep: keep)
            return Array(candidates.prefix(keep))
        }
        let items = candidates.map(\.item)
        let outcome = await installed.runner.run(within: limit(stage.deadline)) {
            try await scorer.scores(of: items, for: request)
        }
        guard case .finished(let scores) = outcome, let ranked = Candidates.ranked(candidates, by: scores) else {
            let reason = outcome.reason ?? .failed
            trace.skip(name, reason, outcome.error, since: start, passing: candidates, keep: keep)
            return Array(candidates.prefix(keep))
        }
        let kept = Array(ranked.prefix(keep))
        trace.note(
            name,
            slot: stage.slot,
            version: installed.version,
            milliseconds: clock.milliseconds(since: start),
            received: candidates.count,
            kept: kept.map(\.scored)
        )
        return kept
    }

    /// A stage's deadline, or what is left of the whole one.
    func limit(_ deadline: Duration) -> Duration { min(deadline, end - clock.now()) }
}

extension Pipeline {
    private struct Retrieved: Sendable {
        var position: Int
        var version: String
        var milliseconds: Double
        var outcome: DeadlineOutcome<[ScoredItem]>?
    }

    /// What each source retrieves; all run at once.
    private func findings(
        for request: FunnelRequest,
        excluding excluded: Set<ItemID>,
        _ trace: inout RequestTrace
    ) async -> [Findings] {
        let all = await withTaskGroup(of: Retrieved.self) { group in
            for (position, source) in plan.sources.enumerated() {
                group.addTask { await retrieve(source, at: position, for: request, excluding: excluded) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var findings: [Findings] = []
        for retrieved in all.sorted(by: { $0.position < $1.position }) {
            let source = plan.sources[retrieved.position]
            let slot: String? = if case .slot(let name) = source.origin { name } else { nil }
            guard case .finished(let items) = retrieved.outcome, items.allSatisfy(\.score.isFinite) else {
                let reason = retrieved.outcome.map { $0.reason ?? .failed } ?? .missing
                let error = retrieved.outcome?.error
                trace.note(source.name, leftOut: reason, by: error, milliseconds: retrieved.milliseconds)
                continue
            }
            var seen = excluded
            let kept = Array(items.filter { seen.insert($0.item).inserted }.prefix(source.quota))
            trace.note(
                source.name,
                slot: slot,
                version: retrieved.version,
                milliseconds: retrieved.milliseconds,
                kept: kept
            )
            findings.append(Findings(source: source.name, quota: source.quota, items: kept))
        }
        return findings
    }

    private func retrieve(
        _ source: FunnelPlan.Source,
        at position: Int,
        for request: FunnelRequest,
        excluding excluded: Set<ItemID>
    ) async -> Retrieved {
        let start = clock.now()
        let found: (any CandidateSource, DeadlineRunner)?
        switch source.origin {
        case .slot(let name): found = assembly[name].flatMap { slot in slot.loaded.source.map { ($0, slot.runner) } }
        case .builtin(let builtin): found = builtins[builtin]
        }
        guard let (finder, runner) = found else {
            return Retrieved(position: position, version: "", milliseconds: 0, outcome: nil)
        }
        let version: String
        if case .slot(let name) = source.origin {
            version = assembly[name]?.version ?? ""
        } else {
            version = finder.version
        }
        let outcome = await runner.run(within: limit(source.deadline)) {
            try await finder.candidates(for: request, limit: source.quota, excluding: excluded)
        }
        return Retrieved(
            position: position,
            version: version,
            milliseconds: clock.milliseconds(since: start),
            outcome: outcome
        )
    }
}
