// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// What a model must know of the data to size its tables.
public struct DatasetShape: Sendable, Equatable {
    /// U, number of users.
    public let users: Int
    /// N, number of items.
    public let items: Int
    /// `[N]`: the category of each item, from 0; empty when items have none.
    public let categories: [Int32]
    /// K, number of categories.
    public let categoryCount: Int
    /// Features of the items, for models that read search requests.
    public var itemFeatures: [FeatureCodes] = []
    /// Features of the users, for the same.
    public var userFeatures: [FeatureCodes] = []
    /// The number of values of each feature of the moment.
    public var contextSizes: [Int] = []
    /// The numbers that come with every shown item.
    public var shownFeatures: [String] = []

    /// Gives the counts, and the items' categories when there are any.
    public init(users: Int, items: Int, categories: [Int32] = []) {
        precondition(categories.isEmpty || categories.count == items, "each item needs a category")
        (self.users, self.items, self.categories) = (users, items, categories)
        categoryCount = Int(categories.max() ?? -1) + 1
    }
}

/// A categorical feature as one number for each item or user.
public struct FeatureCodes: Sendable, Equatable {
    /// The feature's name.
    public let name: String
    /// The value of each item or user, from 0.
    public let codes: [Int32]
    /// The number of values.
    public let count: Int

    /// Counts the values.
    public init(_ name: String, _ codes: [Int32]) {
        (self.name, self.codes, count) = (name, codes, Int(codes.max() ?? -1) + 1)
    }
}

extension DatasetShape {
    /// What a model that reads search requests must know of a data set.
    public init(requestsOf dataset: Dataset) throws {
        self.init(users: dataset.userCount, items: dataset.itemCount)
        itemFeatures = try dataset.itemFeatureNames.map { FeatureCodes($0, try dataset.itemCombinations($0)) }
        userFeatures = dataset.userFeatureNames.map { FeatureCodes($0, dataset.userCombinations($0)) }
        contextSizes = dataset.requestFeatureNames.map { Int(dataset.requestCombinations($0).max() ?? -1) + 1 }
        shownFeatures = dataset.requests?.featureNames ?? []
    }
}
