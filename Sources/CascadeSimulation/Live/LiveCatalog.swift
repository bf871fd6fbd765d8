// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// The items of a live population: those of the shop, with hidden vectors, and some new ones every day.
///
/// An item's vector is its quality, and then 0.8 times the vector of its category plus 0.6 times one of its own. Vectors of
/// categories, and the own ones, are normal with a length of about 1.
struct LiveCatalog: Sendable {
    /// The numbers of an item's vector.
    static let size = 1 + LiveParameters.featureCount

    let settings: LiveSettings
    let shop: ShopCatalog
    /// By item, ``size`` numbers each.
    let features: [Double]
    /// Draws a category of an interest by its popularity.
    let categories: WeightedDraw
    /// By category, ``LiveParameters/featureCount`` numbers each.
    let categoryVectors: [[Double]]

    /// All items up to those that arrive on a day.
    init(_ settings: LiveSettings, throughDay day: Int) {
        self.settings = settings
        let count = Self.count(settings, onDay: day)
        shop = ShopCatalog(items: count, seed: settings.seed)
        let vectors = ShopCatalog.categories.indices.map { category in
            var generator = settings.generator(.category, category)
            return Self.vector(&generator)
        }
        var features: [Double] = []
        features.reserveCapacity(count * Self.size)
        for (item, found) in shop.items.enumerated() {
            var generator = settings.generator(.item, item)
            let own = Self.vector(&generator)
            features.append(found.quality)
            for (shared, own) in zip(vectors[found.category], own) {
                features.append(LiveParameters.categoryShare * shared + LiveParameters.ownShare * own)
            }
        }
        self.features = features
        categoryVectors = vectors
        var generator = settings.generator(.popularity)
        let ranks = ShopCatalog.categories.indices.shuffled(using: &generator)
        categories = WeightedDraw(ranks.map { 1 / (Double($0) + LiveParameters.categoryShift) })
    }

    /// A normal vector with a length of about 1.
    static func vector(_ generator: inout SplitMix64) -> [Double] {
        let scale = 1 / Double(LiveParameters.featureCount).squareRoot()
        return (0..<LiveParameters.featureCount).map { _ in scale * generator.normal() }
    }

    private static func count(_ settings: LiveSettings, onDay day: Int) -> Int {
        settings.items + day * settings.newItems
    }

    /// The number of items that there are on a day; they are the first so many.
    func count(onDay day: Int) -> Int { Self.count(settings, onDay: day) }

    /// Whether an item arrived after day 0 had begun.
    func isNew(_ item: Int) -> Bool { item >= settings.items }

    /// The day on which a new item arrived.
    func arrivalDay(_ item: Int) -> Int { 1 + (item - settings.items) / settings.newItems }

    /// Since when an item exists, in seconds since 1970-01-01 UTC.
    func created(_ item: Int) -> Int64 {
        guard !isNew(item) else { return settings.time(ofDay: arrivalDay(item)) }
        // Another purpose than the vector's, by the sign of the number.
        var generator = settings.generator(.item, -1 - item)
        return settings.start - Int64.random(in: LiveParameters.ages, using: &generator) * LiveParameters.secondsPerDay
    }

    /// An item as the service is told of it.
    func record(_ item: Int) -> LiveItem {
        let found = shop.items[item]
        let (style, category) = (ShopCatalog.styles[found.style], ShopCatalog.categories[found.category])
        return LiveItem(
            id: ShopSimulator.itemID(item),
            title: "\(style) \(category) \(item / ShopCatalog.categories.count + 1)",
            categories: [category, ShopCatalog.departments[shop.department(of: item)]],
            created: created(item),
            attributes: ["style": style]
        )
    }

    /// The number of an item; nil for an id that no item of this world has.
    static func number(of id: ItemID) -> Int? {
        guard id.rawValue.hasPrefix(ShopSimulator.itemPrefix),
            let number = Int(id.rawValue.dropFirst(ShopSimulator.itemPrefix.count)),
            ShopSimulator.itemID(number) == id, number >= 0
        else { return nil }
        return number
    }
}
