// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeStore

/// A page of items, as the service answers it.
public struct Page: Sendable, Equatable, Codable {
    /// One item of the page.
    public struct Item: Sendable, Equatable, Codable {
        /// The item.
        public var item: ItemID
        /// What people call it.
        public var title: String
        /// The last stage's score; comparable within this page only.
        public var score: Double
        /// The sources that found it.
        public var sources: [String]
        /// Why it stands where it does, in words: `pinned`, `new`, a source's name, a category.
        public var reasons: [String]

        /// Describes a place of the page.
        public init(item: ItemID, title: String, score: Double, sources: [String], reasons: [String]) {
            (self.item, self.title, self.score) = (item, title, score)
            (self.sources, self.reasons) = (sources, reasons)
        }
    }

    /// The request's name, for events and explanations.
    public var request: String
    /// Best first.
    public var items: [Item]
    /// The stages that did not take part; empty when all is well.
    public var degraded: [Degradation]
    /// The version that answered, by slot.
    public var versions: [String: String]
    /// The arm of each experiment that the request was in.
    public var arms: [String: String]

    /// Describes a page.
    public init(
        request: String,
        items: [Item],
        degraded: [Degradation] = [],
        versions: [String: String] = [:],
        arms: [String: String] = [:]
    ) {
        (self.request, self.items, self.degraded) = (request, items, degraded)
        (self.versions, self.arms) = (versions, arms)
    }
}

/// Some of the items that the service knows.
public struct ItemList: Sendable, Equatable, Codable {
    /// In the order of the bytes of their ids.
    public var items: [ItemRecord]
    /// How many there are in all that begin so.
    public var total: Int

    /// Describes a part of a list.
    public init(items: [ItemRecord], total: Int) { (self.items, self.total) = (items, total) }
}

/// A stage that was left out of an answer, and why.
public struct Degradation: Sendable, Equatable, Codable {
    /// Why a stage was left out.
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
    /// Why it was left out.
    public var reason: Reason

    /// Describes what is missing.
    public init(stage: String, reason: Reason) { (self.stage, self.reason) = (stage, reason) }
}

/// What each stage made of one request.
public struct Explanation: Sendable, Equatable, Codable {
    /// What one stage did.
    public struct Stage: Sendable, Equatable, Codable {
        /// The stage's name in the configuration.
        public var stage: String
        /// The version that answered; empty for a stage without a model.
        public var version: String
        /// How long it took, in milliseconds.
        public var milliseconds: Double
        /// How many items went in; 0 for a source.
        public var received: Int
        /// What came out, best first, at most as many as the configuration keeps for explanations.
        public var kept: [ScoredItem]
        /// How many came out in all.
        public var keptCount: Int
        /// How many items each rule took away: `seen`, `unavailable`, `blocked`, `duplicate`.
        public var dropped: [String: Int]
        /// Why it was left out, if it was.
        public var degraded: Degradation.Reason?

        /// Describes a stage's work.
        public init(
            stage: String,
            version: String = "",
            milliseconds: Double = 0,
            received: Int = 0,
            kept: [ScoredItem] = [],
            keptCount: Int = 0,
            dropped: [String: Int] = [:],
            degraded: Degradation.Reason? = nil
        ) {
            (self.stage, self.version, self.milliseconds) = (stage, version, milliseconds)
            (self.received, self.kept, self.keptCount) = (received, kept, keptCount)
            (self.dropped, self.degraded) = (dropped, degraded)
        }
    }

    /// The request's name.
    public var request: String
    /// Who asked.
    public var user: UserID?
    /// When, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// From asking to answering, in milliseconds.
    public var milliseconds: Double
    /// In the order in which they ran.
    public var stages: [Stage]
    /// The answer.
    public var page: Page

    /// Describes a request's way through the funnel.
    public init(request: String, user: UserID?, time: Int64, milliseconds: Double, stages: [Stage], page: Page) {
        (self.request, self.user, self.time) = (request, user, time)
        (self.milliseconds, self.stages, self.page) = (milliseconds, stages, page)
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
        public init(version: String, path: String) { (self.version, self.path) = (version, path) }
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
        (self.slot, self.version, self.previous, self.problem) = (slot, version, previous, problem)
    }
}

/// How one arm of an experiment does.
public struct ArmReport: Sendable, Equatable, Codable {
    /// An estimate and its 95 % confidence interval.
    public struct Estimate: Sendable, Equatable, Codable {
        /// The estimate.
        public var value: Double
        /// The interval's ends.
        public var low: Double, high: Double

        /// Describes an estimate.
        public init(value: Double, low: Double, high: Double) { (self.value, self.low, self.high) = (value, low, high) }
    }

    /// The arm's name.
    public var arm: String
    /// The share of people that the configuration gives it.
    public var share: Double
    /// People who were shown something.
    public var users: Int
    /// Answered requests.
    public var requests: Int
    /// By name: `click_rate`, `conversion`, `value`.
    public var metrics: [String: Estimate]

    /// Describes an arm.
    public init(arm: String, share: Double, users: Int, requests: Int, metrics: [String: Estimate]) {
        (self.arm, self.share, self.users, self.requests, self.metrics) = (arm, share, users, requests, metrics)
    }
}

/// How an experiment does.
public struct ExperimentReport: Sendable, Equatable, Codable {
    /// The experiment's name.
    public var experiment: String
    /// Its arms, in the order of the configuration.
    public var arms: [ArmReport]
    /// Every arm but the first, compared with the first.
    public var differences: [ArmDifference]
    /// Probability of a split as uneven as this when people are assigned as configured; below 0.001 the assignment is
    /// broken and the metrics mean nothing.
    public var sampleRatioP: Double

    /// Describes an experiment.
    public init(experiment: String, arms: [ArmReport], sampleRatioP: Double) {
        (self.experiment, self.arms, self.sampleRatioP) = (experiment, arms, sampleRatioP)
        differences = ArmDifference.all(arms)
    }
}
