// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import CascadeFunnel
import CascadeServing
import CascadeStore
import Foundation

/// What the logged pages of a service predict for a candidate and for what serves.
struct OffPolicyGate {
    /// How many of the latest requests are asked.
    private static let requests = 2_000

    private let settings: ServiceSettings
    private let store: SQLiteStore

    init(_ settings: ServiceSettings, _ store: SQLiteStore) { (self.settings, self.store) = (settings, store) }

    /// Adds to a report what the requests of its window predict; nothing where no page was explored.
    func add(to report: inout GateReport) async throws {
        guard report.isPassed, let window = report.window else { return }
        let logged = try await store.loggedRequests(since: window.since, limit: Self.requests)
        let isExplored = logged.contains { $0.impressions.contains { ($0.propensity ?? 1) < 1 } }
        guard isExplored, let serving = report.serving else { return }
        report.add(
            .init(
                requests: logged.count,
                candidate: try await estimate(report.candidate.place, in: report.slot, logged),
                serving: try await estimate(serving.place, in: report.slot, logged)
            )
        )
    }

    /// The click rate of the service with a version in a slot; nil when the log says nothing of it.
    private func estimate(
        _ place: Promotion.Place,
        in slot: String,
        _ logged: [LoggedRequest]
    ) async throws -> GateReport.OffPolicy.Estimate? {
        let past = PastStore(store, at: logged[0].time)
        let service = try settings.service(over: past, at: settings.funnel.store, with: [slot: place])
        try await service.start(keepingUp: false)
        let rebuilding = PolicyRebuilding(
            service: service,
            store: store,
            past: past,
            variant: nil,
            settings: settings.funnel,
            logged: logged
        )
        let found: OffPolicyReport
        do {
            found = try await rebuilding.report(clip: OffPolicyReport.defaultClip)
        } catch {
            await service.shutdown()
            throw error
        }
        await service.shutdown()
        guard let snips = found.estimates.first(where: { $0.estimator == .snips }), let value = snips.value,
            let interval = snips.interval
        else { return nil }
        return .init(value: value, low: interval.lower, high: interval.upper, support: snips.support)
    }
}
