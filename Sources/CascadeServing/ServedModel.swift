// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeFunnel

/// What a slot of the funnel holds: the stages that one run, or one index, offers.
///
/// Stages keep what they need alive; when the last of them goes, the engine's thread ends and its tensors are freed.
public struct ServedModel: Sendable {
    /// The model, and short fingerprints of its weights and settings and of its index.
    public let version: String
    /// What the run measured on its validation part; empty for an index alone.
    public let metrics: [String: Double]
    /// The time of the last event of its training data, in seconds since 1970-01-01 UTC; nil for an index alone.
    public let trainedUntil: Int64?
    /// Finds candidates; nil for a ranker and for an index alone.
    public let source: (any CandidateSource)?
    /// Judges items: a ranker, or the vectors of a retriever.
    public let scorer: (any CandidateScorer)?
    /// Knows similar items; nil for what has no vectors of items.
    public let similar: (any SimilarItemSource)?
    let warming: @Sendable () async throws -> Void
    let forgetting: @Sendable () -> Void
    let ending: @Sendable () async -> Void

    init(
        version: String,
        metrics: [String: Double] = [:],
        trainedUntil: Int64? = nil,
        source: (any CandidateSource)? = nil,
        scorer: (any CandidateScorer)? = nil,
        similar: (any SimilarItemSource)? = nil,
        warming: @escaping @Sendable () async throws -> Void = {},
        forgetting: @escaping @Sendable () -> Void = {},
        ending: @escaping @Sendable () async -> Void = {}
    ) {
        self.version = version
        self.metrics = metrics
        self.trainedUntil = trainedUntil
        self.source = source
        self.scorer = scorer
        self.similar = similar
        self.warming = warming
        self.forgetting = forgetting
        self.ending = ending
    }

    /// Answers the longest request that there can be, alone and as often as one pass takes, so that the first person does
    /// not wait for memory and caches.
    ///
    /// - Throws: What a request would throw; a model that cannot be warmed up must not serve.
    public func warmUp() async throws { try await warming() }

    /// Drops whatever it remembers of those who asked, so that an erased person is in no memory.
    public func forgetPeople() { forgetting() }

    /// Refuses all requests from now on, those that wait among them.
    public func stop() async { await ending() }
}
