// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Store
import Synchronization

/// Loads slots and replaces them while they serve.
final class SlotKeeper: Sendable {
    private struct State {
        var assembly = Assembly()
        var problems: [String: String] = [:]
        /// What was loaded last, or tried to, by slot: other folders than the configuration's after a replacement.
        var places: [String: SlotConfiguration]
        /// What the folders looked like just before that.
        var stamps: [String: FolderStamp] = [:]
    }

    private let configuration: FunnelConfiguration
    private let loader: any SlotLoader
    private let store: any EventStore
    private let clock: FunnelClock
    private let metrics: any FunnelMetrics
    private let lines: [String: WorkLine]
    private let state: Mutex<State>

    init(
        _ configuration: FunnelConfiguration,
        loader: any SlotLoader,
        store: any EventStore,
        clock: FunnelClock,
        metrics: any FunnelMetrics
    ) {
        (self.configuration, self.loader, self.store) = (configuration, loader, store)
        (self.clock, self.metrics) = (clock, metrics)
        lines = configuration.slots.mapValues { _ in WorkLine() }
        state = Mutex(State(places: configuration.slots))
    }

    /// What serves now.
    var assembly: Assembly { state.withLock { $0.assembly } }

    /// Every slot, by name.
    var statuses: [SlotStatus] { configuration.slots.keys.sorted().map(status) }

    /// Loads every slot from its folder; the slots that cannot be loaded stay empty and say why.
    func loadAll() async {
        await withTaskGroup(of: Void.self) { group in
            for slot in configuration.slots.keys { group.addTask { _ = try? await self.replace(slot, with: nil) } }
        }
    }

    /// Loads a slot from a folder, or again from where it is, warms it up, tries it, and lets it serve.
    ///
    /// Replacements of one slot happen one after another, in the order in which they were asked for.
    ///
    /// - Throws: ``ServiceError`` when there is no such slot, or when what is in the folder cannot serve. What served
    ///   before goes on then.
    func replace(_ slot: String, with path: String?) async throws -> SlotStatus {
        guard let line = lines[slot] else {
            let known = lines.keys.sorted().joined(separator: ", ")
            throw ServiceError(.notFound, "there is no such slot; there are: \(known.isEmpty ? "none" : known)")
        }
        return try await line.run { try await self.load(slot, from: path) }
    }

    /// Loads the slots again whose watched folders hold something new.
    func lookAtWatchedFolders() async {
        for slot in configuration.slots.values.sorted(by: { $0.name < $1.name }) where slot.watch {
            let (place, known) = state.withLock { ($0.places[slot.name] ?? slot, $0.stamps[slot.name]) }
            let stamp = FolderStamp(place)
            // A folder that is gone, or about to be swapped, is no news.
            if stamp.isThere, stamp != known { _ = try? await replace(slot.name, with: nil) }
        }
    }

    /// Drops what the slots remember of those who asked.
    func forgetPeople() {
        for slot in assembly.slots.values { slot.loaded.forgetPeople() }
    }

    private func status(_ slot: String) -> SlotStatus {
        state.withLock {
            SlotStatus(slot: slot, version: $0.assembly[slot]?.loaded.version, problem: $0.problems[slot])
        }
    }

    private func load(_ slot: String, from path: String?) async throws -> SlotStatus {
        guard var place = state.withLock({ $0.places[slot] }) else { return status(slot) }
        if let path { place = place.at(path) }
        // Taken before loading: what changes meanwhile is loaded again.
        let stamp = FolderStamp(place)
        if path == nil { state.withLock { $0.stamps[slot] = stamp } }
        do {
            var loaded = try await loader.load(place)
            try await loaded.warmUp()
            try await SlotTrial(loaded, as: place, uses: configuration.uses(of: slot), now: clock.seconds()).run()
            loaded.version.slot = slot
            loaded.version.time = clock.seconds()
            let installed = Assembly.Installed(loaded: loaded, runner: DeadlineRunner(clock))
            state.withLock {
                $0.assembly = $0.assembly.replacing(slot, with: installed)
                $0.problems[slot] = nil
                $0.places[slot] = place
                $0.stamps[slot] = stamp
            }
            metrics.replaced(slot: slot)
            await remember(loaded.version)
            return status(slot)
        } catch {
            state.withLock { $0.problems[slot] = "\(error)" }
            throw ServiceError(.invalid, "the slot '\(slot)' keeps what it has: \(error)")
        }
    }

    /// A model serves even when the store cannot note that it does.
    private func remember(_ version: ModelVersion) async {
        do {
            try await store.record(version)
        } catch {
            state.withLock { $0.problems[version.slot] = "\(version.version) serves, but was not recorded: \(error)" }
        }
    }
}
