// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport

/// A data set in a folder that lives as long as the object.
final class TemporaryDataset {
    private let folder: TemporaryFolder
    let dataset: Dataset
    var url: URL { dataset.url }

    init(_ builder: consuming DatasetBuilder, minUserEvents: Int = 1, minItemEvents: Int = 1) throws {
        folder = try TemporaryFolder()
        dataset = try builder.write(
            to: folder.file("data"),
            minUserEvents: minUserEvents,
            minItemEvents: minItemEvents
        )
    }

    /// Users named by their position, each with the given items, at times from 1.
    convenience init(histories: [[Int]]) throws {
        var builder = DatasetBuilder(name: "histories")
        for (user, items) in histories.enumerated() {
            for (time, item) in items.enumerated() {
                builder.add(Event(user: UserID("u\(user)"), item: ItemID("i\(item)"), time: Int64(time + 1)))
            }
        }
        try self.init(builder)
    }

    /// Random events with many equal times, users of very different activity and rows in no order.
    convenience init(seed: UInt64, users: Int = 40, items: Int = 30, events: Int = 600, times: Int64 = 200) throws {
        var builder = DatasetBuilder(name: "random \(seed)")
        for event in randomEvents(seed: seed, users: users, items: items, events: events, times: times) {
            builder.add(event)
        }
        try self.init(builder)
    }
}

func randomEvents(seed: UInt64, users: Int, items: Int, events: Int, times: Int64) -> [Event] {
    var generator = SplitMix64(seed: seed)
    return (0..<events).map { _ in
        let first = Int.random(in: 0..<users, using: &generator)
        let user = Int.random(in: 0...first, using: &generator)
        let item = Int.random(in: 0..<items, using: &generator)
        return Event(
            user: UserID("u\(user)"),
            item: ItemID("i\(item)"),
            action: Action.allCases[item % 4],
            time: Int64.random(in: 1...times, using: &generator)
        )
    }
}
