// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Filtering users and items with few events")
struct KCoreTests {
    private func naive(_ events: [Event], _ minUser: Int, _ minItem: Int) -> [Event] {
        var kept = events
        while true {
            let users = Dictionary(grouping: kept, by: \.user).mapValues(\.count)
            let items = Dictionary(grouping: kept, by: \.item).mapValues(\.count)
            let next = kept.filter { (users[$0.user] ?? 0) >= minUser && (items[$0.item] ?? 0) >= minItem }
            if next.count == kept.count { return kept }
            kept = next
        }
    }

    @Test("drops in turn until everyone left has enough", arguments: 1...6 as ClosedRange<UInt64>)
    func fixedPoint(_ seed: UInt64) throws {
        let events = randomEvents(seed: seed, users: 60, items: 40, events: 450, times: 1000)
        for (minUser, minItem) in [(1, 1), (3, 2), (6, 5)] {
            let expected = naive(events, minUser, minItem)
            var builder = DatasetBuilder(name: "filtered")
            for event in events { builder.add(event) }
            let data = try TemporaryDataset(builder, minUserEvents: minUser, minItemEvents: minItem).dataset
            #expect(data.eventCount == expected.count)
            #expect(Set((0..<data.userCount).map { data.userID(UserIndex($0)) }) == Set(expected.map(\.user)))
            #expect(Set((0..<data.itemCount).map { data.itemID(ItemIndex($0)) }) == Set(expected.map(\.item)))
            // Numbers follow the first appearance among the events that are left.
            #expect(data.userID(UserIndex(0)) == expected.first?.user)
            #expect(data.itemID(ItemIndex(0)) == expected.first?.item)
        }
    }

    @Test("a chain unravels to nothing, and the message has the counts")
    func unravels() throws {
        var builder = DatasetBuilder(name: "chain")
        for user in 0..<5 {
            for item in [user, user + 1] { builder.add(Event(user: UserID("u\(user)"), item: ItemID("i\(item)"))) }
        }
        let complete = builder
        let error = #expect(throws: DatasetError.self) {
            try TemporaryDataset(complete, minUserEvents: 2, minItemEvents: 2)
        }
        #expect(error?.reason == .empty)
        #expect(try #require(error).description.contains("10 events of 5 users and 6 items"))
    }

    @Test("nothing at all is refused")
    func nothing() throws {
        let error = #expect(throws: DatasetError.self) { try TemporaryDataset(DatasetBuilder(name: "none")) }
        #expect(error?.reason == .empty)
    }
}
