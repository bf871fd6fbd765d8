// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A decision about what serves in a slot, made outside the service, which follows it.
public struct Promotion: Sendable, Equatable, Codable {
    /// What was decided.
    public enum Decision: String, Sendable, Codable, CaseIterable {
        /// The candidate is to serve.
        case promoted
        /// The candidate is not to serve.
        case refused
        /// What served before is to serve again.
        case rolledBack = "rolled-back"
    }

    /// The folders that a slot loads together.
    public struct Place: Sendable, Equatable, Codable {
        /// The run directory, or an index directory.
        public var path: String
        /// The index directory of the run; nil for none.
        public var index: String?
        /// The dataset directory of the run; nil when the run tells.
        public var data: String?

        /// Names folders.
        public init(path: String, index: String? = nil, data: String? = nil) {
            self.path = path
            self.index = index
            self.data = data
        }
    }

    /// A version and where it lies.
    public struct Placed: Sendable, Equatable, Codable {
        /// Its name.
        public var version: String
        /// Its folders.
        public var place: Place

        /// Describes a version.
        public init(version: String, place: Place) {
            self.version = version
            self.place = place
        }
    }

    /// Its number in the store, which grows; 0 before it is stored.
    public var id: Int64 = 0
    /// The slot.
    public var slot: String
    /// What was decided.
    public var decision: Decision
    /// The version that the decision is about: of the candidate, or of what serves again.
    public var version: String
    /// Where that version lies.
    public var place: Place
    /// What served until then, and what a roll-back brings back; nil when nothing did.
    public var previous: Placed?
    /// When, in seconds since 1970-01-01 UTC.
    public var time: Int64
    /// Why, in one or more sentences.
    public var reason: String
    /// The measurements behind the decision, as JSON; `{}` without any.
    public var report: String
    /// When a service began to serve it, in seconds since 1970-01-01 UTC; nil when none has yet.
    public var applied: Int64?
    /// Why a service could not serve it; nil when none has failed.
    public var problem: String?

    /// Describes a decision.
    public init(
        slot: String,
        decision: Decision,
        version: String,
        place: Place,
        previous: Placed? = nil,
        time: Int64,
        reason: String,
        report: String = "{}"
    ) {
        self.slot = slot
        self.decision = decision
        self.version = version
        self.place = place
        self.previous = previous
        self.time = time
        self.reason = reason
        self.report = report
    }

    /// Whether it changes what serves.
    public var isChange: Bool { decision != .refused }
}

/// Remembers decisions about what serves.
public protocol PromotionLog: Sendable {
    /// Remembers a decision; returns it with its number.
    func record(_ promotion: Promotion) async throws -> Promotion
    /// The decisions about a slot, or about all, the latest first.
    func promotions(of slot: String?, limit: Int) async throws -> [Promotion]
    /// The latest decision that changes what serves, for each slot.
    func latestChanges() async throws -> [String: Promotion]
    /// Notes that a service serves a decision's version, or why it does not.
    func note(_ promotion: Int64, applied time: Int64?, problem: String?) async throws
}

extension PromotionLog {
    /// The versions that changes have put into a slot and that no roll-back took away, the latest last.
    public func stack(of slot: String) async throws -> [Promotion] {
        var stack: [Promotion] = []
        for promotion in try await promotions(of: slot, limit: .max).reversed() {
            switch promotion.decision {
            case .promoted: stack.append(promotion)
            case .rolledBack: _ = stack.popLast()
            case .refused: break
            }
        }
        return stack
    }
}
