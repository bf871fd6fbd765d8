// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Synchronization

/// Loads slots and replaces them while they serve.
final class SlotKeeper: Sendable {
    private struct State {
        var assembly = Assembly()
        var problems: [String: String] = [:]
        /// What serves in each slot, and what served before.
        var records: [String: SlotRecord] = [:]
        /// What the configured folders looked like just before they were loaded last.
        var stamps: [String: FileStamp] = [:]
        /// The number of the latest promotion of each slot that was followed, or that could not be.
        var followed: [String: Int64] = [:]
    }

    /// What is loaded, and what must come out of it.
    private struct Attempt {
        var origin: SlotSwap.Origin
        var place: SlotConfiguration
        /// The version that the place must hold; nil when any will do.
        var expected: String?
    }

    private let configuration: FunnelConfiguration
    private let loader: any SlotLoader
    private let store: any EventStore
    private let clock: FunnelClock
    private let metrics: any FunnelMetrics
    private let queues: [String: SerialQueue]
    private let memory: SlotStateFile?
    private let promotions: (any PromotionLog)?
    private let state = Mutex(State())
    /// Held while the file is written, so that the disk holds up no request.
    private let writing = Mutex(())

    init(
        _ configuration: FunnelConfiguration,
        loader: any SlotLoader,
        store: any EventStore,
        clock: FunnelClock,
        metrics: any FunnelMetrics,
        memory: SlotStateFile? = nil,
        promotions: (any PromotionLog)? = nil
    ) {
        self.configuration = configuration
        self.loader = loader
        self.store = store
        self.clock = clock
        self.metrics = metrics
        self.memory = memory
        self.promotions = promotions
        queues = configuration.slots.mapValues { _ in SerialQueue() }
    }

    /// What serves now.
    var assembly: Assembly { state.withLock { $0.assembly } }

    /// Every slot, by name.
    var statuses: [SlotStatus] { configuration.slots.keys.sorted().map(status) }

    /// Loads every slot; the slots that cannot be loaded stay empty and say why.
    ///
    /// A slot goes on with what it served last, when the configuration still names what it named then.
    func loadAll() async {
        do {
            let records = try memory?.read() ?? [:]
            state.withLock { state in
                state.records = records
                state.followed = records.compactMapValues(\.promotion)
            }
        } catch {
            metrics.failed(FunnelFailure("slot versions", error))
        }
        await withTaskGroup(of: Void.self) { group in
            for slot in configuration.slots.values {
                group.addTask { _ = try? await self.queues[slot.name]?.run { try await self.start(slot) } }
            }
        }
        await followPromotions()
    }

    /// Loads what was promoted, or rolled back to, since the last time.
    ///
    /// A promotion that cannot be served is tried once; its record in the store says why, and what served goes on.
    func followPromotions() async {
        guard let promotions, memory?.isReadOnly != true else { return }
        let latest: [String: Promotion]
        do { latest = try await promotions.latestChanges() } catch {
            return metrics.failed(FunnelFailure("promotions", error))
        }
        for slot in configuration.slots.values.sorted(by: { $0.name < $1.name }) {
            guard let promotion = latest[slot.name] else { continue }
            let isNew = state.withLock { state in
                guard promotion.id > state.followed[slot.name] ?? 0 else { return false }
                state.followed[slot.name] = promotion.id
                return true
            }
            guard isNew else { continue }
            var problem: String?
            do {
                let place = slot.at(SlotPlace(promotion.place))
                let attempt = Attempt(origin: .promotion, place: place, expected: promotion.version)
                _ = try await queues[slot.name]?.run { try await self.load(slot, attempt) }
            } catch {
                problem = "\(error)"
            }
            do {
                try await promotions.note(
                    promotion.id,
                    applied: problem == nil ? clock.seconds() : nil,
                    problem: problem
                )
            } catch {
                metrics.failed(FunnelFailure("promotions", error))
            }
        }
    }

    /// Loads something else into a slot, warms it up, tries it, and lets it serve.
    ///
    /// Changes of one slot happen one after another, in the order in which they were asked for.
    ///
    /// - Throws: ``ServiceError`` when there is no such slot, or when what is in the folder cannot serve. What served
    ///   before goes on then.
    func change(_ slot: String, _ change: SlotChange) async throws -> SlotStatus {
        guard let queue = queues[slot], let configured = configuration.slots[slot] else {
            let known = queues.keys.sorted().joined(separator: ", ")
            throw ServiceError(.notFound, "unknown slot; the configuration has: \(known.isEmpty ? "none" : known)")
        }
        return try await queue.run {
            try await self.load(configured, self.attempt(configured, change))
        }
    }

    /// Loads the slots again whose watched folders hold something new.
    func lookAtWatchedFolders() async {
        for slot in configuration.slots.values.sorted(by: { $0.name < $1.name }) where slot.watch {
            let known = state.withLock { $0.stamps[slot.name] }
            let stamp = FileStamp(slot)
            // A folder that is gone, or about to be swapped, is no news.
            guard stamp.isThere, stamp != known else { continue }
            _ = try? await queues[slot.name]?.run { try await self.load(slot, Attempt(origin: .watch, place: slot)) }
        }
    }

    /// Drops what the slots remember of those who asked.
    func forgetPeople() {
        for slot in assembly.slots.values { slot.loaded.forgetPeople() }
    }

    private func status(_ slot: String) -> SlotStatus {
        state.withLock { state in
            SlotStatus(
                slot: slot,
                version: state.assembly[slot]?.loaded.version,
                previous: state.records[slot]?.previous.map {
                    SlotStatus.Previous(version: $0.version, path: $0.place.path)
                },
                problem: state.problems[slot]
            )
        }
    }
}

extension SlotKeeper {
    /// Loads what a slot served last, or what the configuration names.
    private func start(_ slot: SlotConfiguration) async throws {
        let configured = SlotPlace(slot)
        if let record = state.withLock({ $0.records[slot.name] }), record.configured == configured,
            record.serving.place != configured
        {
            let kept = Attempt(origin: .start, place: slot.at(record.serving.place))
            state.withLock { $0.stamps[slot.name] = FileStamp(slot) }
            if (try? await load(slot, kept)) != nil { return }
        }
        _ = try await load(slot, Attempt(origin: .start, place: slot))
    }

    private func attempt(_ slot: SlotConfiguration, _ change: SlotChange) throws -> Attempt {
        switch change {
        case .load(let path, let index, let data):
            var place = slot.at(path)
            place.index = index ?? place.index
            place.data = data ?? place.data
            return Attempt(origin: .request, place: place)
        case .rollBack:
            guard let previous = state.withLock({ $0.records[slot.name]?.previous }) else {
                throw ServiceError(
                    .invalid,
                    "the slot '\(slot.name)' has no previous version; load one by its path"
                )
            }
            return Attempt(origin: .rollback, place: slot.at(previous.place), expected: previous.version)
        }
    }

    private func load(_ slot: SlotConfiguration, _ attempt: Attempt) async throws -> SlotStatus {
        let name = slot.name
        let before = state.withLock { $0.assembly[name]?.version }
        var swap = SlotSwap(slot: name, origin: attempt.origin, path: attempt.place.path, before: before)
        // Taken before loading: what changes meanwhile is loaded again.
        let place = SlotPlace(attempt.place)
        if attempt.place == slot { state.withLock { $0.stamps[name] = FileStamp(slot) } }
        do {
            var loaded = try await loader.load(attempt.place)
            if let expected = attempt.expected, loaded.version.version != expected {
                throw ServiceError(
                    .invalid,
                    "\(place.path): found \(loaded.version.version), expected \(expected), which this folder held when it served. "
                        + "Give each model a folder of its own"
                )
            }
            try await loaded.warmUp()
            try await SlotTrial(loaded, as: attempt.place, uses: configuration.uses(of: name), now: clock.seconds())
                .run()
            loaded.version.slot = name
            loaded.version.time = clock.seconds()
            swap.version = loaded.version.version
            install(loaded, slot, PlacedVersion(place: place, version: loaded.version.version))
            swap.problem = await remember(loaded.version)
            metrics.swapped(swap)
            return status(name)
        } catch {
            state.withLock { $0.problems[name] = "\(error)" }
            swap.problem = "\(error)"
            metrics.swapped(swap)
            throw ServiceError(.invalid, "the slot '\(name)' keeps its model: \(error)")
        }
    }

    private func install(_ loaded: LoadedSlot, _ slot: SlotConfiguration, _ now: PlacedVersion) {
        let installed = Assembly.Installed(loaded: loaded, runner: DeadlineRunner(clock))
        state.withLock { state in
            let old = state.records[slot.name]
            let previous = old?.serving.version == now.version ? old?.previous : old?.serving
            state.records[slot.name] = SlotRecord(
                configured: SlotPlace(slot),
                serving: now,
                previous: previous,
                promotion: state.followed[slot.name]
            )
            state.assembly = state.assembly.replacing(slot.name, with: installed)
            state.problems[slot.name] = nil
        }
    }

    /// A model serves even when nothing can note that it does; returns what could not be noted.
    private func remember(_ version: ModelVersion) async -> String? {
        guard memory?.isReadOnly != true else { return nil }
        var problems: [String] = []
        do {
            try await store.record(version)
        } catch {
            problems.append("\(version.version) serves, but was not recorded: \(error)")
        }
        do {
            try writing.withLock { _ in try memory?.write(state.withLock { $0.records }) }
        } catch {
            problems.append("\(version.version) serves, but a restart will not load it: \(error)")
        }
        let problem = problems.isEmpty ? nil : problems.joined(separator: "; ")
        if let problem { state.withLock { $0.problems[version.slot] = problem } }
        return problem
    }
}
