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
    /// How often popular items are counted at most.
    private static let maximumCounts: Int64 = 200

    private let service: FunnelService
    private let store: SQLiteStore
    private let past: PastStore
    private let variant: String?
    private let settings: FunnelConfiguration
    private let logged: [LoggedRequest]
    private let model: CrossFittedClickModel<ItemID>

    /// Fits the click model of the doubly robust estimator.
    ///
    /// - Parameters:
    ///   - service: The funnel over the past, started.
    ///   - store: The store that the requests are from.
    ///   - past: The same store, whose moment the funnel sees.
    ///   - variant: The funnel's variant; nil for the default.
    ///   - settings: The funnel's configuration.
    ///   - logged: At least one request, oldest first.
    init(
        service: FunnelService,
        store: SQLiteStore,
        past: PastStore,
        variant: String?,
        settings: FunnelConfiguration,
        logged: [LoggedRequest]
    ) {
        (self.service, self.store, self.past) = (service, store, past)
        (self.variant, self.settings, self.logged) = (variant, settings, logged)
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

    /// All requests, in order, with popular items as they were counted shortly before each.
    private func rebuild() async throws -> [Rebuilt] {
        var results: [Rebuilt] = []
        for stretch in stretches() {
            past.time = logged[stretch.lowerBound].time
            try await service.recountPopularity()
            results += try await rebuild(stretch)
            if Terminal.isInteractive { Terminal.status("\(results.count) of \(logged.count) requests") }
        }
        if Terminal.isInteractive { Terminal.status("") }
        return results
    }

    /// Requests for which popular items are counted once: as often as the service counts, but at most so many times.
    private func stretches() -> [Range<Int>] {
        let (first, last) = (logged[0].time, logged[logged.count - 1].time)
        let step = max(Int64(settings.popularity.refreshSeconds), (last - first) / Self.maximumCounts + 1)
        var starts = [0]
        for index in logged.indices where logged[index].time - logged[starts[starts.count - 1]].time >= step {
            starts.append(index)
        }
        return zip(starts, starts.dropFirst() + [logged.count]).map { $0..<$1 }
    }

    /// Some requests, in order; several are under way at a time.
    private func rebuild(_ stretch: Range<Int>) async throws -> [Rebuilt] {
        try await withThrowingTaskGroup(of: (Int, Rebuilt).self) { group in
            var rest = stretch
            var results = [Rebuilt?](repeating: nil, count: stretch.count)
            func add() {
                guard let index = rest.popFirst() else { return }
                group.addTask { (index, try await rebuild(logged[index])) }
            }
            for _ in 0..<Self.concurrency { add() }
            while let (index, rebuilt) = try await group.next() {
                results[index - stretch.lowerBound] = rebuilt
                add()
            }
            return results.compactMap { $0 }
        }
    }

    private func rebuild(_ logged: LoggedRequest) async throws -> Rebuilt {
        let user = logged.user.rawValue
        let request = FunnelRequest(
            id: logged.id,
            user: logged.user,
            history: try await store.history(of: logged.user, before: logged.time, limit: settings.history.events),
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
