// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeStore

/// What was measured of a candidate, and what follows.
public struct GateReport: Sendable, Equatable, Codable {
    /// The time in which candidate and serving version are compared.
    public struct Window: Sendable, Equatable, Codable {
        /// Its first second, and the first second after it, since 1970-01-01 UTC.
        public var since: Int64, until: Int64
        /// Users whose wishes are known.
        public var users: Int
        /// What they wanted: items, or lists of impressions for a ranker.
        public var cases: Int
        /// Which choices of theirs count.
        public var choices: GateSettings.Choices
    }

    /// A metric of both, averaged over users.
    public struct Comparison: Sendable, Equatable, Codable {
        /// The candidate's, and the serving version's.
        public var candidate: Double, serving: Double
        /// Candidate minus serving, with the ends of its confidence interval (bootstrap over users).
        public var difference: Double, low: Double, high: Double
        /// Two-sided p-value of the sign-flip permutation test over users.
        public var pValue: Double

        private enum CodingKeys: String, CodingKey {
            case candidate, serving, difference, low, high
            case pValue = "p_value"
        }
    }

    /// How long one answer takes, in milliseconds.
    public struct Latency: Sendable, Equatable, Codable {
        /// The median.
        public var median: Double
        /// The 95th percentile.
        public var percentile95: Double

        private enum CodingKeys: String, CodingKey {
            case median
            case percentile95 = "percentile_95"
        }

        /// Describes measured durations; zeros without any.
        init(_ milliseconds: [Double]) {
            let sorted = milliseconds.sorted()
            func at(_ share: Double) -> Double {
                sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
            }
            (median, percentile95) = (at(0.5), at(0.95))
        }
    }

    /// The click rate that logged pages with exploration predict for a version in its slot.
    public struct OffPolicy: Sendable, Equatable, Codable {
        /// One version's estimate (SNIPS), with the ends of its 95 % interval.
        public struct Estimate: Sendable, Equatable, Codable {
            /// Expected clicks per impression.
            public var value: Double
            /// The interval's ends.
            public var low: Double, high: Double
            /// The share of its pages that the log can speak of.
            public var support: Double

            /// Describes an estimate.
            public init(value: Double, low: Double, high: Double, support: Double) {
                (self.value, self.low, self.high, self.support) = (value, low, high, support)
            }
        }

        /// Requests of the window that were logged with propensities.
        public var requests: Int
        /// The candidate's; nil when the log says nothing of it.
        public var candidate: Estimate?
        /// The serving version's.
        public var serving: Estimate?

        /// Describes what a log predicts.
        public init(requests: Int, candidate: Estimate?, serving: Estimate?) {
            (self.requests, self.candidate, self.serving) = (requests, candidate, serving)
        }
    }

    /// The slot.
    public var slot: String
    /// The candidate.
    public var candidate: Promotion.Placed
    /// What serves now; nil for nothing, which is compared as popularity.
    public var serving: Promotion.Placed?
    /// The window; nil when the comparison was not reached.
    public var window: Window?
    /// The comparison by metric, such as `ndcg@10`.
    public var metrics: [String: Comparison] = [:]
    /// The metric that decides.
    public var decisive = ""
    /// The candidate's latency; nil when the comparison was not reached.
    public var latencyMS: Latency?
    /// The serving version's latency.
    public var servingLatencyMS: Latency?
    /// Recall@100 of the candidate's index against exact search; nil without an index.
    public var indexRecall: Double?
    /// What logged pages predict; nil without exploration.
    public private(set) var offPolicy: OffPolicy?
    /// Why the candidate is refused; empty when it is not.
    public var refusals: [String] = []

    /// Whether the candidate may serve.
    public var isPassed: Bool { refusals.isEmpty }

    private enum CodingKeys: String, CodingKey {
        case slot, candidate, serving, window, metrics, decisive, refusals
        case latencyMS = "latency_ms"
        case servingLatencyMS = "serving_latency_ms"
        case indexRecall = "index_recall"
        case offPolicy = "off_policy"
    }

    /// Adds what logged pages predict; a candidate whose whole interval lies below the serving version's is refused.
    public mutating func add(_ found: OffPolicy) {
        offPolicy = found
        guard let own = found.candidate, let other = found.serving, own.high < other.low else { return }
        refusals.append(
            "logged pages predict a lower click rate: \(Self.text(own.value)) [\(Self.text(own.low)), \(Self.text(own.high))] "
                + "against \(Self.text(other.value)) [\(Self.text(other.low)), \(Self.text(other.high))]"
        )
    }

    init(slot: String, candidate: Promotion.Placed) {
        self.slot = slot
        self.candidate = candidate
    }

    /// What was found, in a sentence.
    public var summary: String {
        guard isPassed else { return refusals.joined(separator: "; ") }
        guard let found = metrics[decisive], let window else { return "nothing was compared" }
        let against = serving == nil ? "popularity" : "the serving version"
        return
            "\(decisive) \(Self.text(found.candidate)) against \(Self.text(found.serving)) of \(against), difference "
            + "\(Self.text(found.difference)) [\(Self.text(found.low)), \(Self.text(found.high))], over \(window.users) users"
    }

    static func text(_ value: Double) -> String {
        let scaled = (value * 10_000).rounded() / 10_000
        return "\(scaled)"
    }
}
