// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// What the simulator `shop` sells, and the words for it.
///
/// Item `i` is of the category `i` modulo 40. Styles have the same names in all departments, but who likes crimson shoes
/// need not like crimson lamps.
struct ShopCatalog: Sendable, Equatable {
    struct Item: Sendable, Equatable {
        let category: Int
        let style: Int
        /// From the mean of the category, in its spreads.
        let price: Double
        let quality: Double
    }

    /// A want that no category names, and what answers it.
    struct Need {
        let text: String
        let categories: [Int]
    }

    static let departments = [
        "shoes", "clothing", "sports", "kitchen", "living", "garden", "electronics", "toys",
    ]
    static let categories = [
        "running shoe", "hiking boot", "sandal", "sneaker", "slipper",
        "rain jacket", "wool sweater", "cotton shirt", "summer dress", "yoga legging",
        "yoga mat", "dumbbell", "tennis racket", "bicycle helmet", "water bottle",
        "frying pan", "coffee maker", "mixing bowl", "blender", "tea kettle",
        "floor lamp", "wool rug", "throw pillow", "wall clock", "arm chair",
        "garden hose", "flower pot", "pruning saw", "lawn chair", "bird feeder",
        "headphone", "phone charger", "desk speaker", "fitness tracker", "video camera",
        "wooden puzzle", "board game", "building block", "toy train", "plush bear",
    ]
    static let styles = ["crimson", "indigo", "olive", "amber", "ivory", "charcoal"]
    private static let categoriesPerDepartment = 5
    private static let departmentsWithNamedStyles = 2  // the first so many: people ask for crimson shoes, not blenders

    static let needs: [Need] = [
        ("something for the gym", ["dumbbell", "water bottle", "yoga mat", "running shoe"]),
        ("gift for a child", ["wooden puzzle", "toy train", "plush bear"]),
        ("what to wear on a mountain", ["hiking boot", "rain jacket", "wool sweater"]),
        ("my first own household", ["frying pan", "mixing bowl", "tea kettle"]),
        ("a cosy evening", ["slipper", "throw pillow", "wool rug"]),
        ("for the balcony", ["flower pot", "lawn chair", "bird feeder"]),
        ("working from home", ["arm chair", "floor lamp", "desk speaker", "phone charger"]),
        ("start to jog", ["running shoe", "sneaker", "fitness tracker", "headphone"]),
        ("rainy sunday with the family", ["board game", "wooden puzzle", "building block"]),
        ("holiday by the sea", ["sandal", "summer dress"]),
    ].map { text, names in Need(text: text, categories: names.compactMap(categories.firstIndex(of:))) }

    static func department(ofCategory category: Int) -> Int { category / categoriesPerDepartment }
    static func categories(ofDepartment department: Int) -> Range<Int> {
        department * categoriesPerDepartment..<(department + 1) * categoriesPerDepartment
    }
    static func namesStyles(_ category: Int) -> Bool {
        department(ofCategory: category) < departmentsWithNamedStyles
    }

    let items: [Item]
    let ranks: WeightedDraw  // of items within the largest category
    private let meanLogPrices: [Double]  // by category

    init(items count: Int, seed: UInt64) {
        var generator = SplitMix64(seed: SplitMix64.mix(seed, 0))
        meanLogPrices = Self.categories.map { _ in Double.random(in: ShopParameters.categoryLogPrice, using: &generator)
        }
        items = (0..<count).map { item in
            Item(
                category: item % Self.categories.count,
                style: Int.random(in: Self.styles.indices, using: &generator),
                price: generator.normal(),
                quality: ShopParameters.qualitySpread * generator.normal()
            )
        }
        let largest = (count + Self.categories.count - 1) / Self.categories.count
        ranks = WeightedDraw((0..<largest).map { 1 / (Double($0) + ShopParameters.popularityShift) })
    }

    func department(of item: Int) -> Int { Self.department(ofCategory: items[item].category) }

    func logPrice(_ item: Int) -> Double {
        meanLogPrices[items[item].category] + ShopParameters.priceSpread * items[item].price
    }

    /// An item of a category, by popularity.
    func draw(from category: Int, using generator: inout SplitMix64) -> Int {
        let count = (items.count - category + Self.categories.count - 1) / Self.categories.count
        return category + ranks.draw(among: count, using: &generator) * Self.categories.count
    }

    /// Gives a builder the titles and features of the items.
    func describe(_ isMet: [Bool], in builder: inout DatasetBuilder) {
        let steps = priceSteps()
        for (number, item) in items.enumerated() where isMet[number] {
            let id = ShopSimulator.itemID(number)
            let (style, category) = (Self.styles[item.style], Self.categories[item.category])
            builder.setTitle("\(style) \(category) \(number / Self.categories.count + 1)", for: id)
            builder.setItemFeature("category", [category], for: id)
            builder.setItemFeature("department", [Self.departments[department(of: number)]], for: id)
            builder.setItemFeature("style", [style], for: id)
            builder.setItemFeature("price", ["price-\(steps[number])"], for: id)
        }
    }

    /// By item, from 1: in which tenth of its category's prices it is.
    private func priceSteps() -> [Int] {
        var result = [Int](repeating: 0, count: items.count)
        for category in Self.categories.indices {
            let members = Array(stride(from: category, to: items.count, by: Self.categories.count))
            let sorted = members.sorted { (items[$0].price, $0) < (items[$1].price, $1) }
            for (place, item) in sorted.enumerated() {
                result[item] = 1 + place * ShopParameters.priceSteps / sorted.count
            }
        }
        return result
    }
}
