// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch

/// What a query-aware ranker does with the interest that it found.
public struct QueryHeadSettings: Settings, Equatable {
    /// Features of the hidden layers.
    public var hiddenUnits = [128, 64]
    /// Probability that a hidden feature is zeroed while training.
    public var dropout = 0.1
    /// The defaults.
    public init() {}

    public static var bounds: [Bound<Self>] { [.layers(\.hiddenUnits), .unit(\.dropout)] }
    public static var formerNames: [String: String] { ["hidden": "hiddenUnits"] }
}

/// From interest, query, person and candidate to the log-odds of a click and of a purchase.
///
/// The first layer is a sum of two maps: what a request's candidates share is multiplied once a request.
///
/// - Deviation: G1: eq 13 has no candidate in it; this is the reading `interaction`. G16: what a purchase is scored among.
struct QueryHead: Module {
    let shared: Linear
    let own: Linear
    let layers: [Linear]
    let output: Linear
    let rate: Double

    /// - Parameters:
    ///   - width: D.
    ///   - perCandidate: Whether there is an interest for each candidate instead of one for each request.
    init(_ width: Int, perCandidate: Bool, _ c: QueryHeadSettings, using generator: Generator) throws {
        let first = c.hiddenUnits[0]
        shared = try Linear(width * (perCandidate ? 2 : 3), first, using: generator)
        own = try Linear(width * (perCandidate ? 4 : 3), first, bias: false, using: generator)
        layers = try zip(c.hiddenUnits, c.hiddenUnits.dropFirst()).map { try Linear($0, $1, using: generator) }
        output = try Linear(c.hiddenUnits[c.hiddenUnits.count - 1], 2, using: generator)
        rate = c.dropout
    }

    /// `interest` is `[B, D]`, or `[B, C, D]` for an interest of each candidate's own.
    func callAsFunction(_ r: EncodedRequests, interest: Tensor, _ mode: Mode) throws -> QueryPrediction {
        let isOwn = interest.rank == 3
        let wide = isOwn ? interest : try interest.unsqueezed(1)
        let request = try Tensor.concatenated((isOwn ? [] : [interest]) + [r.query, r.profile], -1)
        let candidate = try Tensor.concatenated(
            (isOwn ? [interest] : []) + [r.targets, r.targets * wide, r.targets * r.query.unsqueezed(1)],
            -1
        )
        var y = try (shared(request).unsqueezed(1) + own(candidate)).relu()
        for layer in layers { y = try layer(dropout(y, rate, mode)).relu() }
        let logits = try output(dropout(y, rate, mode))
        return QueryPrediction(clicks: try logits.selected(2, 0), purchases: try logits.selected(2, 1))
    }
}

/// The parts that every query-aware ranker is made of, and what follows from them.
protocol EncodedQueryRanker: QueryRanker where Configuration: QueryRankerSettings {
    var configuration: Configuration { get }
    var encoder: QueryEncoder { get }
}

extension EncodedQueryRanker {
    public var length: Int { configuration.maxSequenceLength }
    public var itemCount: Int { encoder.items.weight.value.size(0) - 1 }
    public var tokenizer: QueryTokenizer { configuration.tokens.text }
    public var purchaseWeight: Double { configuration.purchaseLossWeight }
    public var inputs: (shown: Int, contexts: Int) { encoder.inputs }
}
