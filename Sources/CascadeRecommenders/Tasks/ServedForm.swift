// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeTorch

/// What a model becomes when it is served.
public enum ServedForm {
    /// Compares vectors: an index finds items, dot products score them.
    case vectors(any VectorRetriever)
    /// Scores the whole catalog to find items.
    case catalog(any CatalogScorer)
    /// Scores the candidates of requests.
    case candidates(CandidateScoring)
}

/// How a model scores the candidates of live requests.
public struct CandidateScoring {
    /// Turns queries into tokens; nil for a model that reads none.
    public var tokenizer: QueryTokenizer?
    /// Whether a request's scores depend on the others of its batch, so that each is scored alone.
    public var dependsOnBatch = false
    /// The attention by itself, for a model that has one made of dot products; nil where there is none.
    public var attention: (() throws -> AttentionScorer)?
    /// Log-odds of a click on every candidate, shorter lists padded on the right: float32 `[B, C]`.
    public var logits: (_ requests: [LiveRequest], _ device: Device) throws -> Tensor

    /// Scores by a function.
    public init(
        tokenizer: QueryTokenizer? = nil,
        logits: @escaping (_ requests: [LiveRequest], _ device: Device) throws -> Tensor
    ) {
        self.tokenizer = tokenizer
        self.logits = logits
    }
}
