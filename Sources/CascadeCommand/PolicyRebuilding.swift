// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeEvaluation
import CascadeFunnel
import CascadeStore

/// Asks a funnel what it would have shown for each logged request.
struct PolicyRebuilding: Sendable {
    /// A request with the target's probabilities, and the stages that were skipped for it.
    private struct Rebuilt: Sendable {
        var page: OffPolicyPage
        var degraded: [Degradation]
    }

    /// How many requests are asked at a time.
    private static let concurrency = 4

    private let service: FunnelService
    private let store: SQLiteStore
    private let variant: String?
    private let historyLimit: Int
    private let logged: [LoggedRequest]
    private let model: CrossFittedClickModel<ItemID>

    /// Fits the click model of the doubly robust estimator.
    ///
    /// - Parameters:
    ///   - service: The funnel, started.
    ///   - store: The store that the requests are from.
    ///   - variant: The funnel's variant; nil for the default.
    ///   - historyLimit: How many events of a user the funnel sees.
    ///   - logged: At least one request.
    init(
        service: FunnelService,
        store: SQLiteStore,
        variant: String?,
        historyLimit: Int,
        logged: [LoggedRequest]
    ) {
        (self.service, self.store, self.variant) = (service, store, variant)
        (self.historyLimit, self.logged) = (historyLimit, logged)
        model = CrossFittedClickModel(
            fitting: logged.flatMap { request in
                request.impressions.map {
                    (
                        user: request.user.rawValue,
                        example: .init(item: $0.item, position: $0.position, reward: $0.isClicked ? 1 : 0)
                    )
                }
            }
        )
    }

    /// Rebuilds every request, and estimates the funnel's value.
    ///
    /// - Throws: `ConfigurationError` when a slot cannot be loaded, and what the store throws.
    func report(clip: Double) async throws -> OffPolicyReport {
        for slot in await service.slots() where slot.version == nil {
            throw ConfigurationError("slots.\(slot.slot): \(slot.problem ?? "nothing was loaded"); the funnel needs it")
        }
        let rebuilt = try await rebuild()
        var report = try OffPolicyReport(rebuilt.map(\.page), clip: clip)
        let skipped = Dictionary(grouping: rebuilt.flatMap { Set($0.degraded.map(\.stage)) }) { $0 }
        for (stage, times) in skipped.sorted(by: { $0.key < $1.key }) {
            report.warnings.append(
                """
                the stage '\(stage)' was skipped in \(times.count) of \(rebuilt.count) requests, so that another funnel was \
                evaluated there; see what 'cascade serve --check' says
                """
            )
        }
        return report
    }

    /// All requests, in order; several are under way at a time.
    private func rebuild() async throws -> [Rebuilt] {
        try await withThrowingTaskGroup(of: (Int, Rebuilt).self) { group in
            var (next, results) = (0, [Rebuilt?](repeating: nil, count: logged.count))
            func add() {
                guard next < logged.count else { return }
                let index = next
                next += 1
                group.addTask { (index, try await rebuild(logged[index])) }
            }
            for _ in 0..<Self.concurrency { add() }
            var done = 0
            while let (index, rebuilt) = try await group.next() {
                results[index] = rebuilt
                done += 1
                if Terminal.isInteractive, done.isMultiple(of: 100) {
                    Terminal.status("\(done) of \(logged.count) requests")
                }
                add()
            }
            if Terminal.isInteractive { Terminal.status("") }
            return results.compactMap { $0 }
        }
    }

    private func rebuild(_ logged: LoggedRequest) async throws -> Rebuilt {
        let user = logged.user.rawValue
        let request = FunnelRequest(
            id: logged.id,
            user: logged.user,
            history: try await store.history(of: logged.user, before: logged.time, limit: historyLimit),
            query: logged.facts.kind == .search ? logged.facts.query ?? "" : nil,
            context: logged.facts.context,
            count: (logged.impressions.last?.position ?? 0) + 1,
            now: logged.time
        )
        let distribution = try await service.distribution(for: request, variant: variant)
        var prefix: [ItemID] = []
        let impressions = logged.impressions.map { shown in
            let choices = distribution.choices(at: shown.position, after: prefix)
            prefix.append(shown.item)
            return OffPolicyPage.Impression(
                position: shown.position,
                reward: shown.isClicked ? 1 : 0,
                propensity: shown.propensity,
                targetProbability: choices.first { $0.item == shown.item }?.probability ?? 0,
                estimates: RewardEstimates(
                    shown: model.estimate(shown.item, at: shown.position, for: user),
                    target: choices.reduce(0) { sum, choice in
                        sum + choice.probability * model.estimate(choice.item, at: shown.position, for: user)
                    }
                )
            )
        }
        return Rebuilt(page: OffPolicyPage(user: user, impressions: impressions), degraded: distribution.degraded)
    }
}
