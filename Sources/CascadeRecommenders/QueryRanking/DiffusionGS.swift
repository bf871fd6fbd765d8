// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDiffusion
public import CascadeNN
public import CascadeTorch

/// Reads a history as a noisy mixture of what items are and what the user wants now, and lets the query guide the denoising.
///
/// - Source: Li et al., *DiffusionGS: Generative Search with Query Conditioned Diffusion in Kuaishou*.
/// - Deviation: G1-G10: see `Documentation/paper-readings.md`.
public struct DiffusionGS: EncodedQueryRanker {
    public static let card = ModelCard(
        name: "diffusion-gs",
        summary: "a query guides the denoising of the history into static and dynamic interest",
        paper: "Li et al., DiffusionGS: Generative Search with Query Conditioned Diffusion in Kuaishou"
    )

    /// How the query enters the denoising; section 4.3 and table 3.
    public enum Injection: String, Codable, Sendable, CaseIterable {
        /// Added to every event between the two middle layers.
        case additive
        /// One more token of the history.
        case concatenated
        /// The last layer attends from the query to the history.
        case crossAttention = "cross-attention"
    }

    /// What keeps the two parts together close to the input; eq 12 (reading G4).
    public enum Constraint: String, Codable, Sendable, CaseIterable {
        /// Kullback-Leibler divergence of softmax distributions over features.
        case divergence
        /// Mean squared error.
        case meanSquared = "mean-squared"
    }

    /// Where a candidate meets the history; reading G1.
    public enum Target: String, Codable, Sendable, CaseIterable {
        /// After the denoising, which serves all candidates.
        case interaction
        /// As one more token of a history of its own, denoised anew for each candidate.
        case token
    }

    public struct Configuration: QueryRankerSettings, DiffusionSettings {
        public var base = QuerySettings()
        /// Layers of user-aware attention.
        public var numLayers = 4
        /// Attention heads of each.
        public var numHeads = 2
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.1
        /// False: neither noised nor told a step (table 5).
        public var noise = true
        /// T: steps of the noise schedule.
        public var steps = 50
        /// The shape of the noise schedule.
        public var schedule = NoiseSchedule.Kind.linear
        /// Beta of step 1.
        public var betaStart = 0.005
        /// Beta of step T.
        public var betaEnd = 0.01
        /// How the denoiser is told the step.
        public var injection = Injection.additive
        /// What gates the attention.
        public var gate = AttentionGate.profile
        /// What holds the estimate near the history.
        public var constraint = Constraint.divergence
        /// Weight of that loss; lambda of equation 15.
        public var constraintLossWeight = 0.1
        /// What the denoiser estimates.
        public var target = Target.interaction
        /// The reverse process; can be changed without retraining.
        public var sampler = Sampler(.oneStep)
        /// Whether inference starts from a noised history; can be changed without retraining.
        public var noisedStart = true
        public init() {}

        public var noiseSchedule: NoiseSchedule {
            NoiseSchedule(schedule, steps: steps, first: betaStart, last: betaEnd)
        }
        /// It begins with the noised history (reading G3).
        public var startsFromNoise: Bool { false }

        public static var bounds: [Bound<Self>] {
            [
                .multiple(\.base.embeddingSize, of: \.numHeads), .atLeast(1, \.numHeads), .unit(\.dropout),
                .atLeast(2, \.numLayers), .atLeast(0, \.constraintLossWeight),
                .atLeast(1, \.steps), .above(0, \.betaStart), .atMost(\.betaStart, \.betaEnd), .below(1, \.betaEnd),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "layers": "numLayers", "heads": "numHeads", "firstBeta": "betaStart", "lastBeta": "betaEnd",
                "constraintWeight": "constraintLossWeight",
            ]
        }
    }

    public let configuration: Configuration
    let encoder: QueryEncoder
    let norm: LayerNorm
    let step: StepEmbedding?
    let query: Linear
    let layers: [UserAwareLayer]
    let outputNorm: LayerNorm
    let staticHead: Linear
    let dynamicHead: Linear
    let head: QueryHead
    let schedule: NoiseSchedule

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        configuration = c
        encoder = try QueryEncoder(c, for: data, using: generator)
        norm = try LayerNorm(c.embeddingSize, on: generator.device)
        step = c.noise ? try StepEmbedding(width: c.embeddingSize, using: generator) : nil
        query = try Linear(c.embeddingSize, c.embeddingSize, using: generator)
        layers = try (0..<c.numLayers).map { _ in
            try UserAwareLayer(c.embeddingSize, heads: c.numHeads, c.gate, dropout: c.dropout, using: generator)
        }
        outputNorm = try LayerNorm(c.embeddingSize, on: generator.device)
        staticHead = try Linear(c.embeddingSize, c.embeddingSize, using: generator)
        dynamicHead = try Linear(c.embeddingSize, c.embeddingSize, using: generator)
        head = try QueryHead(c.embeddingSize, perCandidate: c.target == .token, c.head, using: generator)
        schedule = c.noiseSchedule
    }

    /// Both parts of every token, which add up to the estimate of the clean history: `[B, L, D]` each.
    struct Parts {
        let fixed: Tensor
        let dynamic: Tensor
    }

    /// What the denoising knows besides the noisy history.
    private struct Condition {
        let query: Tensor  // [B, D]
        let profile: Tensor  // [B, D]
        let mask: Tensor  // [B, L, 1]
        let counts: Tensor  // [B, 1, 1]
    }

    /// Requests, their clean history, and what guides its denoising.
    private func prepared(_ batch: QueryBatch, _ mode: Mode) throws -> (EncodedRequests, clean: Tensor, Condition) {
        let r = try encoder(batch, mode)
        let condition = Condition(query: try query(r.query), profile: r.profile, mask: r.mask, counts: r.counts)
        return (r, try norm(r.tokens) * r.mask, condition)
    }

    public func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction {
        let (requests, clean, condition) = try prepared(batch, mode)
        if configuration.target == .token { return try score(batch, requests, clean: clean, under: condition, mode) }
        let random = randomness(batch.noise, batch.rows, batch.length)
        let (parts, terms) = try denoised(clean, condition, random, mode)
        var score = try head(requests, interest: requests.mean(parts.dynamic), mode)
        score.terms = terms
        return score
    }

    /// The literal reading: the candidate is the last token of a history of its own.
    private func score(
        _ batch: QueryBatch,
        _ r: EncodedRequests,
        clean: Tensor,
        under condition: Condition,
        _ mode: Mode
    ) throws -> QueryPrediction {
        let (rows, length, width, features) = (batch.rows, batch.length, batch.width, configuration.embeddingSize)
        func spread(_ x: Tensor) throws -> Tensor {
            let shape = x.shape
            return try x.unsqueezed(1).expanded([rows, width] + shape.dropFirst()).reshaped(
                [rows * width] + shape.dropFirst()
            )
        }
        let candidates = try norm(r.targets).reshaped(rows * width, 1, features)
        // A list's padding has no tokens at all, so that it counts in no loss.
        let real = try batch.candidates.greater(0).to(.float32).reshaped(rows * width, 1, 1)
        let mask = try Tensor.concatenated([spread(condition.mask) * real, real], 1)
        let own = Condition(
            query: try spread(condition.query),
            profile: try spread(condition.profile),
            mask: mask,
            counts: try mask.sum(1, keep: true).clamped(from: 1)
        )
        // Every candidate of a request sees the same step and noise of the history, and no noise on itself.
        let shared = randomness(batch.noise, rows, length)
        let random = Randomness(
            steps: { try spread(shared.steps()) },
            normal: { stream in
                try .concatenated(
                    [spread(shared.normal(stream)), .zeros([rows * width, 1, features], on: clean.device)],
                    1
                )
            }
        )
        let sequence = try Tensor.concatenated([spread(clean), candidates], 1)
        let (parts, terms) = try denoised(sequence, own, random, mode)
        let interest = try ((parts.dynamic * mask).sum(1) / own.counts.squeezed(1)).reshaped(rows, width, features)
        var score = try head(r, interest: interest, mode)
        score.terms = terms
        return score
    }

    /// What a denoising draws: its step in training, and standard normal noise by stream.
    private struct Randomness {
        let steps: () throws -> Tensor
        let normal: (_ stream: Int) throws -> Tensor
    }

    /// Noise of each place's own, counted from the latest event, so that padding changes nobody's.
    private func randomness(_ noise: Noise, _ rows: Int, _ length: Int) -> Randomness {
        Randomness(
            steps: { try noise.integers(rows: rows, in: 1..<(schedule.steps + 1)) },
            normal: { try noise.normal(rows: rows, [length, configuration.embeddingSize], stream: $0).flipped(1) }
        )
    }

    /// Denoises histories: one random step in training (eqs 3-5), the sampler's chain in inference (eq 6).
    private func denoised(_ clean: Tensor, _ condition: Condition, _ random: Randomness, _ mode: Mode) throws
        -> (Parts, terms: [(name: String, loss: Tensor)])
    {
        func normal(_ stream: Int) throws -> Tensor { try random.normal(stream) * condition.mask }
        guard configuration.noise else {
            let parts = try denoise(clean, nil, condition, mode)
            return (parts, mode == .training ? try constraint(parts, clean, condition.mask) : [])
        }
        if mode == .training {
            let steps = try random.steps()
            let parts = try denoise(schedule.noised(clean, steps: steps, noise: normal(0)), steps, condition, mode)
            return (parts, try constraint(parts, clean, condition.mask))
        }
        let last = try all(schedule.steps, clean)
        let noise = try configuration.noisedStart ? normal(0) : .zeros(clean.shape, on: clean.device)
        let start = try schedule.noised(clean, steps: last, noise: noise)
        var parts: Parts?
        _ = try configuration.sampler.sample(from: start, schedule, noise: { try normal($0) }) { state, r in
            let estimate = try denoise(state, all(r, clean), condition, mode)
            parts = estimate
            return try (estimate.fixed + estimate.dynamic) * condition.mask
        }
        return (try parts ?? denoise(start, last, condition, mode), [])
    }

    private func all(_ step: Int, _ x: Tensor) throws -> Tensor {
        try .full([x.size(0)], Double(step), .int64, on: x.device)
    }

    /// One step of the network: a noisy history to the two parts of its clean tokens.
    private func denoise(_ noisy: Tensor, _ steps: Tensor?, _ c: Condition, _ mode: Mode) throws -> Parts {
        var (x, mask, counts) = (noisy, c.mask, c.counts)
        if let step, let steps { x = try x + step(steps).unsqueezed(1) }
        let length = x.size(1)
        if configuration.injection == .concatenated {
            x = try .concatenated([x, c.query.unsqueezed(1)], 1)
            mask = try .concatenated([mask, .ones([x.size(0), 1, 1], on: x.device)], 1)
            counts = try mask.sum(1, keep: true)
        }
        for (place, layer) in layers.enumerated() {
            if configuration.injection == .additive, place == layers.count / 2 { x = try x + c.query.unsqueezed(1) }
            let isCross = configuration.injection == .crossAttention && place == layers.count - 1
            x =
                try isCross
                ? layer.crossing(x, with: c.query, c.profile, mask, mode)
                : layer(x, c.profile, mask, counts: counts, mode)
        }
        let y = try outputNorm(x.sliced(1, to: length))
        return Parts(fixed: try staticHead(y), dynamic: try dynamicHead(y))
    }

    /// What keeps the sum of the parts close to the input, weighted; eq 12.
    private func constraint(_ parts: Parts, _ clean: Tensor, _ mask: Tensor) throws -> [(name: String, loss: Tensor)] {
        let c = configuration
        guard c.constraintLossWeight > 0 else { return [] }
        let (found, wanted) = (try parts.fixed + parts.dynamic, try clean.detached())
        let perToken: Tensor
        switch c.constraint {
        case .meanSquared: perToken = try (found - wanted).square().mean(-1, keep: true)
        case .divergence:
            let (p, q) = (try found.logSoftmax(), try wanted.logSoftmax())
            perToken = try (p.exp() * (p - q)).sum(-1, keep: true)
        }
        let mean = try (perToken * mask).sum() / mask.sum().clamped(from: 1)
        return [("constraint", try mean * c.constraintLossWeight)]
    }

    /// The length of the dynamic part of each event.
    ///
    /// - Source: DiffusionGS, section 5.3.1, figure 3.
    public func contributions(_ batch: QueryBatch) throws -> Tensor? {
        let (requests, clean, condition) = try prepared(batch, .inference)
        let random = randomness(batch.noise, batch.rows, batch.length)
        let (parts, _) = try denoised(clean, condition, random, .inference)
        return try (parts.dynamic * requests.mask).norm(-1)
    }
}
