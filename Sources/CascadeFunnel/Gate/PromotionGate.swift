// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeStore
import CascadeTensorFiles
import Foundation

/// Compares a candidate with what serves in a slot, and records who is to serve.
///
/// The running service follows what is recorded. Both versions answer for the same users of the newest window of events that
/// neither was trained on, as the funnel would ask them.
public struct PromotionGate: Sendable {
    /// What the gate reads of a store, and where it records.
    public typealias Store = ActivityStore & PromotionLog

    private let configuration: FunnelConfiguration
    private let settings: GateSettings
    private let store: any Store
    private let loader: any SlotLoader
    private let memory: SlotStateFile?
    private let clock: FunnelClock

    /// Prepares a gate.
    ///
    /// - Parameters:
    ///   - configuration: The service's funnel; `promotion` says what a candidate must show.
    ///   - store: The service's store.
    ///   - loader: Loads what slots hold.
    ///   - memory: The file in which the service notes what serves; nil for none.
    ///   - clock: The present, and what latencies are measured with.
    public init(
        _ configuration: FunnelConfiguration,
        store: any Store,
        loader: any SlotLoader,
        memory: SlotStateFile?,
        clock: FunnelClock = .system
    ) {
        self.configuration = configuration
        settings = configuration.promotion
        self.store = store
        self.loader = loader
        self.memory = memory
        self.clock = clock
    }

    /// Compares a candidate with what serves.
    ///
    /// - Parameters:
    ///   - folder: The candidate's run, or index, directory; an index named `index` within it comes along.
    ///   - index: The candidate's index, where it is not within the folder.
    ///   - data: The data set of the candidate's run, where it is not the one that the run names.
    ///   - slot: The slot's name.
    /// - Throws: ``ServiceError`` `.notFound` for an unknown slot; what the store throws. A candidate that cannot be
    ///   loaded is refused in the report.
    public func report(
        on folder: String,
        index: String? = nil,
        data: String? = nil,
        for slot: String
    ) async throws -> GateReport {
        let configured = try self.slot(slot)
        var place = configured.at(folder)
        let own = URL(filePath: folder).appending(path: "index")
        let hasIndex = place.kind == .retriever && FileManager.default.fileExists(atPath: own.path)
        place.index = index ?? (hasIndex ? own.path : place.index)
        // Another run brings its own data set.
        place.data = data ?? (SlotPlace(place) == SlotPlace(configured) ? place.data : nil)
        let folders = SlotPlace(place)
        var report = GateReport(slot: slot, candidate: .init(version: "", place: folders.promoted))
        let candidate: LoadedSlot
        do {
            candidate = try await tried(place)
        } catch {
            report.refusals = ["it cannot be served: \(error)"]
            return report
        }
        report.candidate.version = candidate.version.version
        try await compare(candidate, place, configured, &report)
        return report
    }

    /// Records what follows of a report.
    ///
    /// - Parameters:
    ///   - report: What was found.
    ///   - isForced: Whether the candidate is to serve though it was refused.
    /// - Returns: The decision, with its number in the store.
    public func decide(_ report: GateReport, isForced: Bool = false) async throws -> Promotion {
        let isPromoted = report.isPassed || isForced && !report.candidate.version.isEmpty
        return try await store.record(
            Promotion(
                slot: report.slot,
                decision: isPromoted ? .promoted : .refused,
                version: report.candidate.version,
                place: report.candidate.place,
                previous: report.serving,
                time: clock.seconds(),
                reason: (isPromoted && !report.isPassed ? "forced, although " : "") + report.summary,
                report: String(decoding: try JSONEncoder.compact.encode(report), as: UTF8.self)
            )
        )
    }

    /// Records that the version before the last promotion is to serve again.
    ///
    /// - Throws: ``ServiceError`` `.invalid` when no promotion is left to take back, or when nothing served before it.
    public func rollBack(_ slot: String) async throws -> Promotion {
        _ = try self.slot(slot)
        guard let last = try await store.stack(of: slot).last else {
            throw ServiceError(
                .invalid,
                "the slot '\(slot)' has no promotion to take back; promote a run with 'cascade promote'"
            )
        }
        guard let previous = last.previous else {
            throw ServiceError(
                .invalid,
                "nothing served in the slot '\(slot)' before \(last.version); promote another run with 'cascade promote'"
            )
        }
        return try await store.record(
            Promotion(
                slot: slot,
                decision: .rolledBack,
                version: previous.version,
                place: previous.place,
                previous: .init(version: last.version, place: last.place),
                time: clock.seconds(),
                reason: "takes back the promotion of \(last.version)"
            )
        )
    }

    private func slot(_ name: String) throws -> SlotConfiguration {
        guard let slot = configuration.slots[name] else {
            let known = configuration.slots.keys.sorted().joined(separator: ", ")
            throw ServiceError(
                .notFound,
                "unknown slot '\(name)'; the configuration has: \(known.isEmpty ? "none" : known)"
            )
        }
        return slot
    }

    /// Loads what lies in a place, warms it up and tries it, as the service would.
    private func tried(_ place: SlotConfiguration) async throws -> LoadedSlot {
        let loaded = try await loader.load(place)
        try await loaded.warmUp()
        try await SlotTrial(loaded, as: place, uses: configuration.uses(of: place.name), now: clock.seconds()).run()
        return loaded
    }
}

extension PromotionGate {
    /// Where what serves in a slot lies; nil when nothing does.
    func servingPlace(of slot: SlotConfiguration) async throws -> SlotPlace? {
        let configured = SlotPlace(slot)
        let record = try memory?.read()[slot.name]
        if let change = try await store.latestChanges()[slot.name], change.problem == nil,
            change.id > record?.promotion ?? 0
        {
            return SlotPlace(change.place)
        }
        if let record, record.configured == configured { return record.serving.place }
        return FileManager.default.fileExists(atPath: configured.path) ? configured : nil
    }

    private func compare(
        _ candidate: LoadedSlot,
        _ place: SlotConfiguration,
        _ configured: SlotConfiguration,
        _ report: inout GateReport
    ) async throws {
        var serving: LoadedSlot?
        if let current = try await servingPlace(of: configured) {
            do {
                let loaded = try await tried(configured.at(current))
                report.serving = .init(version: loaded.version.version, place: current.promoted)
                serving = loaded
            } catch {
                report.refusals.append(
                    "what serves, in \(current.path), cannot be loaded to compare with: \(error). Restore it, or use --force"
                )
                return
            }
        }
        if report.serving?.version == report.candidate.version {
            report.refusals.append("\(report.candidate.version) serves already")
            return
        }
        let since = max(candidate.trainedUntil ?? .min, serving?.trainedUntil ?? .min)
        let window = (since == .min ? 0 : since + 1)..<max(clock.seconds() + 1, since + 2)
        let popular = try await store.popular(
            since: .min,
            before: window.lowerBound,
            limit: PopularityCounter.limit
        ).map(\.item)
        let plan = configured.kind == .searchRanker ? configuration.search : configuration.recommendation
        var maker = GateCases(
            kind: configured.kind,
            rules: plan.rerank,
            popular: popular,
            k: settings.k,
            time: window.lowerBound
        )
        let activity = try await store.activity(
            in: window,
            users: settings.maxUsers,
            history: configuration.history.events
        )
        // A search ranker is asked about searches, all of which lead to its own pages.
        maker.choices = configured.kind == .searchRanker ? .all : settings.choices ?? .organic
        var users = activity.compactMap(maker.cases)
        if settings.choices == nil, maker.choices == .organic, users.count < settings.minUsers {
            maker.choices = .all
            users = activity.compactMap(maker.cases)
        }
        report.window = .init(
            since: window.lowerBound,
            until: window.upperBound,
            users: users.count,
            cases: users.reduce(0) { $0 + $1.cases.count },
            choices: maker.choices
        )
        if configured.kind != .index {
            do {
                try await measure(candidate, serving.map(GatedVersion.loaded) ?? .popularity(popular), users, &report)
            } catch  where !(error is CancellationError) {
                report.refusals.append("the comparison failed: \(error)")
                return
            }
            judgeQuality(&report)
            judgeLatency(of: configured, &report)
        }
        try await judgeIndex(candidate, place, users, &report)
    }

    /// Asks both, one after the other, case by case, so that neither has the quieter machine.
    private func measure(
        _ candidate: LoadedSlot,
        _ serving: GatedVersion,
        _ users: [UserCases],
        _ report: inout GateReport
    ) async throws {
        var qualities = PairedQualities()
        var (own, other): ([Double], [Double]) = ([], [])
        for (number, user) in users.enumerated() {
            try Task.checkCancellation()
            let versions = [GatedVersion.loaded(candidate), serving]
            var answers: [(qualities: [ListQuality], milliseconds: [Double])] = []
            for place in number.isMultiple(of: 2) ? [0, 1] : [1, 0] {
                answers.append(try await user.answers(of: versions[place], k: settings.k, clock))
            }
            if !number.isMultiple(of: 2) { answers.swapAt(0, 1) }
            qualities.add(candidate: answers[0].qualities, serving: answers[1].qualities)
            own += answers[0].milliseconds
            other += answers[1].milliseconds
        }
        report.metrics = qualities.comparisons(k: settings.k, confidence: settings.confidence)
        report.decisive = "\(settings.metric.rawValue)@\(settings.k)"
        report.latencyMS = .init(own)
        if case .loaded = serving { report.servingLatencyMS = .init(other) }
    }

    private func judgeQuality(_ report: inout GateReport) {
        let users = report.window?.users ?? 0
        guard users >= settings.minUsers, let found = report.metrics[report.decisive] else {
            let since = report.window.map { Date(timeIntervalSince1970: Double($0.since)).formatted(.iso8601) } ?? ""
            report.refusals.append(
                "found \(users) users with a choice of theirs since \(since), which neither version was trained on, expected "
                    + "\(settings.minUsers) (promotion.min_users): wait, or train with data until an earlier time"
            )
            return
        }
        let text = GateReport.text
        if found.high < 0 {
            report.refusals.append(
                "it is worse: \(report.decisive) \(text(found.candidate)) against \(text(found.serving)), difference in "
                    + "[\(text(found.low)), \(text(found.high))]"
            )
        } else if found.difference < -settings.margin * found.serving {
            report.refusals.append(
                "\(report.decisive) \(text(found.candidate)) is more than \(text(settings.margin * 100)) % below "
                    + "\(text(found.serving)) (promotion.margin)"
            )
        } else if settings.requirement == .better, found.low <= 0 {
            report.refusals.append(
                "it is not shown to be better: \(report.decisive) \(text(found.candidate)) against "
                    + "\(text(found.serving)), difference in [\(text(found.low)), \(text(found.high))]"
            )
        }
    }

    private func judgeLatency(of slot: SlotConfiguration, _ report: inout GateReport) {
        guard let own = report.latencyMS, own.percentile95 > 0 else { return }
        let text = GateReport.text
        if let deadline = configuration.deadline(of: slot.name), own.percentile95 > deadline {
            report.refusals.append(
                "its 95th percentile of latency, \(text(own.percentile95)) ms, is above the stage's deadline of "
                    + "\(text(deadline)) ms"
            )
        } else if let other = report.servingLatencyMS, own.percentile95 > 5,
            own.percentile95 > settings.maxLatencyRatio * other.percentile95
        {
            report.refusals.append(
                "its 95th percentile of latency, \(text(own.percentile95)) ms, is more than "
                    + "\(text(settings.maxLatencyRatio)) times the serving version's, \(text(other.percentile95)) ms"
            )
        }
    }

    /// Compares the candidate's index with exact search over the same vectors.
    private func judgeIndex(
        _ candidate: LoadedSlot,
        _ place: SlotConfiguration,
        _ users: [UserCases],
        _ report: inout GateReport
    ) async throws {
        guard place.kind == .retriever, place.index != nil, let source = candidate.source else { return }
        var exact = place
        exact.index = nil
        guard let truth = try await loader.load(exact).source else { return }
        var (found, all) = (0, 0)
        for one in users.lazy.flatMap(\.cases).prefix(200) {
            let best = Set(try await truth.candidates(for: one.request, limit: 100, excluding: []).map(\.item))
            let own = try await source.candidates(for: one.request, limit: 100, excluding: []).map(\.item)
            found += best.intersection(own).count
            all += best.count
        }
        guard all > 0 else { return }
        let recall = Double(found) / Double(all)
        report.indexRecall = recall
        if recall < settings.minIndexRecall {
            report.refusals.append(
                "its index finds \(GateReport.text(recall)) of what exact search finds (recall@100), expected "
                    + "\(GateReport.text(settings.minIndexRecall)) (promotion.min_index_recall): build it with a larger "
                    + "--ef-search or --nprobe"
            )
        }
    }
}

extension FunnelConfiguration {
    /// The shortest deadline of the stages that use a slot, in milliseconds; nil when none does.
    fileprivate func deadline(of slot: String) -> Double? {
        let plans =
            [recommendation, search] + variants.values.flatMap { [$0.recommendation, $0.search].compactMap { $0 } }
        let deadlines = plans.flatMap { plan in
            plan.sources.filter { $0.origin == .slot(slot) }.map(\.deadline)
                + [plan.prerank, plan.rank].compactMap { $0 }.filter { $0.slot == slot }.map(\.deadline)
        }
        return deadlines.min().map { $0 / .milliseconds(1) }
    }
}

extension SlotPlace {
    /// The folders as a promotion names them.
    var promoted: Promotion.Place { .init(path: path, index: index, data: data) }
}
