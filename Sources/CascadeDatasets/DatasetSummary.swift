// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// What a data set looks like in numbers.
public struct DatasetSummary: Codable, Sendable, Equatable {
    /// How many events users have.
    public struct HistoryLengths: Codable, Sendable, Equatable {
        /// The mean number of events per user.
        public let mean: Double
        /// The fewest events of a user.
        public let minimum: Int
        /// At least a quarter of the users have no more events than this.
        public let quarter: Int
        /// At least half of the users have no more events than this.
        public let median: Int
        /// At least three quarters of the users have no more events than this.
        public let threeQuarters: Int
        /// At least 90 % of the users have no more events than this.
        public let percent90: Int
        /// At least 99 % of the users have no more events than this.
        public let percent99: Int
        /// The most events of a user.
        public let maximum: Int
    }

    /// A point of the popularity curve.
    public struct PopularityPoint: Codable, Sendable, Equatable {
        /// The most popular share of the items, rounded up to whole items.
        public let itemShare: Double
        /// The share of all events that fall on them.
        public let eventShare: Double
    }

    /// The search requests.
    public struct Requests: Codable, Sendable, Equatable {
        /// The number of requests.
        public let count: Int
        /// The number of items that they showed.
        public let shown: Int
        /// How many of these were clicked.
        public let clicks: Int
        /// How many of these were bought.
        public let purchases: Int
        /// The mean number of items that a request showed.
        public let meanCandidates: Double
        /// At least half of the requests showed no more items than this.
        public let medianCandidates: Int
        /// The most items that a request showed.
        public let maximumCandidates: Int
        /// The share of the requests that have a query.
        public let queryShare: Double
        /// The number of distinct queries among them.
        public let distinctQueries: Int
        /// The share of the requests before which their user had no event.
        public let emptyHistoryShare: Double
        /// The names of the numbers that come with every shown item.
        public let shownFeatures: [String]
    }

    /// A categorical feature of the items, of the requests or of the users.
    public struct Feature: Codable, Sendable, Equatable {
        /// Whose feature it is: `item`, `request` or `user`.
        public let owner: String
        /// The feature's name.
        public let name: String
        /// The number of distinct values.
        public let values: Int
        /// The share of the items, requests or users that have at least one value.
        public let coverage: Double
    }

    /// The data set's name.
    public let name: String
    /// The number of users.
    public let users: Int
    /// The number of items.
    public let items: Int
    /// The number of events.
    public let events: Int
    /// The number of distinct search texts.
    public let queries: Int
    /// Events per pair of a user and an item.
    public let density: Double
    /// How many events users have.
    public let historyLengths: HistoryLengths
    /// How the events are spread over the items, for the top 1, 5, 10, 20 and 50 % of them.
    public let popularity: [PopularityPoint]
    /// The time of the first event, in seconds since 1970-01-01 UTC; nil in a source without times.
    public let firstTime: Int64?
    /// The time of the last event, in seconds since 1970-01-01 UTC; nil in a source without times.
    public let lastTime: Int64?
    /// The share of the events that have the time of another event of the same user, so that their order is the
    /// source's; nil in a source without times.
    public let tiedShare: Double?
    /// The share of the events whose item the same user had before.
    public let repeatedShare: Double
    /// The share of the users with two events or more whose last event's item they had before.
    ///
    /// Where this is large, a ranking that leaves out the items of the history measures something else.
    public let repeatedLastShare: Double
    /// The number of events of each action that occurs.
    public let actions: [String: Int]
    /// The share of the events that have a grade or an amount.
    public let valueShare: Double
    /// The search requests; nil in a data set without any.
    public let requests: Requests?
    /// The features of the items, then of the requests, then of the users, by name.
    public let features: [Feature]
    /// The fingerprint of the contents.
    public let contentHash: String

    /// Counts what there is in a data set, in one pass over its events.
    public init(_ dataset: Dataset) {
        let manifest = dataset.manifest
        name = manifest.name
        users = dataset.userCount
        items = dataset.itemCount
        events = dataset.eventCount
        queries = manifest.queries
        density = Double(events) / max(1, Double(users) * Double(items))
        historyLengths = HistoryLengths(dataset)
        popularity = Self.popularityCurve(dataset)
        firstTime = dataset.hasTimes ? manifest.firstTime : nil
        lastTime = dataset.hasTimes ? manifest.lastTime : nil
        tiedShare = dataset.hasTimes ? Self.tiedShare(dataset) : nil
        (repeatedShare, repeatedLastShare) = Self.repeatedShares(dataset)
        actions = Self.actionCounts(dataset)
        valueShare = dataset.values.withUnsafeBufferPointer { values in
            Double(values.count { !$0.isNaN }) / Double(max(1, values.count))
        }
        requests = dataset.requests.map { Requests($0, dataset) }
        features = manifest.vocabularies.keys.sorted().compactMap { Feature(key: $0, dataset) }
        contentHash = manifest.contentHash
    }

    private static func popularityCurve(_ dataset: Dataset) -> [PopularityPoint] {
        var counts = [Int](repeating: 0, count: dataset.itemCount)
        dataset.items.withUnsafeBufferPointer { items in
            for item in items { counts[Int(item)] += 1 }
        }
        counts.sort(by: >)
        return [0.01, 0.05, 0.1, 0.2, 0.5].map { share in
            let top = Int((share * Double(counts.count)).rounded(.up))
            let events = counts.prefix(top).reduce(0, +)
            return PopularityPoint(
                itemShare: share,
                eventShare: Double(events) / Double(max(1, dataset.eventCount))
            )
        }
    }

    private static func tiedShare(_ dataset: Dataset) -> Double {
        let tied = dataset.times.withUnsafeBufferPointer { times in
            (0..<dataset.userCount).reduce(0) { count, user in
                let rows = dataset.events(of: UserIndex(user))
                return count
                    + rows.count { row in
                        (row > rows.lowerBound && times[row - 1] == times[row])
                            || (row + 1 < rows.upperBound && times[row + 1] == times[row])
                    }
            }
        }
        return Double(tied) / Double(max(1, dataset.eventCount))
    }

    private static func repeatedShares(_ dataset: Dataset) -> (ofEvents: Double, ofLastEvents: Double) {
        var (repeats, lastRepeats, users) = (0, 0, 0)
        var owner = [Int32](repeating: -1, count: dataset.itemCount)  // the user who had the item last
        dataset.items.withUnsafeBufferPointer { items in
            for user in 0..<dataset.userCount {
                let rows = dataset.events(of: UserIndex(user))
                var isRepeat = false
                for row in rows {
                    isRepeat = owner[Int(items[row])] == Int32(user)
                    repeats += isRepeat ? 1 : 0
                    owner[Int(items[row])] = Int32(user)
                }
                lastRepeats += isRepeat ? 1 : 0
                users += rows.count > 1 ? 1 : 0
            }
        }
        return (Double(repeats) / Double(max(1, dataset.eventCount)), Double(lastRepeats) / Double(max(1, users)))
    }

    private static func actionCounts(_ dataset: Dataset) -> [String: Int] {
        var counts = [Int](repeating: 0, count: Action.allCases.count)
        dataset.actions.withUnsafeBufferPointer { actions in
            for action in actions { counts[Int(action)] += 1 }
        }
        let named = Action.allCases.map { ($0.name, counts[Int($0.rawValue)]) }
        var rejected = [Int](repeating: 0, count: Action.allCases.count)
        if let table = dataset.rejections {
            for row in 0..<table.count { rejected[Int(table.actions[row])] += 1 }
        }
        let against = Action.allCases.map { ($0.name, rejected[Int($0.rawValue)]) }
        return Dictionary((named + against).filter { $0.1 > 0 }) { $0 + $1 }
    }
}

extension DatasetSummary.HistoryLengths {
    init(_ dataset: Dataset) {
        let lengths = (0..<dataset.userCount).map { dataset.events(of: UserIndex($0)).count }.sorted()
        // The smallest length that at least this share of the users does not exceed.
        func quantile(_ share: Double) -> Int {
            let position = Int((share * Double(lengths.count)).rounded(.up)) - 1
            return lengths.isEmpty ? 0 : lengths[max(0, position)]
        }
        mean = Double(dataset.eventCount) / Double(max(1, lengths.count))
        minimum = lengths.first ?? 0
        quarter = quantile(0.25)
        median = quantile(0.5)
        threeQuarters = quantile(0.75)
        percent90 = quantile(0.9)
        percent99 = quantile(0.99)
        maximum = lengths.last ?? 0
    }
}

extension DatasetSummary.Requests {
    init(_ table: RequestTable, _ dataset: Dataset) {
        let sizes = (0..<table.count).map { table.shown($0).count }.sorted()
        count = table.count
        shown = table.items.count
        clicks = (0..<table.items.count).count { table.isClicked($0) }
        purchases = (0..<table.items.count).count { table.isPurchased($0) }
        meanCandidates = Double(shown) / Double(max(1, count))
        medianCandidates = sizes.isEmpty ? 0 : sizes[(sizes.count - 1) / 2]
        maximumCandidates = sizes.last ?? 0
        let queries = (0..<table.count).map { table.queries[$0] }.filter { $0 >= 0 }
        queryShare = Double(queries.count) / Double(max(1, count))
        distinctQueries = Set(queries).count
        let isFirst = (0..<table.count).count { table.ends[$0] == dataset.offsets[Int(table.users[$0])] }
        emptyHistoryShare = Double(isFirst) / Double(max(1, count))
        shownFeatures = table.featureNames
    }
}

extension DatasetSummary.Feature {
    /// The feature that the manifest knows as `item.NAME`, `request.NAME` or `user.NAME`.
    init?(key: String, _ dataset: Dataset) {
        let parts = key.split(separator: ".", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        owner = String(parts[0])
        name = String(parts[1])
        let found: CategoricalFeature? =
            switch owner {
            case "item": dataset.itemFeature(name)
            case "request": dataset.requestFeature(name)
            default: dataset.userFeature(name)
            }
        guard let feature = found else { return nil }
        values = feature.vocabulary.count
        let owners = feature.offsets.count - 1
        let covered = (0..<owners).count { feature.offsets[$0] < feature.offsets[$0 + 1] }
        coverage = Double(covered) / Double(max(1, owners))
    }
}
