// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// An item as a service is told of it.
public struct LiveItem: Sendable, Equatable, Encodable {
    /// The item.
    public let id: ItemID
    /// The title.
    public let title: String
    /// What it belongs to: the category, then the department.
    public let categories: [String]
    /// Since when it exists, in seconds since 1970-01-01 UTC.
    public let created: Int64
    /// Its style.
    public let attributes: [String: String]
}

/// An event of a live population, with its own id and the request that showed the item.
public struct LiveEvent: Sendable, Equatable {
    /// Names the event: the same in every run of the same population.
    public let id: String
    /// What happened.
    public let event: Event
    /// The page that showed the item.
    public let request: String
}

/// A page as a service answers it.
public struct LivePage: Sendable, Equatable, Decodable {
    /// Names the page, for events.
    public let request: String
    /// The items, the first on top.
    public let items: [ItemID]
    /// The arm of each A/B test.
    public let arms: [String: String]

    /// Describes a page.
    public init(request: String, items: [ItemID], arms: [String: String] = [:]) {
        self.request = request
        self.items = items
        self.arms = arms
    }

    private enum CodingKeys: CodingKey { case request, items, arms }
    private struct Item: Decodable { let item: ItemID }

    /// Reads what `/v1/users/{id}/recommendations` and `/v1/search` answer.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        request = try values.decode(String.self, forKey: .request)
        items = try values.decode([Item].self, forKey: .items).map(\.item)
        arms = try values.decode([String: String].self, forKey: .arms)
    }
}

/// The difference of an arm's click rate from that of the first arm, as a service reports it.
public struct LiveReportedEffect: Sendable, Equatable, Codable {
    /// The arm.
    public let arm: String
    /// The arm that it is compared with.
    public let baseline: String
    /// The difference of the shares of requests with a click.
    public let effect: Double
    /// The lower end of its 95 % interval.
    public let low: Double
    /// The upper end.
    public let high: Double

    /// Describes a difference.
    public init(arm: String, baseline: String, effect: Double, low: Double, high: Double) {
        self.arm = arm
        self.baseline = baseline
        self.effect = effect
        self.low = low
        self.high = high
    }
}

/// An A/B test as a service reports it.
public struct LiveReportedTest: Sendable, Equatable {
    /// The name of the test.
    public let name: String
    /// The arms, in the order of the configuration.
    public let arms: [String]
    /// The requests that the report counts.
    public let requests: Int
    /// Every arm but the first, compared with the first; none while an arm has too few people.
    public let effects: [LiveReportedEffect]

    /// Describes a report.
    public init(name: String, arms: [String], requests: Int, effects: [LiveReportedEffect]) {
        self.name = name
        self.arms = arms
        self.requests = requests
        self.effects = effects
    }
}

/// The service that a live population uses; several people ask at once.
///
/// Times are those of the simulation, in seconds since 1970-01-01 UTC.
public protocol LiveService: Sendable {
    /// Adds items; returns when pages can show them and popularity has been counted.
    func add(_ items: [LiveItem], at time: Int64) async throws
    /// A page of recommendations, or for a query.
    func page(for user: UserID, query: String?, count: Int, at time: Int64) async throws -> LivePage
    /// Stores events; returns when the next page of their user knows them.
    ///
    /// - Returns: How many were known before they were sent for the first time.
    func record(_ events: [LiveEvent], at time: Int64) async throws -> Int
    /// The A/B tests; nil when the caller may not read them.
    func abTests() async throws -> [LiveReportedTest]?
}

/// What a service may show, as far as the best possible page depends on it.
public struct LiveRules: Sendable, Equatable {
    /// The rules of one funnel.
    public struct Funnel: Sendable, Equatable {
        /// The actions whose items are not shown again; empty when all are.
        public var seenActions: Set<Action>
        /// Items that are never shown.
        public var blocked: Set<ItemID>

        /// Describes a funnel.
        public init(seenActions: Set<Action>, blocked: Set<ItemID> = []) {
            self.seenActions = seenActions
            self.blocked = blocked
        }
    }

    /// The rules of recommendations.
    public var recommendation = Funnel(seenActions: Set(Action.allCases))
    /// The rules of searches.
    public var search = Funnel(seenActions: [])
    /// How many of a person's latest events count as seen.
    public var historyEvents = 500
    /// The number of items of a page.
    public var pageSize = 10

    /// The rules of a service without configuration.
    public init() {}
}
