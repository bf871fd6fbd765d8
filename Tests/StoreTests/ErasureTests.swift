// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: erasure in short pieces")
struct ErasureTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        store = try fixture.open()
    }

    @Test("a person with many rows goes in pieces, and is out of every answer from the first on")
    func pieces() async throws {
        let count = 3 * SQLiteStore.rowsPerChange + 7
        _ = try await store.append((0..<count).map { event("\($0)", time: Int64($0)) } + [event("b", user: "bob")])
        try await store.log([Exposure(request: "r", user: "ann", item: "i", position: 0, time: 5)])
        #expect(try await store.erase("ann") == count + 1)
        #expect(try await store.counts().events == count + 1 - SQLiteStore.rowsPerChange)
        #expect(try await store.history(of: "ann", limit: 9).isEmpty)
        #expect(try await store.export("ann") == nil)
        #expect(try await store.erasure(of: "ann")?.isDone == false)
        // They came back meanwhile.
        _ = try await store.append([event("back")])
        #expect(try await store.history(of: "ann", limit: 9).count == 1)
        #expect(try await store.erase("ann") == 1, "what the first erasure hides is not counted again")
        #expect(try await store.export("ann") == nil)
        #expect(try await store.erase("ann") == 0)
        _ = try await store.append([event("again")])
        // A crash at this moment: the next process finishes it.
        try await store.close()
        let opened = try fixture.open()
        try await opened.finishErasures()
        #expect(try await opened.counts().events == 2)
        #expect(try await opened.export("ann")?.events.map(\.id) == ["again"])
        #expect(try await opened.erasure(of: "ann")?.isDone == true)
    }

    @Test("events are stored between the pieces of an erasure, and survive it; the file stays sound")
    func beside() async throws {
        var random = SplitMix64(seed: 11)
        let people = (0..<200).map { "person-\($0)-\(UInt64.random(in: 0 ... .max, using: &random))" }
        for round in 0..<15 {
            _ = try await store.append(
                (0..<300).map { number in
                    let user = people[Int.random(in: people.indices, using: &random)]
                    return event(
                        "\(user)/\(round)/\(number)",
                        user: UserID(user),
                        time: .random(in: 0..<1000, using: &random),
                        query: String(repeating: "q", count: Int.random(in: 0..<200, using: &random))
                    )
                }
            )
        }
        let writing = Task { [store] in
            var number = 0
            while !Task.isCancelled {
                _ = try await store.append([event("during/\(number)", user: UserID("new-\(number % 50)"))])
                number += 1
            }
            return number
        }
        for user in people.prefix(8) {
            _ = try await store.erase(UserID(user))
            try await store.finishErasures()
        }
        writing.cancel()
        let written = try await writing.value
        try await store.verify()
        for user in people.prefix(8) { #expect(!fixture.mentions(user)) }
        #expect(fixture.mentions(people[8]))
        var found = 0
        for user in 0..<50 { found += try await store.history(of: UserID("new-\(user)"), limit: .max).count }
        #expect(found == written && written > 0)
    }

    @Test("scrubbing a file with trees of several levels and free pages takes pieces, and changes no row")
    func levels() async throws {
        _ = try await store.append(
            (0..<9_000).map {
                event("\($0)-\(String(repeating: "x", count: 60))", user: UserID("u\($0 % 300)"), time: Int64($0))
            }
        )
        _ = try await store.removeEvents(before: 6_000)
        let before = try await store.popular(since: 0, limit: 10).map(\.events)
        _ = try await store.erase("u1")
        try await store.finishErasures()
        try await store.verify()
        #expect(try await store.popular(since: 0, limit: 10).map(\.events) == before.map { $0 - 10 })
        let scrubbed = try await store.read { try Fact.scrubbed.number($0) }
        #expect(scrubbed > 1, "the file has more pages than a piece")
    }

    @Test("exposures that were on their way when their person was erased elsewhere are left out")
    func exposuresOnTheWay() async throws {
        _ = try await store.append([event("a")])
        _ = try await store.erase("ann")
        let shown = [999, 1000, 1001].map {
            Exposure(request: "r\($0)", user: "ann", item: "i", position: 0, time: Int64($0))
        }
        try await store.log(shown + [Exposure(request: "n", user: nil, item: "i", position: 0, time: 5)])
        #expect(try await store.export("ann")?.exposures.map(\.time) == [1001])
        #expect(try await store.counts().requests == 2)
    }

    @Test("exposures of a certain age are removed, events are not")
    func expiry() async throws {
        _ = try await store.append([event("a", time: 1)])
        try await store.log(
            (0..<450).map { Exposure(request: "\($0)", user: nil, item: "i", position: 0, time: $0 < 430 ? 1 : 9) }
        )
        #expect(try await store.removeExposures(before: 9) == 430)
        #expect(try await store.counts() == StoreCounts(events: 1, items: 0, requests: 20, exposures: 20))
    }
}
