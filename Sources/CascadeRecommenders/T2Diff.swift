// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import CascadeDatasets
public import CascadeDiffusion
import CascadeNN
public import CascadeTorch

/// Two towers, the user's guided by a diffusion that predicts the next item from the drift between past ones.
///
/// - Source: Unleashing the Potential of Two-Tower Models, arXiv:2502.20687. Readings T1-T15 settle what the paper
///   leaves open; the values that they name are settings here.
/// - Deviation: T2, T3, T5-T9, T14: see `Documentation/paper-readings.md`.
public struct T2Diff: DiffusionRetriever {
    public static let card = ModelCard(
        name: "t2diff",
        summary: "two towers with a diffusion that rebuilds the next item's drift, and mixed attention",
        paper: "Unleashing the Potential of Two-Tower Models, arXiv:2502.20687"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    /// What the tower is given as the predicted next item while it trains (reading T3).
    public enum TowerInput: String, Codable, Sendable, CaseIterable {
        /// One denoising of the noised drift, which contains the target; as printed.
        case paper
        /// One denoising of pure noise.
        case terminal
        /// The answer of a few steps from pure noise: the sampler's where it is deterministic, else four of DDIM.
        case chain
        /// Nothing: the paper's "mixed attention" ablation, without a diffusion at all.
        case none
    }

    /// What approximates the clean drift.
    public enum Backbone: String, Codable, Sendable, CaseIterable {
        /// A one-dimensional U-Net, as in the paper.
        case unet
        /// A Transformer.
        case transformer
        /// Selective state-space blocks.
        case mamba
    }

    /// The positions whose error is the reconstruction loss (reading T14).
    public enum Reconstructed: String, Codable, Sendable, CaseIterable {
        /// All that are real, as printed. Every answer but the last position's is part of the condition.
        case all
        /// The last one, whose answer alone is used and unknown.
        case last
    }

    /// Where no gradient passes between the diffusion and the rest (reading T4).
    public enum StoppedGradients: String, Codable, Sendable, CaseIterable {
        /// Neither into the embeddings nor from the tower into the denoiser.
        case all
        /// Not into the embeddings, history and target alike: the cut of figure 2a.
        case embeddings
        /// Not into the history's embeddings; the target's learn what can be rebuilt.
        case history
        /// Not from the tower into the denoiser.
        case prediction
        /// Everywhere it passes.
        case none

        fileprivate var cutsHistory: Bool { [.all, .embeddings, .history].contains(self) }
        fileprivate var cutsTarget: Bool { [.all, .embeddings].contains(self) }
        fileprivate var cutsPrediction: Bool { [.all, .prediction].contains(self) }
    }

    /// How the activation unit turns its outputs into weights (reading T7).
    public enum AttentionWeights: String, Codable, Sendable, CaseIterable {
        case softmax
        /// The share of an output's sigmoid in their sum.
        case sigmoid
        /// The share of an output in their sum, as printed, whatever their signs.
        case literal
    }

    /// What the session's Transformer leaves of its tokens, equation 19.
    public enum SessionReadout: String, Codable, Sendable, CaseIterable {
        /// Their mean, as printed.
        case mean
        /// The state of the last one: of the prediction, or without a diffusion of the latest event.
        case last
    }

    /// What the age of an event counts from (reading T8).
    public enum LagOrigin: String, Codable, Sendable, CaseIterable {
        /// The moment that the answer is for: the target's in training, the request's in service.
        case request
        /// The latest event.
        case latest
    }

    public struct Configuration: DiffusionSettings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 50
        /// k: at most this many of the latest events are the session.
        public var maxSessionLength = 10
        /// Seconds between events; a longer gap starts a new session.
        public var sessionGapSeconds = 1800
        /// Blocks of the session's Transformer.
        public var numLayers = 1
        /// Attention heads, of the session's Transformer and of a Transformer as the backbone.
        public var numHeads = 2
        /// Hidden features of the activation unit.
        public var attentionHiddenSize = 36
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.2
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        /// Adds the current interest to what equation 22 makes of it; false: as printed.
        public var residual = true
        /// What the session's Transformer leaves, equation 19.
        public var sessionReadout = SessionReadout.mean
        /// How the activation unit weighs the history, equation 20.
        public var attentionWeights = AttentionWeights.softmax
        /// What the age of an event counts from.
        public var lagOrigin = LagOrigin.request
        /// Latest events that the diffusion reads.
        public var window = 8
        /// The network that approximates the clean drift.
        public var backbone = Backbone.unet
        /// Channels of the backbone; fewer than `embeddingSize` cannot express every drift.
        public var channels = 64
        /// Whether a position of the diffusion learns of those before it alone (reading T14).
        public var causal = false
        /// Blocks of a Transformer or Mamba backbone.
        public var backboneLayers = 4
        /// Mamba: numbers in the state of each feature.
        public var stateSize = 8
        /// Mamba: false reads from the oldest event to the latest alone.
        public var bidirectional = true
        /// T: steps of the noise schedule.
        public var steps = 50
        /// The shape of the noise schedule.
        public var schedule = NoiseSchedule.Kind.exponential
        /// Beta of step 1 (exponential, linear, logarithmic).
        public var betaStart = 0.02
        /// Beta of step T.
        public var betaEnd = 0.4
        /// Number of steps that the betas are meant for, other T spreading the same noise; 0: they are meant for T.
        public var referenceSteps = 50
        /// Diffuses the differences of neighbors; false: the items themselves.
        public var drift = true
        /// What of the reverse process the prediction reads.
        public var towerInput = TowerInput.terminal
        /// Where no gradient passes between the diffusion and the rest.
        public var stopGradient = StoppedGradients.all
        /// The positions whose error is the diffusion's loss.
        public var reconstructed = Reconstructed.all
        /// Weight of the diffusion's loss; lambda, equation 25.
        public var reconstructionLossWeight = 1.0
        /// Weight of a cross-entropy of the prediction against the catalog (reading T3).
        public var rankingLossWeight = 1.0
        /// Probability that a row's prediction is zeroed while training.
        public var predictionDropout = 0.0
        /// The reverse process; can be changed without retraining.
        public var sampler = Sampler(.oneStep)
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(
                    1,
                    \.embeddingSize,
                    \.maxSequenceLength,
                    \.maxSessionLength,
                    \.numLayers,
                    \.numHeads,
                    \.attentionHiddenSize
                ),
                .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout, \.predictionDropout),
                .atMost(\.maxSessionLength, \.maxSequenceLength), .atLeast(0, \.sessionGapSeconds),
                .atLeast(1, \.window), .atMost(\.window, \.maxSequenceLength),
                .multiple(\.window, of: UNet1d.lengthMultiple).when("{backbone}: unet") { $0.backbone == .unet },
                .atLeast(1, \.channels, \.backboneLayers, \.stateSize), .multiple(\.channels, of: 2),
                .multiple(\.channels, of: \.numHeads).when("{backbone}: transformer") { $0.backbone == .transformer },
                .atLeast(1, \.steps), .above(0, \.betaStart), .atMost(\.betaStart, \.betaEnd), .below(1, \.betaEnd),
                .atLeast(0, \.reconstructionLossWeight, \.rankingLossWeight), .atLeast(0, \.referenceSteps),
            ]
        }

        public static var formerValues: [String: [String: String]] {
            ["stopGradient": ["true": "all", "false": "none"]]
        }

        public static var formerDefaults: [String: JSONValue] {
            ["referenceSteps": .integer(0), "lagOrigin": .string(LagOrigin.latest.rawValue)]
        }

        public var noiseSchedule: NoiseSchedule {
            NoiseSchedule(schedule, steps: steps, first: betaStart, last: betaEnd, reference: referenceSteps)
        }

        public static var formerNames: [String: String] {
            [
                "width": "embeddingSize", "length": "maxSequenceLength", "session": "maxSessionLength",
                "sessionGap": "sessionGapSeconds", "blocks": "numLayers", "heads": "numHeads",
                "unit": "attentionHiddenSize", "depth": "backboneLayers", "firstBeta": "betaStart",
                "lastBeta": "betaEnd", "reconstruction": "reconstructionLossWeight", "ranking": "rankingLossWeight",
            ]
        }
    }

    public let length: Int
    let items: Embedding
    let tower: MixedAttention
    let denoiser: (any SequenceDenoiser)?
    public let schedule: NoiseSchedule
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let spread = Initialization.normal(1 / Double(c.embeddingSize).squareRoot())
        // Row 0 is padding.
        items = try Embedding(data.items + 1, c.embeddingSize, spread, isRowSparse: c.sparseGradients, using: generator)
        tower = try MixedAttention(c, using: generator)
        denoiser = c.towerInput == .none ? nil : try Self.denoiser(c, using: generator)
        schedule = c.noiseSchedule
        (length, configuration) = (c.maxSequenceLength, c)
    }

    /// From the state and the history, `[B, w, 2D]`, to the clean drift, `[B, w, D]`.
    private static func denoiser(_ c: Configuration, using generator: Generator) throws -> any SequenceDenoiser {
        let (input, output, channels) = (2 * c.embeddingSize, c.embeddingSize, c.channels)
        switch c.backbone {
        case .unet: return try UNet1d(input, channels: channels, output, isCausal: c.causal, using: generator)
        case .transformer:
            return try SequenceTransformer(
                input,
                channels: channels,
                output,
                length: c.window,
                depth: c.backboneLayers,
                heads: c.numHeads,
                isCausal: c.causal,
                using: generator
            )
        case .mamba:
            return try SequenceMamba(
                input,
                channels: channels,
                output,
                depth: c.backboneLayers,
                stateSize: c.stateSize,
                isBidirectional: c.bidirectional && !c.causal,
                using: generator
            )
        }
    }

    public var readsMoment: Bool { configuration.lagOrigin == .request }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func diffusedItems(_ numbers: Tensor) throws -> Tensor { try normalized(items, numbers + 1) }

    public func userVectors(_ batch: Batch, observing: ((ReverseStep) throws -> Void)?) throws -> Tensor {
        let history = try History(batch, items, configuration)
        let prediction = try denoiser.map {
            try predict(history, $0, configuration.sampler, batch.noise, observing: observing)
        }
        return try tower(history, prediction, .inference).unsqueezed(1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let history = try History(batch, items, configuration)
        guard let denoiser else { return TrainingOutput(vectors: try tower(history, nil, .training)) }
        let c = configuration
        let diffused = try history.window(isDetached: c.stopGradient.cutsHistory)
        let clean = try clean(diffused, batch)
        // One denoising at a random step, eqs 12-15.
        let (rows, shape) = (batch.rows, [c.window, c.embeddingSize])
        let random = try batch.noise.integers(rows: rows, in: 1..<(schedule.steps + 1))
        let noise = try batch.noise.normal(rows: rows, shape, stream: 0)
        var states = [try schedule.noised(clean, steps: random, noise: noise) * diffused.mask]
        var steps = [random]
        // The state that the answer comes from rides along where its estimate learns; it never saw the target.
        let isTaught = c.towerInput != .paper && !c.stopGradient.cutsPrediction
        let isAnswering = c.rankingLossWeight > 0 || isTaught
        if isAnswering {
            let (state, step) = try withoutGradients { try answeringState(diffused, denoiser, batch.noise) }
            states.append(state)
            steps.append(try .full([rows], Double(step), .int64, on: state.device))
        }
        let known = isAnswering ? try Tensor.concatenated([diffused.items, diffused.items]) : diffused.items
        let mask = isAnswering ? try Tensor.concatenated([diffused.mask, diffused.mask]) : diffused.mask
        let estimates = try denoiser(
            .concatenated([.concatenated(states), known], -1),
            steps: .concatenated(steps),
            mask: mask
        )
        let estimate = try estimates.sliced(0, to: rows)
        let answer = isAnswering ? try slice(estimates.sliced(0, from: rows), diffused) : nil
        var terms = [
            (name: "reconstruction", loss: try error(estimate, clean, diffused) * c.reconstructionLossWeight)
        ]
        if let answer, c.rankingLossWeight > 0 {
            let table = try withoutGradients {
                try itemVectors().layerNorm() / Double(c.embeddingSize).squareRoot()
            }
            let loss = try catalogCrossEntropy(answer, table, targets: batch.targets)
            terms.append(("ranking", try loss * c.rankingLossWeight))
        }
        var prediction =
            c.towerInput == .paper
            ? try slice(estimate, diffused)
            : try answer ?? withoutGradients { try predict(history, denoiser, trainingSampler, batch.noise) }
        if c.stopGradient.cutsPrediction { prediction = try prediction.detached() }
        if c.predictionDropout > 0 {
            prediction = try prediction * batch.noise.mask(rows: rows, [1], dropping: c.predictionDropout, stream: 1)
        }
        return TrainingOutput(vectors: try tower(history, prediction, .training), terms: terms)
    }

    /// The mean squared error of an estimate of the clean drift (reading T2), over the positions that count.
    private func error(_ estimate: Tensor, _ clean: Tensor, _ window: History.Window) throws -> Tensor {
        let from = configuration.reconstructed == .last ? -1 : 0
        let squares = try (estimate - clean).square().sliced(1, from: from).sum()
        return try squares / (window.mask.sliced(1, from: from).sum() * Double(configuration.embeddingSize))
    }

    /// What makes the prediction that the tower trains with, unless it is made from the noised target.
    private var trainingSampler: Sampler {
        guard configuration.towerInput == .chain else { return Sampler(.oneStep) }
        switch configuration.sampler.kind {
        case .ddim, .dpmSolver: return configuration.sampler
        case .ddpm, .oneStep: return Sampler(.ddim, steps: 4)
        }
    }

    /// z_0, eq 11: what follows each position, or by how much it differs, `[B, w, D]`.
    private func clean(_ window: History.Window, _ batch: Batch) throws -> Tensor {
        let c = configuration
        let next = try normalized(items, batch.targets + 1).unsqueezed(1)
        let following = try Tensor.concatenated(
            [window.items.sliced(1, from: 1), c.stopGradient.cutsTarget ? next.detached() : next],
            1
        )
        return try (c.drift ? following - window.items : following) * window.mask
    }

    /// The next item according to the reverse process from pure noise, eqs 16-18: `[B, D]`.
    func predict(
        _ history: History,
        _ denoiser: any SequenceDenoiser,
        _ sampler: Sampler,
        _ noise: Noise,
        observing: ((ReverseStep) throws -> Void)? = nil
    ) throws -> Tensor {
        let window = try history.window(isDetached: true)
        let clean = try reverse(window, sampler, noise) { state, step in
            let steps = try Tensor.full([state.size(0)], Double(step), .int64, on: state.device)
            let estimate = try denoiser(.concatenated([state, window.items], -1), steps: steps, mask: window.mask)
            try observing?(ReverseStep(step: step, state: slice(state, window), estimate: slice(estimate, window)))
            return estimate
        }
        return try slice(clean, window)
    }

    /// The state `[B, w, D]` that the training sampler denoises last, and its step.
    private func answeringState(_ window: History.Window, _ denoiser: any SequenceDenoiser, _ noise: Noise) throws -> (
        Tensor, Int
    ) {
        let last = trainingSampler.visited(of: schedule).last ?? schedule.steps
        var answering: Tensor?
        let end = try reverse(window, trainingSampler, noise) { state, step in
            guard step != last else {
                answering = state
                return state
            }
            let steps = try Tensor.full([state.size(0)], Double(step), .int64, on: state.device)
            return try denoiser(.concatenated([state, window.items], -1), steps: steps, mask: window.mask)
        }
        return (answering ?? end, last)
    }

    /// The reverse process from pure noise to a clean drift, eqs 16-17: `[B, w, D]`.
    private func reverse(
        _ window: History.Window,
        _ sampler: Sampler,
        _ noise: Noise,
        denoise: (_ state: Tensor, _ step: Int) throws -> Tensor
    ) throws -> Tensor {
        func normal(_ stream: Int) throws -> Tensor {
            let shape = [configuration.window, configuration.embeddingSize]
            return try noise.normal(rows: window.items.size(0), shape, stream: stream) * window.mask
        }
        return try sampler.sample(from: normal(schedule.steps + 1), schedule, noise: normal, denoise: denoise)
    }

    /// The last position of an estimate, turned from a drift into an item, eq 18: `[B, D]`.
    private func slice(_ estimate: Tensor, _ window: History.Window) throws -> Tensor {
        let items = configuration.drift ? try estimate + window.items : estimate
        return try items.selected(1, -1)
    }

    private func tower(_ h: History, _ prediction: Tensor?, _ mode: Mode) throws -> Tensor {
        try tower(
            h.items,
            prediction: prediction,
            sessionMask: h.sessionMask,
            historyMask: h.historyMask,
            lags: h.lags,
            mode
        )
    }
}

extension T2Diff: Distillable {
    public func diffusion(of batch: Batch) throws -> (clean: Tensor, condition: DiffusionCondition) {
        let window = try History(batch, items, configuration).window(isDetached: true)
        return (try clean(window, batch), DiffusionCondition(window.items, mask: window.mask))
    }

    public func denoise(_ state: Tensor, steps: Tensor, given condition: DiffusionCondition) throws -> Tensor {
        guard let denoiser, let mask = condition.mask else {
            throw ConfigurationError("t2diff: towerInput is 'none'; there is no denoiser")
        }
        return try denoiser(.concatenated([state, condition.known], -1), steps: steps, mask: mask)
    }
}

extension T2Diff {
    /// What both halves of the model read: the embedded history, cut into session and past.
    struct History {
        /// Normalized item embeddings, zero at padding: `[B, L, D]`.
        let items: Tensor
        /// Real positions: `[B, L, 1]`, float32.
        let mask: Tensor
        /// bool `[B, k]`.
        let sessionMask: Tensor
        /// bool `[B, L]`.
        let historyMask: Tensor
        /// int64 `[B, L]`.
        let lags: Tensor
        private let size: Int

        /// The last events as the diffusion sees them.
        struct Window {
            let items: Tensor  // [B, w, D]
            let mask: Tensor  // [B, w, 1]
        }

        init(_ batch: Batch, _ table: Embedding, _ c: Configuration) throws {
            let missing = max(0, max(c.window, c.maxSessionLength) - batch.length)
            let ids = try batch.items.padded(before: missing, after: 0)
            let times = try batch.times.padded(before: missing, after: 0)
            let real = try ids.notEqual(0)
            mask = try real.to(.float32).unsqueezed(2)
            items = try normalized(table, ids) * mask
            // A position is in the session when no gap from there to the end is too long (reading T8).
            let recent = try times.sliced(1, from: -c.maxSessionLength)
            let inSession: Tensor
            if c.maxSessionLength > 1 {
                let gaps = try recent.sliced(1, from: 1) - recent.sliced(1, to: -1)
                let breaks = try gaps.greater(Double(c.sessionGapSeconds)).to(.int64)
                let later = try breaks.flipped(1).cumulativeSum(1).flipped(1).padded(before: 0, after: 1)
                inSession = try later.equal(0)
            } else {
                inSession = try Tensor.ones([batch.rows, 1], .bool, on: ids.device)
            }
            sessionMask = try inSession.and(real.sliced(1, from: -c.maxSessionLength))
            let older = try Tensor.ones([batch.rows, ids.size(1) - c.maxSessionLength], .bool, on: ids.device)
            historyMask = try real.and(.concatenated([older, sessionMask.not()], 1))
            let now = c.lagOrigin == .request ? try batch.moments.unsqueezed(1) : try times.sliced(1, from: -1)
            let age = try (now - times).clamped(from: 0)
            lags = try (age.to(.float64) + 1).log2().floor().clamped(to: Double(ActivationUnit.lagBuckets - 1)).to(
                .int64
            )
            size = c.window
        }

        func window(isDetached: Bool) throws -> Window {
            let last = try items.sliced(1, from: -size)
            return Window(items: isDetached ? try last.detached() : last, mask: try mask.sliced(1, from: -size))
        }
    }
}

/// Item embeddings with mean 0 and variance 1: `[...]` to `[..., D]`.
///
/// Whichever is smaller is normalized, the table or what is looked up; always the latter where the gradient is to stay
/// sparse.
private func normalized(_ table: Embedding, _ ids: Tensor) throws(TorchError) -> Tensor {
    table.weight.isRowSparse || ids.count < table.weight.value.size(0)
        ? try table(ids).layerNorm()
        : try table.weight.value.layerNorm().embedding(ids)
}
