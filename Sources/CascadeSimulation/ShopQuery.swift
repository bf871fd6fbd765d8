// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// What a user of the simulator `shop` asks for, and how they write it.
struct ShopQuery {
    /// The categories that answer it.
    let categories: [Int]
    /// The style that it names.
    let style: Int?
    let text: String

    /// How well an item answers, from 0 to 1.
    func relevance(of item: ShopCatalog.Item) -> Double {
        if categories.contains(item.category) {
            return style == nil || style == item.style
                ? ShopParameters.Relevance.asked : ShopParameters.Relevance.otherStyle
        }
        let department = ShopCatalog.department(ofCategory: item.category)
        return categories.contains { ShopCatalog.department(ofCategory: $0) == department }
            ? ShopParameters.Relevance.sameDepartment : 0
    }

    /// A query for one of a few wants that categories do not name.
    init(_ need: ShopCatalog.Need) { (categories, style, text) = (need.categories, nil, need.text) }

    /// A query for a category: singular, plural or with a slip.
    init(category: Int, using generator: inout SplitMix64) {
        (categories, style) = ([category], nil)
        let name = ShopCatalog.categories[category]
        let chance = Double.random(in: 0..<1, using: &generator)
        text =
            chance < ShopParameters.slipShare
            ? Self.slip(name)
            : chance < ShopParameters.slipShare + ShopParameters.pluralShare ? Self.plural(name) : name
    }

    /// A query for a style of a category, in one order of words or the other.
    init(category: Int, style: Int, using generator: inout SplitMix64) {
        (categories, self.style) = ([category], style)
        let words = [ShopCatalog.styles[style], ShopCatalog.categories[category]]
        text = (generator.happens(ShopParameters.reversedShare) ? words.reversed() : words).joined(separator: " ")
    }

    private static func plural(_ name: String) -> String { name + (name.hasSuffix("s") ? "es" : "s") }

    /// The name with two neighboring letters of its last word swapped: of the second to fourth, the first that differ.
    private static func slip(_ name: String) -> String {
        var letters = Array(name)
        let start = (letters.lastIndex(of: " ") ?? -1) + 1
        let first = letters[start + 1] == letters[start + 2] ? start + 2 : start + 1
        letters.swapAt(first, first + 1)
        return String(letters)
    }
}
