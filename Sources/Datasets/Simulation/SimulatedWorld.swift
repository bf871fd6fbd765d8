// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Foundation

/// An invented source of events, for tests, demonstrations and experiments whose truth is known.
///
/// The same parameters give the same data set on every machine.
public struct SimulatedWorld: Sendable, Equatable {
    /// The worlds that ``named(_:)`` knows.
    public static let names = ["drift"]

    /// The name of the world.
    public let name: String
    /// The number of users.
    public var users = 2_000
    /// The number of items; those that nobody meets are not in the data set.
    public var items = 1_000
    /// The number of topics; at most a tenth of the items is used.
    public var topics = 20
    /// The mean number of events per user; a user has at least 5 and never meets an item twice.
    public var meanEvents = 50
    /// What chance depends on.
    public var seed: UInt64 = 1

    /// Finds a world by its name, with its usual parameters.
    ///
    /// `drift`: users whose interests drift between topics from session to session. Within a session items follow one
    /// another as the topic's item-to-item transitions say, so that a model of sequences beats popularity by far.
    ///
    /// - Throws: ``DatasetError`` `.badOption`, with the nearest name and all names.
    public static func named(_ name: String) throws -> SimulatedWorld {
        guard names.contains(name) else {
            throw DatasetError(
                .badOption,
                "'\(name)' is not a simulated world.\(didYouMean(name, names)) Known: \(names.joined(separator: ", "))."
            )
        }
        return SimulatedWorld(name: name)
    }

    private init(name: String) { self.name = name }

    /// Lets the world run and writes its events as a data set directory.
    ///
    /// - Parameters:
    ///   - url: Where to create the directory; nothing may exist there.
    ///   - minUserEvents: The fewest events that a kept user has.
    ///   - minItemEvents: The fewest events that a kept item has.
    /// - Returns: The data set.
    /// - Throws: ``DatasetError`` `.badOption` when a parameter is out of range, and what ``DatasetBuilder`` throws.
    public func write(to url: URL, minUserEvents: Int = 1, minItemEvents: Int = 1) throws -> Dataset {
        try check("users", users, 1...100_000_000)
        try check("items", items, 10...100_000_000)
        try check("topics", topics, 1...1_000_000)
        try check("mean events", meanEvents, 5...max(5, items / 2))
        var builder = DatasetBuilder(name: "\(name)-\(users)-\(items)")
        builder.note("world", name)
        for (parameter, value) in [("users", users), ("items", items), ("topics", topics), ("mean-events", meanEvents)]
        {
            builder.note("world.\(parameter)", String(value))
        }
        builder.note("world.seed", String(seed))
        DriftWorld(self).run(into: &builder)
        return try builder.write(to: url, minUserEvents: minUserEvents, minItemEvents: minItemEvents)
    }

    private func check(_ parameter: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        throw DatasetError(
            .badOption,
            "world '\(name)': \(parameter) is \(value), expected \(range.lowerBound) to \(range.upperBound)."
        )
    }
}
