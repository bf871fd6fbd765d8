// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What came of a number of requests, beside what was to be expected.
struct LiveTally: Sendable, Equatable, Codable {
    var requests = 0
    var searches = 0
    /// Requests whose page had an item; only these are in the store.
    var filledRequests = 0
    var impressions = 0
    var clicks = 0
    /// Requests with a click.
    var clickedRequests = 0
    var purchases = 0
    /// The sum of the true click probabilities.
    var expectedClicks = 0.0
    /// The sum of the true probabilities of at least one click.
    var expectedClickedRequests = 0.0
    /// The expected clicks of the best possible pages, and their items.
    var bestClicks = 0.0
    var bestImpressions = 0
    /// Impressions of items that were not a week old.
    var youngImpressions = 0
    /// The sum of the numbers of distinct categories on each page.
    var categories = 0

    static func += (left: inout Self, right: Self) {
        left.requests += right.requests
        left.searches += right.searches
        left.filledRequests += right.filledRequests
        left.impressions += right.impressions
        left.clicks += right.clicks
        left.clickedRequests += right.clickedRequests
        left.purchases += right.purchases
        left.expectedClicks += right.expectedClicks
        left.expectedClickedRequests += right.expectedClickedRequests
        left.bestClicks += right.bestClicks
        left.bestImpressions += right.bestImpressions
        left.youngImpressions += right.youngImpressions
        left.categories += right.categories
    }
}

/// What is kept of all days so far, for reports.
struct LiveLedger: Sendable, Equatable, Codable {
    struct Day: Sendable, Equatable, Codable {
        var day: Int
        var tally = LiveTally()
        var active = 0
        var arrived = 0
        var left = 0
        var newItems = 0
    }

    struct Arm: Sendable, Equatable, Codable {
        var people = 0
        var tally = LiveTally()
    }

    struct FirstImpression: Sendable, Equatable, Codable {
        var time: Int64
        var user: Int
    }

    var days: [Day] = []
    /// By test, then arm.
    var arms: [String: [String: Arm]] = [:]
    /// By number of a new item.
    var firstImpressions: [Int: FirstImpression] = [:]
}
