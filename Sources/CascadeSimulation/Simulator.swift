// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeTensorFiles
public import Foundation

/// A synthetic source of events, for tests, demonstrations and experiments with a known ground truth.
///
/// The same parameters give the same data set on every machine.
public struct Simulator: Sendable, Equatable {
    /// The names for ``named(_:)``.
    public static let names = ["drift", "lifelong", "lifelong-taobao", "shop"]

    /// The name of the simulator.
    public let name: String
    /// The number of users.
    public var users = 2_000
    /// The number of items; those that nobody meets are not in the data set.
    public var items = 1_000
    /// The number of categories of items, which `drift` calls topics; there at most a tenth of the items is used.
    ///
    /// `shop` has 40.
    public var categories = 20
    /// The mean number of events per user; in `drift` a user has at least 5 and never meets an item twice.
    ///
    /// In `shop` it is that before the last request, about, and decides how much users browse.
    public var meanEvents = 50
    /// In `lifelong`: the farthest position of a history that has a say in what follows.
    public var window = 100
    /// The random seed.
    public var seed: UInt64 = 1

    /// Whether events follow ``LifelongSimulator``.
    public var isLifelong: Bool { name.hasPrefix("lifelong") }

    /// Whether there are search requests, and events follow ``ShopSimulator``.
    public var isShop: Bool { name == "shop" }

    /// Finds a simulator by its name, with its default parameters.
    ///
    /// `drift`: users whose interests drift between topics from session to session. Within a session items follow one
    /// another as the topic's item-to-item transitions say, so that a model of sequences beats popularity by far.
    ///
    /// `lifelong`: long histories in which every event answers an earlier one, with a planted decay and a planted kernel
    /// between categories; ``LifelongSimulator`` knows every probability. `lifelong-taobao` is the same law in the shape of
    /// Taobao's log: 1 million items, 9,400 categories, and histories up to 2,000 events back have a say.
    ///
    /// `shop`: users search, and of the lists that they are shown click and buy by relevance, taste and budget;
    /// ``ShopSimulator`` knows every probability.
    ///
    /// - Throws: ``DatasetError`` `.badOption`, with the nearest name and all names.
    public static func named(_ name: String) throws -> Simulator {
        guard names.contains(name) else {
            throw DatasetError(
                .badOption,
                "'\(name)' is not a simulator.\(didYouMean(name, names)) Known: \(names.joined(separator: ", "))."
            )
        }
        var simulator = Simulator(name: name)
        if name == "lifelong" {
            (simulator.users, simulator.items, simulator.categories, simulator.meanEvents) = (300, 2_000, 40, 240)
        } else if name == "lifelong-taobao" {
            (simulator.users, simulator.items, simulator.categories, simulator.meanEvents) = (
                20_000, 1_000_000, 9_400, 240
            )
            simulator.window = 2_000
        } else if name == "shop" {
            (simulator.items, simulator.categories, simulator.meanEvents) = (3_000, ShopSimulator.categoryCount, 60)
        }
        return simulator
    }

    private init(name: String) { self.name = name }

    /// Generates the events and writes them as a dataset directory.
    ///
    /// - Parameters:
    ///   - url: Where to create the directory; nothing may exist there.
    ///   - minUserEvents: The fewest events that a kept user has.
    ///   - minItemEvents: The fewest events that a kept item has.
    /// - Returns: The data set.
    /// - Throws: ``DatasetError`` `.badOption` when a parameter is out of range, and what ``DatasetBuilder`` throws.
    public func write(to url: URL, minUserEvents: Int = 1, minItemEvents: Int = 1) throws -> Dataset {
        try checkParameters()
        var builder = DatasetBuilder(name: "\(name)-\(users)-\(items)")
        builder.note("simulator", name)
        var parameters = [
            ("users", users), ("items", items), ("categories", categories), ("mean-events", meanEvents),
        ]
        if isLifelong { parameters.append(("window", window)) }
        for (parameter, value) in parameters { builder.note("simulator.\(parameter)", String(value)) }
        builder.note("simulator.seed", String(seed))
        if isLifelong {
            runLifelong(into: &builder)
        } else if isShop {
            ShopSimulator(items: items, meanEvents: meanEvents, seed: seed).run(users: users, into: &builder)
        } else {
            DriftSimulator(self).run(into: &builder)
        }
        return try builder.write(to: url, minUserEvents: minUserEvents, minItemEvents: minItemEvents)
    }

    /// The events of a simulator `lifelong`, and the categories of its items.
    private func runLifelong(into builder: inout DatasetBuilder) {
        let simulator = LifelongSimulator(items: items, categories: categories, window: window)
        var isMet = [Bool](repeating: false, count: items)
        for user in 0..<users {
            let id = UserID("user-\(user)")
            var visitor = LifelongUser(simulator, user: user, meanEvents: meanEvents, seed: seed)
            while let (item, time) = visitor.next() {
                isMet[item] = true
                builder.add(Event(user: id, item: LifelongSimulator.itemID(item), action: .click, time: time))
            }
        }
        for item in 0..<items where isMet[item] {
            let category = "category-\(simulator.category(of: item))"
            builder.setItemFeature("category", [category], for: LifelongSimulator.itemID(item))
        }
    }

    func checkParameters() throws {
        try check("users", users, 1...100_000_000)
        let categoryCount = ShopSimulator.categoryCount
        try check("items", items, (isShop ? 10 * categoryCount : 10)...100_000_000)
        if isShop {
            try check("categories", categories, categoryCount...categoryCount)
            try check("mean events", meanEvents, 2...10_000)
        } else if isLifelong {
            try check("categories", categories, 1...items)
            try check("mean events", meanEvents, 2...1_000_000)
            try check("window", window, 1...1_000_000)
        } else {
            try check("categories", categories, 1...1_000_000)
            try check("mean events", meanEvents, 5...max(5, items / 2))
        }
    }

    private func check(_ parameter: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        let expected = range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        throw DatasetError(.badOption, "simulator '\(name)': \(parameter) is \(value), expected \(expected).")
    }
}

extension Dataset {
    /// A parameter of the simulator that wrote the dataset; nil when another source did.
    ///
    /// Before version 0.2 the manifest called a simulator a world.
    func simulatorNote(_ parameter: String) -> String? {
        manifest.provenance["simulator.\(parameter)"] ?? manifest.provenance["world.\(parameter)"]
    }

    /// The name of the simulator that wrote the dataset; nil when another source did.
    var simulatorName: String? { manifest.provenance["simulator"] ?? manifest.provenance["world"] }
}
