// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a slot is asked to do.
public enum SlotChange: Sendable, Equatable {
    /// Load a folder; an index or a data set that is not named comes with the folder, or is the slot's own.
    case load(path: String, index: String? = nil, data: String? = nil)
    /// Load the version that served before.
    case rollBack
}

/// An attempt to let something new serve in a slot, done or refused: what logs and metrics are told.
public struct SlotSwap: Sendable, Equatable {
    /// Who asked for it.
    public enum Origin: String, Sendable, CaseIterable {
        /// The service started.
        case start
        /// A request named a folder.
        case request
        /// A request asked for the version before.
        case rollback
        /// A watched folder changed.
        case watch
        /// `cascade promote`, `cascade rollback` or `cascade loop` decided it.
        case promotion
    }

    /// The slot.
    public var slot: String
    /// Who asked for it.
    public var origin: Origin
    /// The folder that was loaded.
    public var path: String
    /// What serves now; nil when the attempt was refused.
    public var version: String?
    /// What served until then; nil for nothing.
    public var before: String?
    /// Why it was refused, or what could not be remembered of it; nil when all went well.
    public var problem: String?

    /// Describes an attempt.
    public init(
        slot: String,
        origin: Origin,
        path: String,
        version: String? = nil,
        before: String? = nil,
        problem: String? = nil
    ) {
        self.slot = slot
        self.origin = origin
        self.path = path
        self.version = version
        self.before = before
        self.problem = problem
    }
}
