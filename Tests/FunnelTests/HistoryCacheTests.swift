// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization
import Testing

@testable import CascadeFunnel

@Suite("Histories in memory")
struct HistoryCacheTests {
    let store = MemoryStore()

    private func histories(events: Int = 100, users: Int = 10) -> HistoryCache {
        var settings = HistorySettings()
        (settings.events, settings.users) = (events, users)
        return HistoryCache(settings, store: store)
    }

    private func event(_ id: String, _ user: UserID = "u", time: Int64 = 5) -> NewEvent {
        NewEvent(id: id, event: Event(user: user, item: ItemID(id), time: time))
    }

    private func record(_ events: [NewEvent], _ histories: HistoryCache) async throws {
        _ = try await histories.write(for: Set(events.map(\.event.user))) {
            let receipts = try await store.append(events)
            return (receipts, zip(events, receipts).filter { $1 == .stored }.map { $0.0.event })
        }
    }

    private func ids(_ histories: HistoryCache, _ user: UserID = "u") async throws -> [String] {
        try await histories.events(of: user).map(\.item.rawValue)
    }

    @Test("a history is read once, and then grows with what is recorded")
    func grows() async throws {
        let histories = histories()
        try await record([event("a")], histories)
        #expect(try await ids(histories) == ["a"])
        try await record([event("b")], histories)
        #expect(try await ids(histories) == ["a", "b"])
        #expect(store.historyReads == 1)
    }

    @Test("a duplicate comes once; the order is by time, then by arrival; the oldest goes")
    func order() async throws {
        let histories = histories(events: 4)
        #expect(try await ids(histories).isEmpty)
        try await record([event("a", time: 5), event("b", time: 9)], histories)
        try await record([event("a", time: 5), event("c", time: 5), event("d", time: 1)], histories)
        #expect(try await ids(histories) == ["d", "a", "c", "b"])
        try await record([event("e", time: 5)], histories)
        #expect(try await ids(histories) == ["a", "c", "e", "b"])
        try await record([event("f", time: 0)], histories)
        #expect(try await ids(histories) == ["a", "c", "e", "b"])
        #expect(store.historyReads == 1)
        #expect(try await store.history(of: "u", limit: 4).map(\.item) == ["a", "c", "e", "b"])
    }

    @Test("two people whose ids differ in their Unicode form alone have a history each")
    func unicodeForms() async throws {
        let histories = histories()
        try await record([event("a", "Zo\u{EB}"), event("b", "Zoe\u{308}")], histories)
        #expect(try await ids(histories, "Zo\u{EB}") == ["a"])
        #expect(try await ids(histories, "Zoe\u{308}") == ["b"])
        #expect(try await ids(histories, "Zo\u{EB}") == ["a"])
        #expect(store.historyReads == 2)
    }

    @Test("an event that is recorded while the history is read is not lost")
    func recordDuringRead() async throws {
        let histories = histories()
        store.reading.close()
        let reader = Task { try await histories.events(of: "u") }
        try await eventually { store.reading.waitingCount == 1 }
        try await record([event("a")], histories)
        store.reading.open()
        #expect(try await reader.value.isEmpty)
        #expect(try await ids(histories) == ["a"])
    }

    @Test("an event that is read before its recording returns does not come twice")
    func readDuringRecord() async throws {
        let histories = histories()
        store.writing.close()
        let writer = Task { try await record([event("a")], histories) }
        try await eventually { store.writing.waitingCount == 1 }
        #expect(try await ids(histories) == ["a"])
        store.writing.open()
        try await writer.value
        #expect(try await ids(histories) == ["a"])
        try await record([event("b")], histories)
        #expect(try await ids(histories) == ["a", "b"])
    }

    @Test("a write that fails makes the history be read again")
    func failedWrite() async throws {
        let histories = histories()
        try await record([event("a")], histories)
        #expect(try await ids(histories) == ["a"])
        store.isBroken = true
        await #expect(throws: BrokenStore.self) { try await record([event("b")], histories) }
        await #expect(throws: BrokenStore.self) { try await histories.events(of: "u") }
        store.isBroken = false
        #expect(try await ids(histories) == ["a"])
    }

    @Test("what another process writes has all histories read again, and is known at once")
    func foreign() async throws {
        let histories = histories()
        try await record([event("a"), event("b", "v")], histories)
        #expect(try await ids(histories) == ["a"])
        #expect(try await ids(histories, "v") == ["b"])
        store.state.withLock {
            $0.events.append(event("c"))
            $0.foreignChanges = 1
        }
        #expect(try await ids(histories) == ["a", "c"])
        #expect(try await ids(histories, "v") == ["b"])
        #expect(try await ids(histories) == ["a", "c"])
        #expect(store.historyReads == 4)
    }

    @Test("what another process writes while a history is read is not missed by the next answer")
    func foreignDuringRead() async throws {
        let histories = histories()
        store.reading.close()
        let reader = Task { try await histories.events(of: "u") }
        try await eventually { store.reading.waitingCount == 1 }
        store.state.withLock {
            $0.events.append(event("a"))
            $0.foreignChanges = 1
        }
        store.reading.open()
        #expect(try await reader.value.isEmpty)
        #expect(try await ids(histories) == ["a"])
    }

    @Test("while nobody can tell whether another process wrote, the store is asked and nothing is kept")
    func uncertain() async throws {
        let histories = histories()
        try await record([event("a")], histories)
        #expect(try await ids(histories) == ["a"])
        store.state.withLock {
            $0.events.append(event("b"))
            $0.foreignChanges = nil
        }
        #expect(try await ids(histories) == ["a", "b"])
        #expect(try await ids(histories) == ["a", "b"])
        #expect(store.historyReads == 3)
    }

    @Test("memory is bounded by the number of users")
    func bounded() async throws {
        let histories = histories(users: 2)
        for user in ["a", "b", "a", "c", "a", "b"] { _ = try await histories.events(of: UserID(user)) }
        #expect(store.historyReads == 4)
    }

    @Test("whatever happens at once, each recorded event is known at once, and memory agrees with the store")
    func interleaved() async throws {
        let histories = histories(events: 1_000, users: 2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    let user = UserID("u\(number % 3)")
                    if number % 5 == 0 { _ = try await histories.events(of: user) }
                    try await record([event("e\(number)", user, time: Int64(number % 7))], histories)
                    #expect(try await ids(histories, user).contains("e\(number)"))
                }
            }
            try await group.waitForAll()
        }
        for user in ["u0", "u1", "u2"] as [UserID] {
            #expect(try await histories.events(of: user) == store.history(of: user, limit: 1_000))
        }
    }

    @Test("least recently used, beside a list that does the same", arguments: [1, 2, 5])
    func leastRecentlyUsed(capacity: Int) {
        var generator = SplitMix64(seed: UInt64(capacity))
        var cache = LRUCache<Int, Int>(capacity: capacity)
        var list: [(key: Int, value: Int)] = []  // the newest last
        for step in 0..<5_000 {
            let key = Int.random(in: 0..<8, using: &generator)
            let place = list.firstIndex { $0.key == key }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                if let place { list.append(list.remove(at: place)) }
                #expect(cache.use(key) == (place == nil ? nil : list.last?.value))
            case 1:
                cache.remove(key)
                if let place { list.remove(at: place) }
            case 2:
                cache.change(key) { $0 += 1 }
                if let place { list[place].value += 1 }
            default:
                cache.insert(key, step)
                if let place { list.remove(at: place) }
                list.append((key, step))
                if list.count > capacity { list.removeFirst() }
            }
            #expect(cache.count == list.count)
        }
    }
}
