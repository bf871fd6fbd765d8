// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

extension Dataset {
    /// The names of the item features, in alphabetical order.
    public var itemFeatureNames: [String] { featureNames("item") }

    /// The names of the users' features, sorted.
    public var userFeatureNames: [String] { featureNames("user") }

    /// The names of the requests' features, sorted; the given `split` is none.
    public var requestFeatureNames: [String] { featureNames("request").filter { $0 != GivenPart.feature } }

    private func featureNames(_ owner: String) -> [String] {
        let prefix = FeatureName.key(owner, "")
        return manifest.vocabularies.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            .sorted()
    }

    /// The values of an item feature as numbers, for every item by its dense index; none where it has none.
    ///
    /// - Throws: ``DatasetError`` `.unknownFeature`, which names those that exist.
    public func itemCategories(_ name: String) throws -> [[Int]] {
        guard let feature = itemFeature(name) else {
            let names = itemFeatureNames
            let known =
                names.isEmpty
                ? "Its items have no features at all; import data that has them, for example ml-1m with genres."
                : didYouMean(name, names, otherwise: "There are: \(names.joined(separator: ", ")).")
            throw DatasetError(.unknownFeature, "\(url.path): items have no feature '\(name)'. \(known)")
        }
        return values(of: feature, itemCount)
    }

    /// Items with the same set of values of a feature as one category: of every item its number, in the order of first
    /// appearance; items without a value are a category too.
    ///
    /// - Throws: ``DatasetError`` `.unknownFeature`, which names those that exist.
    public func itemCombinations(_ name: String) throws -> [Int32] {
        combinations(try itemCategories(name))
    }

    /// For every user, the number of the combination of values of a feature, from 0.
    public func userCombinations(_ name: String) -> [Int32] {
        combinations(values(of: userFeature(name), userCount))
    }

    /// For every request, the number of the combination of values of a feature, from 0.
    public func requestCombinations(_ name: String) -> [Int32] {
        combinations(values(of: requestFeature(name), manifest.requests ?? 0))
    }

    private func values(of feature: CategoricalFeature?, _ owners: Int) -> [[Int]] {
        guard let feature else { return [[Int]](repeating: [], count: owners) }
        return (0..<owners).map { owner in
            (Int(feature.offsets[owner])..<Int(feature.offsets[owner + 1])).map { Int(feature.values[$0]) }
        }
    }

    /// Numbers sets of values in the order of their first appearance.
    private func combinations(_ sets: [[Int]]) -> [Int32] {
        var numbers: [[Int]: Int32] = [:]
        return sets.map { values in
            let key = values.sorted()
            if let number = numbers[key] { return number }
            numbers[key] = Int32(numbers.count)
            return Int32(numbers.count - 1)
        }
    }
}
