// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeStore

/// A page of items.
public struct Page: Sendable, Equatable, Codable {
    /// One item of the page.
    public struct Item: Sendable, Equatable, Codable {
        /// The item.
        public var item: ItemID
        /// The title.
        public var title: String
        /// The last stage's score; comparable within this page only.
        public var score: Double
        /// The sources that found it.
        public var sources: [String]
        /// Why it is at this position: `pinned`, `explored`, `new`, a source's name, a category.
        public var reasons: [String]

        /// Describes an item of the page.
        public init(item: ItemID, title: String, score: Double, sources: [String], reasons: [String]) {
            self.item = item
            self.title = title
            self.score = score
            self.sources = sources
            self.reasons = reasons
        }
    }

    /// The request's name, for events and explanations.
    public var request: String
    /// Best first.
    public var items: [Item]
    /// The skipped stages; empty when there are none.
    public var degraded: [Degradation]
    /// The version that served, by slot.
    public var versions: [String: String]
    /// The arm of each A/B test that the request was in.
    public var arms: [String: String]

    /// Describes a page.
    public init(
        request: String,
        items: [Item],
        degraded: [Degradation] = [],
        versions: [String: String] = [:],
        arms: [String: String] = [:]
    ) {
        self.request = request
        self.items = items
        self.degraded = degraded
        self.versions = versions
        self.arms = arms
    }
}

/// A part of the catalog.
public struct ItemList: Sendable, Equatable, Codable {
    /// In the order of the bytes of their ids.
    public var items: [ItemRecord]
    /// How many there are in all that begin so.
    public var total: Int

    /// Describes a part of a list.
    public init(items: [ItemRecord], total: Int) {
        self.items = items
        self.total = total
    }
}

/// A skipped stage, and the reason.
public struct Degradation: Sendable, Equatable, Codable {
    /// Why a stage was skipped.
    public enum Reason: String, Sendable, Codable {
        /// It ran over its deadline.
        case deadline
        /// It threw an error.
        case failed
        /// Nothing is loaded in its slot.
        case missing
    }

    /// The stage's name in the configuration.
    public var stage: String
    /// Why it was skipped.
    public var reason: Reason

    /// Describes what is missing.
    public init(stage: String, reason: Reason) {
        self.stage = stage
        self.reason = reason
    }
}

/// What each stage did for one request.
public struct Explanation: Sendable, Equatable, Codable {
    /// What one stage did.
    public struct Stage: Sendable, Equatable, Codable {
        /// The stage's name in the configuration.
        public var stage: String
        /// The version that answered; empty for a stage without a model.
        public var version: String
        /// How long it took, in milliseconds.
        public var latencyMS: Double
        /// How many items went in; 0 for a source.
        public var received: Int
        /// What came out, best first, at most as many as the configuration keeps for explanations.
        public var kept: [ScoredItem]
        /// How many came out in all.
        public var keptCount: Int
        /// How many items each rule took away: `seen`, `rejected`, `unavailable`, `blocked`, `duplicate`.
        public var dropped: [String: Int]
        /// Why it was skipped, if it was.
        public var degraded: Degradation.Reason?

        /// Describes a stage's work.
        public init(
            stage: String,
            version: String = "",
            latencyMS: Double = 0,
            received: Int = 0,
            kept: [ScoredItem] = [],
            keptCount: Int = 0,
            dropped: [String: Int] = [:],
            degraded: Degradation.Reason? = nil
        ) {
            self.stage = stage
            self.version = version
            self.latencyMS = latencyMS
            self.received = received
            self.kept = kept
            self.keptCount = keptCount
            self.dropped = dropped
            self.degraded = degraded
        }

        private enum CodingKeys: String, CodingKey {
            case stage, version, received, kept, dropped, degraded
            case latencyMS = "latency_ms"
            case keptCount = "kept_count"
        }
    }

    /// The request's name.
    public var request: String
    /// Who asked.
    public var user: UserID?
    /// When, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// From the request to its response, in milliseconds.
    public var latencyMS: Double
    /// In the order in which they ran.
    public var stages: [Stage]
    /// The answer.
    public var page: Page

    /// Describes the stages of a request.
    public init(request: String, user: UserID?, time: Int64, latencyMS: Double, stages: [Stage], page: Page) {
        self.request = request
        self.user = user
        self.time = time
        self.latencyMS = latencyMS
        self.stages = stages
        self.page = page
    }

    private enum CodingKeys: String, CodingKey {
        case request, user, time, stages, page
        case latencyMS = "latency_ms"
    }
}

/// What is loaded in a slot of the funnel.
public struct SlotStatus: Sendable, Equatable, Codable {
    /// The version that served before, which a roll-back loads again.
    public struct Previous: Sendable, Equatable, Codable {
        /// Its name.
        public var version: String
        /// Where it lies.
        public var path: String

        /// Describes a version.
        public init(version: String, path: String) {
            self.version = version
            self.path = path
        }
    }

    /// The slot's name.
    public var slot: String
    /// What serves, or nil when nothing does.
    public var version: ModelVersion?
    /// What a roll-back would load; nil when nothing served before.
    public var previous: Previous?
    /// Why the last attempt to load something failed, or what could not be remembered of it; nil when all went well.
    public var problem: String?

    /// Describes a slot.
    public init(slot: String, version: ModelVersion?, previous: Previous? = nil, problem: String? = nil) {
        self.slot = slot
        self.version = version
        self.previous = previous
        self.problem = problem
    }
}

/// The metrics of one arm of an A/B test.
public struct ArmReport: Sendable, Equatable, Codable {
    /// An estimate and its 95 % confidence interval.
    public struct Estimate: Sendable, Equatable, Codable {
        /// The estimate.
        public var value: Double
        /// The interval's ends.
        public var low: Double, high: Double

        /// Describes an estimate.
        public init(value: Double, low: Double, high: Double) {
            self.value = value
            self.low = low
            self.high = high
        }
    }

    /// The arm's name.
    public var arm: String
    /// The configured share of users.
    public var share: Double
    /// Users with impressions.
    public var users: Int
    /// Answered requests.
    public var requests: Int
    /// By name: `click_rate`, `conversion`, `value`.
    public var metrics: [String: Estimate]

    /// Describes an arm.
    public init(arm: String, share: Double, users: Int, requests: Int, metrics: [String: Estimate]) {
        self.arm = arm
        self.share = share
        self.users = users
        self.requests = requests
        self.metrics = metrics
    }
}

/// The metrics of an A/B test.
public struct ABTestReport: Sendable, Equatable, Codable {
    /// The test's name.
    public var name: String
    /// Its arms, in the order of the configuration.
    public var arms: [ArmReport]
    /// Every arm but the first, compared with the first.
    public var differences: [ArmDifference]
    /// The p-value of the sample-ratio check: the probability of a split as uneven as this under the configured shares.
    ///
    /// Below 0.001 the assignment is broken, and the metrics mean nothing.
    public var sampleRatioPValue: Double

    /// Describes a test.
    public init(name: String, arms: [ArmReport], sampleRatioPValue: Double) {
        self.name = name
        self.arms = arms
        self.sampleRatioPValue = sampleRatioPValue
        differences = ArmDifference.all(arms)
    }

    private enum CodingKeys: String, CodingKey {
        case name, arms, differences
        case sampleRatioPValue = "sample_ratio_p_value"
    }
}
