// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Datasets
import Foundation
public import Store
import Synchronization

/// The funnel at work: answers from the store and from what is loaded in the slots.
///
/// Call ``start()`` once before traffic comes, and ``shutdown()`` at the end.
public final class FunnelService: RecommendationService {
    /// How often watched folders are looked at.
    static let watchPause = Duration.seconds(5)
    /// How long changes of items are gathered before words and popularity are counted again.
    static let rebuildPause = Duration.seconds(1)

    let configuration: FunnelConfiguration
    let store: any EventStore
    let clock: FunnelClock
    let arms: any ArmAssigner
    let metrics: any FunnelMetrics
    let slotKeeper: SlotKeeper
    let histories: Histories
    let catalogue: Catalogue
    let popularity: Popularity
    let builtins: Builtins
    let exposures: ExposureLog
    let explanations: Explanations
    let running = RunningWork()
    /// Reads histories, and popular items for pages that are too short.
    let storeRunner: DeadlineRunner
    private let lexical: LexicalSource
    private let recount: Later
    private let report: @Sendable () async throws -> [ExperimentReport]
    private let background = Mutex<(isReady: Bool, tasks: [Task<Void, Never>])>((false, []))

    /// Assembles a service; nothing is loaded yet.
    ///
    /// - Parameters:
    ///   - configuration: The funnel.
    ///   - store: What the service remembers.
    ///   - loader: Loads what slots hold.
    ///   - clock: Deadlines and pauses; tests bring their own.
    ///   - arms: Puts requests into the arms of experiments.
    ///   - metrics: Watches.
    ///   - experiments: Reports how the experiments do.
    /// - Throws: ``ConfigurationError`` when the configuration does not fit together.
    public init(
        _ configuration: FunnelConfiguration,
        store: any EventStore,
        loader: any SlotLoader,
        clock: FunnelClock = .system,
        arms: any ArmAssigner = NoExperiments(),
        metrics: any FunnelMetrics = NoMetrics(),
        experiments: @escaping @Sendable () async throws -> [ExperimentReport] = { [] }
    ) throws {
        try configuration.validate()
        (self.configuration, self.store, self.clock) = (configuration, store, clock)
        (self.arms, self.metrics, report) = (arms, metrics, experiments)
        slotKeeper = SlotKeeper(configuration, loader: loader, store: store, clock: clock, metrics: metrics)
        histories = Histories(configuration.history, store: store)
        let catalogue = Catalogue(store)
        let popularity = Popularity(configuration.popularity, store: store, catalogue: catalogue, clock: clock)
        let lexical = LexicalSource(catalogue)
        (self.catalogue, self.popularity, self.lexical) = (catalogue, popularity, lexical)
        builtins = Builtins(popularity: popularity, lexical: lexical, clock: clock)
        exposures = ExposureLog(store: store, metrics: metrics)
        explanations = Explanations(capacity: configuration.explain.remember)
        storeRunner = DeadlineRunner(clock)
        recount = Later(after: Self.rebuildPause, clock) {
            await popularity.refresh()
            try? await lexical.rebuild()
        }
    }

    /// Reads the items, counts popularity, builds the index of words, and loads every slot.
    ///
    /// A slot that cannot be loaded stays empty, which its status says; the others serve.
    ///
    /// - Throws: What the store throws when it cannot be read.
    public func start() async throws {
        try await catalogue.load()
        await popularity.refresh()
        try await lexical.rebuild()
        await slotKeeper.loadAll()
        let (popularity, slotKeeper) = (popularity, slotKeeper)
        let loops = [
            repeated(every: .seconds(configuration.popularity.refreshSeconds)) { await popularity.refresh() },
            repeated(every: Self.watchPause) { await slotKeeper.lookAtWatchedFolders() },
        ]
        background.withLock { $0 = (true, $0.tasks + loops) }
    }

    /// Takes nothing more, finishes what runs, and writes down what was shown.
    public func shutdown() async {
        await running.finish()
        recount.stop()
        for task in background.withLock({ $0.tasks }) { task.cancel() }
        await exposures.flush()
    }

    /// What the last requests met, stage by stage.
    public func explanation(of request: String) async -> Explanation? { explanations[request] }

    /// Every slot, by name.
    public func slots() async -> [SlotStatus] { slotKeeper.statuses }

    /// Replaces what serves in a slot.
    public func replace(slot: String, with path: String) async throws -> SlotStatus {
        try await running.run { try await slotKeeper.replace(slot, with: path) }
    }

    /// How the experiments do.
    public func experiments() async throws -> [ExperimentReport] { try await report() }

    /// Why the service is not ready.
    ///
    /// A slot without a model is no reason: its stage is left out.
    public func obstacles() async -> [String] {
        if running.isStopping { return ["the service is stopping"] }
        return background.withLock { $0.isReady } ? [] : ["the service is loading its items, models and indexes"]
    }

    /// Has the items' words and popularity counted again soon.
    func recountSoon() { recount.ask() }

    private func repeated(every pause: Duration, _ work: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        Task { [clock] in while (try? await clock.sleep(pause)) != nil { await work() } }
    }
}
