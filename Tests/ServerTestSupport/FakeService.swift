// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
public import CascadeStore

/// A service in memory that behaves like the real one from outside: it stores, it recommends what resembles the latest
/// clicks, it explains, it refuses what is not there.
public actor FakeService: RecommendationService {
    /// What the next calls do instead of answering.
    public enum Fault: Sendable {
        /// They throw.
        case failure(any Error & Sendable)
        /// They wait as long as nobody cancels them, and then go on.
        case hang
        /// They wait whatever happens.
        case hangForever
    }

    var items: [ItemID: ItemRecord] = [:]
    var order: [ItemID] = []
    var events: [UserID: [NewEvent]] = [:]
    var exposures: [UserID: [Exposure]] = [:]
    var explanations: [String: Explanation] = [:]
    var explained: [String] = []
    var slotStates: [String: SlotStatus]
    var eventIDs: Set<String> = []
    var requests = 0
    /// The features of the moment that the last page was asked with.
    public internal(set) var context: [String: String] = [:]
    /// What was decided about its slots.
    public var decisions = FakeService.initialDecisions
    /// The time of a simulation that the last page was asked for with.
    public internal(set) var time: Int64?
    /// How many pages were only looked at.
    public internal(set) var previews = 0
    var fault: Fault?
    var problems: [String] = []
    var erased: [UserID: Int64] = [:]
    var erasesSlowly = false

    /// Starts with some items, and with events of some people if wanted.
    public init(items: [ItemRecord] = FakeCatalog.invented(), people: Int = 0) {
        self.items = Dictionary(items.map { ($0.id, $0) }) { $1 }
        order = items.map(\.id)
        slotStates = Self.initialSlots
        for person in 0..<(items.isEmpty ? 0 : people) {
            let user = UserID("\(person + 1)")
            let history = (0..<(5 + person % 20)).map { step in
                let item = items[(person * 31 + step * step * 7) % items.count].id
                let event = Event(user: user, item: item, action: .click, time: 1_700_000_000 + Int64(step * 3_600))
                return NewEvent(id: "made-\(person)-\(step)", event: event)
            }
            events[user] = history
            eventIDs.formUnion(history.map(\.id))
        }
    }

    /// Makes the following calls fail, or behave again.
    public func set(fault: Fault?) { self.fault = fault }

    /// Says what the service is not ready for.
    public func set(obstacles: [String]) { problems = obstacles }

    func obey() async throws {
        switch fault {
        case nil: return
        case .failure(let error): throw error
        case .hang: try await Task.sleep(for: .seconds(3_600))
        case .hangForever: await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }
    }

    /// Stores events once each.
    public func record(_ new: [NewEvent]) async throws -> [Receipt] {
        try await obey()
        return new.map { event in
            guard eventIDs.insert(event.id).inserted else { return .duplicate }
            events[event.event.user, default: []].append(event)
            return .stored
        }
    }

    /// Adds or replaces.
    public func upsert(_ new: [ItemRecord]) async throws {
        try await obey()
        for item in new where items.updateValue(item, forKey: item.id) == nil { order.append(item.id) }
    }

    /// Changes one.
    public func update(
        _ item: ItemID,
        _ change: @escaping @Sendable (inout ItemRecord) throws -> Void
    ) async throws -> ItemRecord? {
        try await obey()
        guard var record = items[item], !record.isWithdrawn else { return nil }
        try change(&record)
        items[item] = record
        return record
    }

    /// Takes one back.
    public func withdraw(_ item: ItemID) async throws -> Bool {
        try await obey()
        return items.updateValue(.withdrawn(item), forKey: item).map { !$0.isWithdrawn } ?? false
    }

    /// Those that are known.
    public func items(_ ids: [ItemID]) async throws -> [ItemRecord] {
        try await obey()
        return ids.compactMap { items[$0] }
    }

    /// Items in the order of their ids.
    public func items(beginningWith text: String, after: ItemID?, limit: Int) async throws -> ItemList {
        try await obey()
        let found = items.values.filter { $0.id.rawValue.hasPrefix(text) }.sorted { $0.id.rawValue < $1.id.rawValue }
        let rest = found.filter { item in after.map { item.id.rawValue > $0.rawValue } ?? true }
        return ItemList(items: Array(rest.prefix(limit)), total: found.count)
    }

    /// Everybody who has done something.
    public func users(beginningWith text: String, limit: Int) async throws -> [UserID] {
        try await obey()
        return Array(
            events.keys.filter { $0.rawValue.hasPrefix(text) }.sorted { $0.rawValue < $1.rawValue }.prefix(limit)
        )
    }

    /// Everything of one person.
    public func export(_ user: UserID) async throws -> UserExport? {
        try await obey()
        guard events[user] != nil || exposures[user] != nil else { return nil }
        return UserExport(user: user, events: events[user] ?? [], exposures: exposures[user] ?? [])
    }

    /// Forgets one person.
    public func erase(_ user: UserID) async throws -> ErasureReceipt {
        try await obey()
        let gone = (events.removeValue(forKey: user) ?? []).count + (exposures.removeValue(forKey: user) ?? []).count
        for (request, explanation) in explanations where explanation.user == user { explanations[request] = nil }
        erased[user] = 1_700_000_000
        return ErasureReceipt(rows: gone, isDone: !erasesSlowly)
    }

    /// When a person was erased.
    public func erasure(of user: UserID) async throws -> ErasureStatus? {
        try await obey()
        return erased[user].map { ErasureStatus(time: $0, isDone: !erasesSlowly) }
    }

    /// Makes erasures take longer than their answers, or not.
    public func set(erasesSlowly: Bool) { self.erasesSlowly = erasesSlowly }

    /// What each stage made of a request.
    public func explanation(of request: String) async -> Explanation? { explanations[request] }

    /// Why it is not ready.
    public func obstacles() async -> [String] { problems }
}
