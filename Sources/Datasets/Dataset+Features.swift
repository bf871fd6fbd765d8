// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import TensorFiles

extension Dataset {
    /// The names of the item features, in alphabetical order.
    public var itemFeatureNames: [String] {
        manifest.vocabularies.keys.filter { $0.hasPrefix(FeatureName.key("item", "")) }
            .map { String($0.dropFirst(FeatureName.key("item", "").count)) }.sorted()
    }

    /// The values of an item feature as numbers, for every item by its dense index; none where it has none.
    ///
    /// - Throws: ``DatasetError`` `.unknownFeature`, which names those that exist.
    public func itemCategories(_ name: String) throws -> [[Int]] {
        guard let feature = itemFeature(name) else {
            let names = itemFeatureNames
            let hint = nearestName(to: name, among: names).map { "Did you mean '\($0)'?" }
            let known =
                names.isEmpty
                ? "Its items have no features at all; import data that has them, for example ml-1m with genres."
                : hint ?? "There are: \(names.joined(separator: ", "))."
            throw DatasetError(.unknownFeature, "\(url.path): items have no feature '\(name)'. \(known)")
        }
        return (0..<itemCount).map { item in
            (Int(feature.offsets[item])..<Int(feature.offsets[item + 1])).map { Int(feature.values[$0]) }
        }
    }

    /// Items with the same set of values of a feature as one category: of every item its number, in the order of first
    /// appearance; items without a value are a category too.
    ///
    /// - Throws: ``DatasetError`` `.unknownFeature`, which names those that exist.
    public func itemCombinations(_ name: String) throws -> [Int32] {
        var numbers: [[Int]: Int32] = [:]
        return try itemCategories(name).map { values in
            let key = values.sorted()
            if let number = numbers[key] { return number }
            numbers[key] = Int32(numbers.count)
            return Int32(numbers.count - 1)
        }
    }
}
