// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeStore

/// Loads what slots hold; the funnel itself knows no models.
public protocol SlotLoader: Sendable {
    /// Loads a model or an index, without warming it up.
    ///
    /// - Throws: An error whose description says where, what was found, what was expected and what to do.
    func load(_ slot: SlotConfiguration) async throws -> LoadedSlot
}

/// A model or an index, ready to be warmed up.
///
/// What was loaded is released with the last request that began while it served.
public struct LoadedSlot: Sendable {
    /// Its name, where it comes from, and how well it does.
    public var version: ModelVersion
    /// The time of the last event of its training data, in seconds since 1970-01-01 UTC; nil when unknown.
    public var trainedUntil: Int64?
    /// Set when it finds candidates.
    public var source: (any CandidateSource)?
    /// Set when it scores candidates.
    public var scorer: (any CandidateScorer)?
    /// Set when it finds similar items.
    public var similar: (any SimilarItemSource)?
    private let prepare: @Sendable () async throws -> Void
    private let forget: @Sendable () -> Void

    /// Describes what was loaded.
    ///
    /// - Parameters:
    ///   - version: Its name, where it comes from, and how well it does.
    ///   - trainedUntil: The time of the last event of its training data; nil when unknown.
    ///   - source: Set when it finds candidates.
    ///   - scorer: Set when it scores candidates.
    ///   - similar: Set when it finds similar items.
    ///   - warmUp: Does what would make the first request slow.
    ///   - forgetPeople: Drops whatever it remembers of those who asked, also of those whose requests are under way.
    public init(
        version: ModelVersion,
        trainedUntil: Int64? = nil,
        source: (any CandidateSource)? = nil,
        scorer: (any CandidateScorer)? = nil,
        similar: (any SimilarItemSource)? = nil,
        warmUp: @escaping @Sendable () async throws -> Void = {},
        forgetPeople: @escaping @Sendable () -> Void = {}
    ) {
        self.version = version
        self.trainedUntil = trainedUntil
        self.source = source
        self.scorer = scorer
        self.similar = similar
        (prepare, forget) = (warmUp, forgetPeople)
    }

    /// Does what would make the first request slow.
    public func warmUp() async throws { try await prepare() }

    /// Drops whatever it remembers of those who asked.
    public func forgetPeople() { forget() }

    /// Whether it can be used so.
    func serves(_ use: SlotUse) -> Bool {
        switch use {
        case .source: source != nil
        case .scorer: scorer != nil
        case .similar: similar != nil
        }
    }
}
