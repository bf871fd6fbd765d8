// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// Takes one request through the stages of a funnel.
///
/// A stage that fails, is missing or overruns is left out: what it should have judged goes on in the order it had.
struct Pipeline: Sendable {
    let plan: FunnelPlan
    /// What serves for this request, from its beginning to its end.
    let assembly: Assembly
    let builtins: Builtins
    let catalogue: Catalogue
    let clock: FunnelClock
    /// When the whole must be done, on the clock.
    let end: Duration

    /// All that sources find, in one list, without what the rules keep away.
    func candidates(
        for request: FunnelRequest,
        rules: Reranker,
        _ trace: inout RequestTrace
    ) async -> [Candidate] {
        let findings = await findings(for: request, excluding: rules.seen.union(rules.rules.blocked), &trace)
        let start = clock.now()
        let merged = Candidates.merge(findings)
        var rules = rules
        rules.records = catalogue.records(of: merged.lazy.map(\.item))
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

    /// The candidates after a judge: by its scores, the best that it keeps.
    func judged(
        _ candidates: [Candidate],
        by judge: FunnelPlan.Judge?,
        _ stage: String,
        for request: FunnelRequest,
        _ trace: inout RequestTrace
    ) async -> [Candidate] {
        guard let judge, !candidates.isEmpty else { return candidates }
        let keep = max(judge.keep, request.count)
        let start = clock.now()
        guard let installed = assembly[judge.slot], let scorer = installed.loaded.scorer else {
            return leaveOut(stage, .missing, nil, since: start, candidates, keep: keep, &trace)
        }
        let items = candidates.map(\.item)
        let outcome = await installed.runner.run(within: limit(judge.deadline)) {
            try await scorer.scores(of: items, for: request)
        }
        guard case .finished(let scores) = outcome, let ranked = Candidates.ranked(candidates, by: scores) else {
            let reason = outcome.reason ?? .failed
            return leaveOut(stage, reason, outcome.error, since: start, candidates, keep: keep, &trace)
        }
        let kept = Array(ranked.prefix(keep))
        trace.note(
            stage,
            slot: judge.slot,
            version: installed.version,
            milliseconds: clock.milliseconds(since: start),
            received: candidates.count,
            kept: kept.map(\.scored)
        )
        return kept
    }

    /// A stage's deadline, or what is left of the whole one.
    func limit(_ deadline: Duration) -> Duration { min(deadline, end - clock.now()) }

    private func leaveOut(
        _ stage: String,
        _ reason: Degradation.Reason,
        _ error: (any Error)?,
        since start: Duration,
        _ candidates: [Candidate],
        keep: Int,
        _ trace: inout RequestTrace
    ) -> [Candidate] {
        let kept = Array(candidates.prefix(keep))
        trace.note(
            stage,
            leftOut: reason,
            by: error,
            milliseconds: clock.milliseconds(since: start),
            received: candidates.map(\.scored),
            kept: kept.count
        )
        return kept
    }
}

extension Pipeline {
    private struct Answer: Sendable {
        var place: Int
        var version: String
        var milliseconds: Double
        var outcome: Outcome<[ScoredItem]>?
    }

    /// What each source finds, asked all at once.
    private func findings(
        for request: FunnelRequest,
        excluding excluded: Set<ItemID>,
        _ trace: inout RequestTrace
    ) async -> [Findings] {
        let answers = await withTaskGroup(of: Answer.self) { group in
            for (place, source) in plan.sources.enumerated() {
                group.addTask { await ask(source, at: place, for: request, excluding: excluded) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var findings: [Findings] = []
        for answer in answers.sorted(by: { $0.place < $1.place }) {
            let source = plan.sources[answer.place]
            let slot: String? = if case .slot(let name) = source.origin { name } else { nil }
            guard case .finished(let items) = answer.outcome, items.allSatisfy(\.score.isFinite) else {
                let reason = answer.outcome.map { $0.reason ?? .failed } ?? .missing
                let error = answer.outcome?.error
                trace.note(source.name, leftOut: reason, by: error, milliseconds: answer.milliseconds)
                continue
            }
            var seen = excluded
            let kept = Array(items.filter { seen.insert($0.item).inserted }.prefix(source.quota))
            trace.note(
                source.name,
                slot: slot,
                version: answer.version,
                milliseconds: answer.milliseconds,
                kept: kept
            )
            findings.append(Findings(source: source.name, quota: source.quota, items: kept))
        }
        return findings
    }

    private func ask(
        _ source: FunnelPlan.Source,
        at place: Int,
        for request: FunnelRequest,
        excluding excluded: Set<ItemID>
    ) async -> Answer {
        let start = clock.now()
        let found: (any CandidateSource, DeadlineRunner)?
        switch source.origin {
        case .slot(let name): found = assembly[name].flatMap { slot in slot.loaded.source.map { ($0, slot.runner) } }
        case .builtin(let builtin): found = builtins[builtin]
        }
        guard let (finder, runner) = found else {
            return Answer(place: place, version: "", milliseconds: 0, outcome: nil)
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
        return Answer(
            place: place,
            version: version,
            milliseconds: clock.milliseconds(since: start),
            outcome: outcome
        )
    }
}
