// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeStore
import Foundation
import Synchronization

/// The running funnel over a store and loaded slots.
///
/// Call ``start(keepingUp:)`` once before traffic comes, and ``shutdown()`` at the end.
public final class FunnelService: RecommendationService {
    /// How often watched folders are looked at.
    static let watchPause = Duration.seconds(5)
    /// How often exposures that are too old are removed.
    static let expiryPause = Duration.seconds(3_600)
    /// How long an erasure waits for the files to be clean.
    static let erasureWait = Duration.seconds(4)
    /// How often erasures that are not finished are taken up again.
    static let erasurePause = Duration.seconds(30)
    /// How long changes of items are gathered before words and popularity are counted again.
    static let rebuildPause = Duration.seconds(1)

    let configuration: FunnelConfiguration
    let store: any EventStore
    let clock: FunnelClock
    let arms: any ArmAssigner
    let metrics: any FunnelMetrics
    let slotKeeper: SlotKeeper
    let histories: HistoryCache
    let catalog: ItemCatalog
    let popularity: PopularityCounter
    let builtins: Builtins
    let exposures: ExposureLog
    let explanations: Explanations
    let inFlight = InFlight()
    /// Reads histories, and popular items for pages that are too short.
    let storeRunner: DeadlineRunner
    let follower: StoreFollower
    let promotions: (any PromotionLog)?
    private let lexical: LexicalSource
    private let recount: Debouncer
    private let recountLately: Debouncer
    private let report: @Sendable () async throws -> [ABTestReport]
    private let background = Mutex(Background())

    private struct Background {
        /// What the service does before it is ready; nil when it is.
        var preparation: String? = "loading its items, models and indexes"
        var tasks: [Task<Void, Never>] = []
    }

    /// Assembles a service; nothing is loaded yet.
    ///
    /// - Parameters:
    ///   - configuration: The funnel.
    ///   - store: What the service remembers.
    ///   - loader: Loads what slots hold.
    ///   - clock: Deadlines and pauses; tests bring their own.
    ///   - arms: Assigns requests to the arms of A/B tests.
    ///   - metrics: Watches.
    ///   - abTests: Reports the A/B tests.
    ///   - slotState: Where versions are kept for restarts and roll-backs; nil for nowhere.
    ///   - promotions: Decisions about what serves, which the service follows; nil for none.
    /// - Throws: ``ConfigurationError`` when the configuration does not fit together.
    public init(
        _ configuration: FunnelConfiguration,
        store: any EventStore,
        loader: any SlotLoader,
        clock: FunnelClock = .system,
        arms: any ArmAssigner = NoABTests(),
        metrics: any FunnelMetrics = NoMetrics(),
        abTests: @escaping @Sendable () async throws -> [ABTestReport] = { [] },
        slotState: SlotStateFile? = nil,
        promotions: (any PromotionLog)? = nil
    ) throws {
        try configuration.validate()
        self.configuration = configuration
        self.store = store
        self.clock = clock
        (self.arms, self.metrics, report) = (arms, metrics, abTests)
        slotKeeper = SlotKeeper(
            configuration,
            loader: loader,
            store: store,
            clock: clock,
            metrics: metrics,
            memory: slotState,
            promotions: promotions
        )
        self.promotions = promotions
        histories = HistoryCache(configuration.history, store: store)
        let catalog = ItemCatalog(store)
        let popularity = PopularityCounter(configuration.popularity, store: store, catalog: catalog, clock: clock)
        let lexical = LexicalSource(catalog)
        self.catalog = catalog
        self.popularity = popularity
        self.lexical = lexical
        builtins = Builtins(popularity: popularity, catalog: catalog, lexical: lexical, clock: clock)
        exposures = ExposureLog(configuration.exposures, store: store, metrics: metrics)
        let explanations = Explanations(capacity: configuration.explain.remember)
        self.explanations = explanations
        storeRunner = DeadlineRunner(clock)
        // Of all times: what was done lately does not depend on items.
        let recount = Debouncer(after: Self.rebuildPause, clock) {
            await popularity.refresh([.always], telling: metrics)
            do { try await lexical.rebuild() } catch { metrics.failed(FunnelFailure("words", error)) }
        }
        self.recount = recount
        let recountLately = Debouncer(after: Self.rebuildPause, clock) {
            await popularity.refresh([.lately], telling: metrics)
        }
        self.recountLately = recountLately
        let slotKeeper = slotKeeper
        follower = StoreFollower(store) { items, erasures in
            slotKeeper.forgetPeople()
            if erasures { explanations.forgetPeople() }
            if items {
                try await catalog.load()
                try await lexical.rebuild()
            }
            await popularity.refresh([.always], telling: metrics)
            recountLately.schedule()
        }
    }

    /// Reads the items, counts popularity, builds the index of words, and loads every slot.
    ///
    /// A slot that cannot be loaded stays empty, which its status says; the others serve.
    ///
    /// - Parameter keepsUp: Whether to change the store in the background: to remove exposures that are too old, and to finish
    ///   erasures.
    /// - Throws: What the store throws when it cannot be read.
    public func start(keepingUp keepsUp: Bool = true) async throws {
        announce(preparation: "loading its items, models and indexes")
        try await catalog.load()
        await popularity.refresh(telling: metrics)
        try await lexical.rebuild()
        await slotKeeper.loadAll()
        let (popularity, slotKeeper, metrics) = (popularity, slotKeeper, metrics)
        let loops = [
            repeated(every: .seconds(configuration.popularity.refreshSeconds)) {
                await popularity.refresh(telling: metrics)
            },
            repeated(every: Self.watchPause) {
                await slotKeeper.lookAtWatchedFolders()
                await slotKeeper.followPromotions()
            },
        ]
        background.withLock { $0 = Background(preparation: nil, tasks: $0.tasks + loops + (keepsUp ? upkeep() : [])) }
    }

    /// Takes nothing more, finishes what runs, and writes down what was shown.
    public func shutdown() async {
        await inFlight.finish()
        recount.stop()
        recountLately.stop()
        for task in background.withLock({ $0.tasks }) { task.cancel() }
        await exposures.flush()
    }

    /// What the last requests met, stage by stage.
    public func explanation(of request: String) async -> Explanation? { explanations[request] }

    /// Every slot, by name.
    public func slots() async -> [SlotStatus] { slotKeeper.statuses }

    /// Replaces what serves in a slot, or brings back what served before.
    public func change(slot: String, _ change: SlotChange) async throws -> SlotStatus {
        try await inFlight.run { try await slotKeeper.change(slot, change) }
    }

    /// The decisions about what serves, the latest first; none where nothing remembers any.
    public func promotions(limit: Int) async throws -> [Promotion] {
        try await promotions?.promotions(of: nil, limit: limit) ?? []
    }

    /// Reports the A/B tests.
    public func abTests() async throws -> [ABTestReport] { try await report() }

    /// Why the service is not ready.
    ///
    /// A slot without a model is no reason: its stage is left out. A store that is gone, damaged or full is one.
    public func obstacles() async -> [String] {
        if inFlight.isStopping { return ["the service is stopping"] }
        if let preparation = background.withLock({ $0.preparation }) { return ["the service is \(preparation)"] }
        return await store.obstacles()
    }

    /// Says what the service does before ``start(keepingUp:)``, for ``obstacles()``: "filling its store".
    public func announce(preparation: String) { background.withLock { $0.preparation = preparation } }

    /// Has the items' words and popularity counted again soon.
    func recountSoon() { recount.schedule() }

    /// What is done to the store in the background.
    private func upkeep() -> [Task<Void, Never>] {
        let (exposures, store, clock, metrics) = (exposures, store, clock, metrics)
        @Sendable func told(_ work: String, _ body: () async throws -> Void) async {
            do { try await body() } catch { metrics.failed(FunnelFailure(work, error)) }
        }
        return [
            Task { await told("store examination") { try await store.examine() } },
            repeated(every: Self.expiryPause, beginningNow: true) {
                await told("exposure expiry") { try await exposures.expire(now: clock.seconds()) }
            },
            repeated(every: Self.erasurePause, beginningNow: true) {
                await told("erasures") { try await store.finishErasures() }
            },
        ]
    }

    private func repeated(
        every pause: Duration,
        beginningNow: Bool = false,
        _ work: @escaping @Sendable () async -> Void
    ) -> Task<Void, Never> {
        Task { [clock] in
            if beginningNow { await work() }
            while (try? await clock.sleep(pause)) != nil { await work() }
        }
    }
}
