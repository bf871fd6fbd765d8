// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization

struct BrokenStore: Error {}

/// A store in memory, which can be held up and broken.
final class MemoryStore: EventStore {
    struct State {
        var events: [NewEvent] = []
        var items: [ItemID: ItemRecord] = [:]
        var exposures: [Exposure] = []
        var versions: [ModelVersion] = []
        var isBroken = false
        var historyReads = 0
        var erased: Set<UserID> = []
        var foreignChanges: Int? = 0
        var counts = ChangeCounts(items: 0, erasures: 0)
        var obstacles: [String] = []
        var popularReads: [Int64] = []
    }

    let state = Mutex(State())
    /// What a read waits for after it has read, a write after it is durable, the log before it writes, and the end of an
    /// erasure.
    let reading = Gate(), writing = Gate(), logging = Gate(), finishing = Gate()

    init(items: [ItemRecord] = [], events: [NewEvent] = []) {
        state.withLock {
            $0.items = Dictionary(items.map { ($0.id, $0) }) { $1 }
            $0.events = events
        }
    }

    var isBroken: Bool {
        get { state.withLock { $0.isBroken } }
        set { state.withLock { $0.isBroken = newValue } }
    }
    var exposures: [Exposure] { state.withLock { $0.exposures } }
    var historyReads: Int { state.withLock { $0.historyReads } }

    private func use<Value>(_ work: (inout State) throws -> Value) throws -> Value {
        try state.withLock { state in
            if state.isBroken { throw BrokenStore() }
            return try work(&state)
        }
    }

    /// As the store promises: by time, equals by arrival, the latest `limit`.
    static func history(_ events: [NewEvent], of user: UserID, limit: Int) -> [Event] {
        let own = events.map(\.event).filter { $0.user == user }
        let order = own.indices.sorted { (own[$0].time, $0) < (own[$1].time, $1) }
        let counted = order.filter { !own[$0].action.isRejection }
        let kept = Set(counted.suffix(limit))
        return order.filter { kept.contains($0) || own[$0].action.isRejection }.map { own[$0] }
    }

    func append(_ events: [NewEvent]) async throws -> [Receipt] {
        let receipts = try use { state in
            events.map { event -> Receipt in
                if state.events.contains(where: { $0.id == event.id }) { return .duplicate }
                state.events.append(event)
                return .stored
            }
        }
        await writing.pass()
        return receipts
    }

    func history(of user: UserID, limit: Int) async throws -> [Event] {
        let found = try use { state in
            state.historyReads += 1
            return Self.history(state.events, of: user, limit: limit)
        }
        await reading.pass()
        return found
    }

    func popular(since time: Int64, limit: Int) async throws -> [(item: ItemID, events: Int)] {
        let counts = try use { state in
            state.popularReads.append(time)
            return Dictionary(grouping: state.events.map(\.event).filter { $0.time >= time }, by: \.item).mapValues(
                \.count
            )
        }
        let order = counts.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        return order.prefix(limit).map { ($0.key, $0.value) }
    }

    func upsert(_ items: [ItemRecord]) async throws {
        try use { state in for item in items { state.items[item.id] = item } }
    }

    func items(_ ids: [ItemID]) async throws -> [ItemRecord] { try use { state in ids.compactMap { state.items[$0] } } }

    func allItems() async throws -> [ItemRecord] {
        try use { $0.items.values.sorted { $0.id.rawValue < $1.id.rawValue } }
    }

    func users(beginningWith text: String, limit: Int) async throws -> [UserID] {
        let users = try use { Set($0.events.map(\.event.user)) }
        return users.filter { $0.rawValue.hasPrefix(text) }.sorted { $0.rawValue < $1.rawValue }.prefix(limit).map {
            $0
        }
    }

    func export(_ user: UserID) async throws -> UserExport? {
        let (events, shown) = try use { state in
            (state.events.filter { $0.event.user == user }, state.exposures.filter { $0.user == user })
        }
        return events.isEmpty && shown.isEmpty ? nil : UserExport(user: user, events: events, exposures: shown)
    }

    func erase(_ user: UserID) async throws -> Int {
        try use { state in
            let before = state.events.count + state.exposures.count
            state.events.removeAll { $0.event.user == user }
            state.exposures.removeAll { $0.user == user }
            state.erased.insert(user)
            return before - state.events.count - state.exposures.count
        }
    }

    func finishErasures() async throws { await finishing.pass() }

    func erasure(of user: UserID) async throws -> ErasureStatus? {
        try use { $0.erased.contains(user) ? ErasureStatus(time: 0, isDone: true) : nil }
    }

    func removeExposures(before time: Int64) async throws -> Int {
        try use { state in
            let before = state.exposures.count
            state.exposures.removeAll { $0.time < time }
            return before - state.exposures.count
        }
    }

    func foreignChanges() -> Int? { state.withLock { $0.foreignChanges } }
    func changeCounts() async throws -> ChangeCounts { try use { $0.counts } }
    func obstacles() async -> [String] { state.withLock { $0.obstacles } }
    func examine() async throws {}

    func log(_ exposures: [Exposure]) async throws {
        await logging.pass()
        try use { $0.exposures += exposures }
    }

    func record(_ version: ModelVersion) async throws { try use { $0.versions.append(version) } }

    func versions(limit: Int) async throws -> [ModelVersion] { try use { $0.versions.suffix(limit).reversed() } }
}
