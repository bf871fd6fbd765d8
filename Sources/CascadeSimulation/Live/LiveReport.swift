// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation

/// What became of a live population so far, beside the truth.
///
/// As JSON its keys are in snake_case.
public struct LiveReport: Sendable, Equatable, Encodable {
    /// A number of days, one or all.
    public struct Row: Sendable, Equatable, Encodable {
        /// The day; nil for all of them.
        public let day: Int?
        /// Answered requests.
        public let requests: Int
        /// Searches among them.
        public let searches: Int
        /// Requests whose page had an item.
        public let filledRequests: Int
        /// Items on pages.
        public let impressions: Int
        /// Clicks.
        public let clicks: Int
        /// Requests with a click.
        public let clickedRequests: Int
        /// Purchases.
        public let purchases: Int
        /// Clicks per impression.
        public let clickRate: Double
        /// The mean of the true click probabilities of the impressions.
        public let expectedClickRate: Double
        /// That of the best possible pages.
        public let bestClickRate: Double
        /// The expected clicks, as a share of those of the best possible pages.
        public let ratio: Double
        /// People who came.
        public let active: Int
        /// Those who came for the first time.
        public let arrived: Int
        /// Those who did not come again.
        public let left: Int
        /// The share of impressions of items younger than seven days.
        public let youngShare: Double
        /// The mean number of distinct categories on a page.
        public let categoriesPerPage: Double
        /// Items that arrived.
        public let newItems: Int
    }

    /// One arm of an A/B test.
    public struct Arm: Sendable, Equatable, Encodable {
        /// Its name.
        public let arm: String
        /// People who got a page in it.
        public let people: Int
        /// Their requests whose page had an item.
        public let requests: Int
        /// The share of requests with a click, which `/v1/ab-tests` calls `click_rate`.
        public let clickedRequestRate: Double
        /// The mean of the true probabilities of at least one click.
        public let expectedClickedRequestRate: Double
        /// Clicks per impression.
        public let clickRate: Double
        /// The mean of the true click probabilities of the impressions.
        public let expectedClickRate: Double
        /// The mean number of distinct categories on a page.
        public let categoriesPerPage: Double
    }

    /// The difference of an arm from the first one.
    public struct Effect: Sendable, Equatable, Encodable {
        /// The arm.
        public let arm: String
        /// The arm that it is compared with.
        public let baseline: String
        /// The difference of the expected shares of requests with a click.
        public let trueEffect: Double
        /// The difference that the service reports; nil when it reports none.
        public let reported: LiveReportedEffect?
        /// Whether the reported interval covers the truth.
        public let covers: Bool?
    }

    /// An A/B test.
    public struct ABTest: Sendable, Equatable, Encodable {
        /// Its name.
        public let name: String
        /// The arms, in the order of the service's report.
        public let arms: [Arm]
        /// Every arm but the first, compared with the first.
        public let effects: [Effect]
    }

    /// A new item.
    public struct NewItem: Sendable, Equatable, Encodable {
        /// Its id.
        public let item: String
        /// The day on which it arrived.
        public let day: Int
        /// The hours until its first impression; nil while it has none.
        public let firstImpressionHours: Double?
        /// The first who saw it.
        public let firstUser: String?
    }

    /// The new items that were shown within some days.
    public struct Reach: Sendable, Equatable, Encodable {
        /// The number of days.
        public let days: Int
        /// The new items that are at least so old.
        public let items: Int
        /// The share of them that was shown within these days of its arrival; nil without such items.
        public let shownShare: Double?
    }

    /// The size, the seed and the first day.
    public let settings: LiveSettings
    /// Day by day.
    public let days: [Row]
    /// All days together.
    public let total: Row
    /// The A/B tests that pages named, by name.
    public let abTests: [ABTest]
    /// How soon new items were shown: within 1, 3 and 7 days.
    public let reach: [Reach]
    /// The median of the hours to the first impression, of the new items that have one.
    public let medianFirstImpressionHours: Double?
    /// Every new item.
    public let newItems: [NewItem]
}

extension LiveReport {
    /// The days after which the reach of new items is told.
    private static let reachDays = [1, 3, 7]

    /// Reports on all days of a population.
    ///
    /// - Parameters:
    ///   - population: The population, after a day.
    ///   - reported: What the service reports of its A/B tests; nil when it does not say.
    public init(_ population: LivePopulation, reported: [LiveReportedTest]? = nil) {
        let ledger = population.ledger
        settings = population.settings
        days = ledger.days.map { Row($0) }
        total = Row(ledger.days)
        abTests = ledger.arms.keys.sorted().map { name in
            ABTest(name, ledger.arms[name] ?? [:], reported?.first { $0.name == name })
        }
        let items = Self.newItems(of: population)
        newItems = items
        let hours = items.compactMap(\.firstImpressionHours).sorted()
        let middle = hours.count / 2
        medianFirstImpressionHours =
            hours.isEmpty ? nil : hours.count % 2 == 1 ? hours[middle] : (hours[middle - 1] + hours[middle]) / 2
        reach = Self.reachDays.map { days in
            let old = items.filter { $0.day + days <= population.nextDay }
            let shown = old.count { $0.firstImpressionHours.map { $0 <= Double(24 * days) } ?? false }
            let share = old.isEmpty ? nil : Double(shown) / Double(old.count)
            return Reach(days: days, items: old.count, shownShare: share)
        }
    }

    /// The JSON text, indented; equal reports give equal text.
    public func json() throws -> String {
        let encoder = JSONEncoder.readable
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Those that arrived on one of the days of the ledger.
    private static func newItems(of population: LivePopulation) -> [NewItem] {
        let (settings, ledger) = (population.settings, population.ledger)
        let arrivals = ledger.days.filter { $0.newItems > 0 }
        return arrivals.flatMap { arrival in
            let first = settings.items + (arrival.day - 1) * settings.newItems
            return (first..<first + arrival.newItems).map { item in
                let impression = ledger.firstImpressions[item]
                let delay = impression.map { Double($0.time - settings.time(ofDay: arrival.day)) / 3_600 }
                return NewItem(
                    item: ShopSimulator.itemID(item).rawValue,
                    day: arrival.day,
                    firstImpressionHours: delay,
                    firstUser: impression.map { ShopSimulator.userID($0.user).rawValue }
                )
            }
        }
    }
}

extension LiveReport.Row {
    fileprivate init(_ day: LiveLedger.Day) { self.init([day], number: day.day) }

    /// Some days together: people are active once a day, and those who left are all who did.
    fileprivate init(_ days: [LiveLedger.Day], number: Int? = nil) {
        let tally = days.reduce(into: LiveTally()) { $0 += $1.tally }
        day = number
        requests = tally.requests
        searches = tally.searches
        filledRequests = tally.filledRequests
        impressions = tally.impressions
        clicks = tally.clicks
        clickedRequests = tally.clickedRequests
        purchases = tally.purchases
        clickRate = share(Double(tally.clicks), tally.impressions)
        expectedClickRate = share(tally.expectedClicks, tally.impressions)
        bestClickRate = share(tally.bestClicks, tally.bestImpressions)
        ratio = tally.bestClicks > 0 ? tally.expectedClicks / tally.bestClicks : 0
        active = days.reduce(0) { $0 + $1.active }
        arrived = days.reduce(0) { $0 + $1.arrived }
        left = days.reduce(0) { $0 + $1.left }
        youngShare = share(Double(tally.youngImpressions), tally.impressions)
        categoriesPerPage = share(Double(tally.categories), tally.filledRequests)
        newItems = days.reduce(0) { $0 + $1.newItems }
    }
}

extension LiveReport.ABTest {
    fileprivate init(_ name: String, _ arms: [String: LiveLedger.Arm], _ reported: LiveReportedTest?) {
        let order = reported?.arms ?? arms.keys.sorted()
        self.name = name
        self.arms = order.compactMap { arm in arms[arm].map { LiveReport.Arm(arm, $0) } }
        guard let baseline = self.arms.first else {
            effects = []
            return
        }
        effects = self.arms.dropFirst().map { arm in
            let effect = arm.expectedClickedRequestRate - baseline.expectedClickedRequestRate
            let told = reported?.effects.first { $0.arm == arm.arm && $0.baseline == baseline.arm }
            return LiveReport.Effect(
                arm: arm.arm,
                baseline: baseline.arm,
                trueEffect: effect,
                reported: told,
                covers: told.map { $0.low <= effect && effect <= $0.high }
            )
        }
    }
}

extension LiveReport.Arm {
    fileprivate init(_ name: String, _ arm: LiveLedger.Arm) {
        let tally = arm.tally
        self.arm = name
        people = arm.people
        requests = tally.filledRequests
        clickedRequestRate = share(Double(tally.clickedRequests), tally.filledRequests)
        expectedClickedRequestRate = share(tally.expectedClickedRequests, tally.filledRequests)
        clickRate = share(Double(tally.clicks), tally.impressions)
        expectedClickRate = share(tally.expectedClicks, tally.impressions)
        categoriesPerPage = share(Double(tally.categories), tally.filledRequests)
    }
}

private func share(_ part: Double, _ count: Int) -> Double { count > 0 ? part / Double(count) : 0 }
