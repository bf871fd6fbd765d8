// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeDiffusion
import CascadeNN
public import CascadeTorch

/// Two towers, the user's guided by a diffusion that predicts the next item from the drift between past ones.
///
/// - Source: Unleashing the Potential of Two-Tower Models, arXiv:2502.20687. Readings T1-T12 settle what the paper
///   leaves open; the values that they name are settings here.
/// - Deviation: T2, T3, T5-T9: see `Documentation/paper-readings.md`.
public struct T2Diff: DiffusionRetriever {
    public static let card = ModelCard(
        name: "t2diff",
        summary: "two towers with a diffusion that rebuilds the next item's drift, and mixed attention",
        paper: "Unleashing the Potential of Two-Tower Models, arXiv:2502.20687"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.cuts

    /// What the tower is given as the predicted next item while it trains (reading T3).
    public enum TowerInput: String, Codable, Sendable, CaseIterable {
        /// One denoising of the noised drift, which contains the target; as printed.
        case paper
        /// One denoising of pure noise.
        case terminal
        /// Four DDIM steps from pure noise.
        case chain
        /// Nothing: the paper's "mixed attention" ablation, without a diffusion at all.
        case none
    }

    /// What approximates the clean drift.
    public enum Backbone: String, Codable, Sendable, CaseIterable {
        /// A one-dimensional U-Net, as in the paper.
        case unet
        /// A bidirectional Transformer.
        case transformer
        /// Selective state-space blocks.
        case mamba
    }

    public struct Configuration: DiffusionSettings {
        public var width = 64  // features per item
        public var length = 50  // latest events that are read
        public var session = 10  // k: at most this many of them are the session
        public var sessionGap = 1800  // seconds; a longer gap starts a new session
        public var blocks = 1  // of the session's Transformer
        public var heads = 2  // must divide width
        public var unit = 36  // hidden features of the activation unit
        public var dropout = 0.2  // probability
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public var residual = true  // adds the current interest to what eq 22 makes of it; false: as printed
        public var window = 8  // latest events that the diffusion reads; a multiple of 4 for the U-Net
        public var backbone = Backbone.unet  // approximates the clean drift
        public var channels = 32  // of the backbone; even
        public var depth = 4  // blocks of the transformer or mamba backbone
        public var stateSize = 8  // mamba: numbers in the state of each feature
        public var bidirectional = true  // mamba: false reads from the oldest event to the latest alone
        public var steps = 50  // T
        public var schedule = NoiseSchedule.Kind.exponential
        public var firstBeta = 0.02  // beta of step 1 (exponential, linear, logarithmic)
        public var lastBeta = 0.4  // beta of step T
        public var drift = true  // diffuse the differences of neighbours; false: the items themselves
        public var towerInput = TowerInput.terminal
        public var stopGradient = true  // between the diffusion and the rest, both ways (reading T4)
        public var reconstruction = 1.0  // lambda, eq 25
        public var ranking = 1.0  // weight of a cross-entropy of the prediction against the catalogue (reading T3)
        public var predictionDropout = 0.0  // probability that a row's prediction is zeroed while training
        public var sampler = Sampler(.oneStep)  // of the reverse process; can be changed without retraining
        public init() {}

        public func validate() throws {
            guard width > 0, heads > 0, width % heads == 0 else {
                throw ConfigurationError("model.width (\(width)) must be a multiple of model.heads (\(heads))")
            }
            guard window > 0, backbone != .unet || window % UNet1d.lengthMultiple == 0 else {
                throw ConfigurationError(
                    "model.window: found \(window), expected a multiple of \(UNet1d.lengthMultiple) for backbone unet"
                )
            }
            guard window <= length, (1...length).contains(session) else {
                throw ConfigurationError(
                    "model.window (\(window)) and model.session (\(session)) must not exceed model.length (\(length))"
                )
            }
            guard channels > 0, channels % 2 == 0 else {
                throw ConfigurationError("model.channels: found \(channels), expected an even number")
            }
            guard backbone != .transformer || channels % heads == 0 else {
                throw ConfigurationError(
                    "model.channels (\(channels)) must be a multiple of model.heads (\(heads)) for backbone transformer"
                )
            }
            guard depth > 0, stateSize > 0 else {
                throw ConfigurationError("model: depth (\(depth)) and stateSize (\(stateSize)) must be at least 1")
            }
            guard steps > 0, firstBeta > 0, firstBeta <= lastBeta, lastBeta < 1 else {
                throw ConfigurationError(
                    "model: steps must be at least 1, and 0 < firstBeta (\(firstBeta)) <= lastBeta (\(lastBeta)) < 1"
                )
            }
            guard reconstruction >= 0, ranking >= 0 else {
                throw ConfigurationError(
                    "model.reconstruction (\(reconstruction)) and model.ranking (\(ranking)) must be at least 0"
                )
            }
            guard blocks > 0, unit > 0, sessionGap >= 0, sampler.steps >= 0, (0..<1).contains(dropout),
                (0..<1).contains(predictionDropout)
            else {
                throw ConfigurationError(
                    "model: blocks and unit must be at least 1, sessionGap and sampler.steps at least 0, dropouts in 0..<1"
                )
            }
        }
    }

    public let length: Int
    let items: Embedding
    let tower: MixedAttention
    let denoiser: (any SequenceDenoiser)?
    public let schedule: NoiseSchedule
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let spread = Initialization.normal(1 / Double(c.width).squareRoot())
        // Row 0 is padding.
        items = try Embedding(data.items + 1, c.width, spread, isRowSparse: c.sparseGradients, using: generator)
        tower = try MixedAttention(c, using: generator)
        denoiser = c.towerInput == .none ? nil : try Self.denoiser(c, using: generator)
        schedule = NoiseSchedule(c.schedule, steps: c.steps, first: c.firstBeta, last: c.lastBeta)
        (length, configuration) = (c.length, c)
    }

    /// From the state and the history, `[B, w, 2D]`, to the clean drift, `[B, w, D]`.
    private static func denoiser(_ c: Configuration, using generator: Generator) throws -> any SequenceDenoiser {
        let (input, output, channels) = (2 * c.width, c.width, c.channels)
        switch c.backbone {
        case .unet: return try UNet1d(input, channels: channels, output, using: generator)
        case .transformer:
            return try SequenceTransformer(
                input,
                channels: channels,
                output,
                length: c.window,
                depth: c.depth,
                heads: c.heads,
                using: generator
            )
        case .mamba:
            return try SequenceMamba(
                input,
                channels: channels,
                output,
                depth: c.depth,
                stateSize: c.stateSize,
                isBidirectional: c.bidirectional,
                using: generator
            )
        }
    }

    public func itemVectors() throws -> Tensor { try items.weight.value.sliced(0, from: 1) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try items(numbers + 1) }

    public func diffusedItems(_ numbers: Tensor) throws -> Tensor { try normalised(items, numbers + 1) }

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
        let diffused = try history.window(stopGradient: c.stopGradient)
        let clean = try clean(diffused, batch)
        // One denoising at a random step, eqs 12-15.
        let (rows, shape) = (batch.rows, [c.window, c.width])
        let steps = try batch.noise.integers(rows: rows, in: 1..<(schedule.steps + 1))
        let noisy = try schedule.noised(clean, steps: steps, noise: batch.noise.normal(rows: rows, shape, stream: 0))
        func denoise(_ state: Tensor, _ steps: Tensor, _ window: History.Window) throws -> Tensor {
            try denoiser(.concatenated([state * window.mask, window.items], -1), steps: steps, mask: window.mask)
        }
        let estimate: Tensor
        var prediction: Tensor
        let isTerminalTrained = c.towerInput == .terminal && (c.ranking > 0 || !c.stopGradient)
        if isTerminalTrained {
            // The denoising of pure noise, which is trained too, rides along in the same call.
            let start = try batch.noise.normal(rows: rows, shape, stream: schedule.steps + 1)
            let last = try Tensor.full([rows], Double(schedule.steps), .int64, on: start.device)
            let both = try denoise(
                .concatenated([noisy, start]),
                .concatenated([steps, last]),
                History.Window(
                    items: .concatenated([diffused.items, diffused.items]),
                    mask: .concatenated([diffused.mask, diffused.mask])
                )
            )
            estimate = try both.sliced(0, to: rows)
            prediction = try slice(both.sliced(0, from: rows), diffused)
        } else {
            estimate = try denoise(noisy, steps, diffused)
            prediction = try slice(estimate, diffused)
        }
        let error = try (estimate - clean).square().sum() / (diffused.mask.sum() * Double(c.width))  // reading T2
        var terms = [(name: "reconstruction", loss: try error * c.reconstruction)]
        if c.ranking > 0 {
            let table = try withoutGradients {
                try itemVectors().layerNorm() / Double(c.width).squareRoot()
            }
            let loss = try catalogueCrossEntropy(prediction, table, targets: batch.targets)
            terms.append(("ranking", try loss * c.ranking))
        }
        let untrained: Sampler? =
            switch c.towerInput {
            case .terminal: isTerminalTrained ? nil : Sampler(.oneStep)
            case .chain: Sampler(.ddim, steps: 4)
            case .paper, .none: nil
            }
        if let untrained {
            prediction = try withoutGradients { try predict(history, denoiser, untrained, batch.noise) }
        }
        if c.stopGradient { prediction = try prediction.detached() }
        if c.predictionDropout > 0 {
            prediction = try prediction * batch.noise.mask(rows: rows, [1], dropping: c.predictionDropout, stream: 1)
        }
        return TrainingOutput(vectors: try tower(history, prediction, .training), terms: terms)
    }

    /// z_0, eq 11: what follows each position, or by how much it differs, `[B, w, D]`.
    private func clean(_ window: History.Window, _ batch: Batch) throws -> Tensor {
        let c = configuration
        let next = try normalised(items, batch.targets + 1).unsqueezed(1)
        let following = try Tensor.concatenated(
            [window.items.sliced(1, from: 1), c.stopGradient ? next.detached() : next],
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
        let c = configuration
        let diffused = try history.window(stopGradient: true)
        let rows = diffused.items.size(0)
        let start = try noise.normal(rows: rows, [c.window, c.width], stream: schedule.steps + 1) * diffused.mask
        let clean = try sampler.sample(from: start, schedule) { step in
            try noise.normal(rows: rows, [c.window, c.width], stream: step) * diffused.mask
        } denoise: { state, step in
            let steps = try Tensor.full([rows], Double(step), .int64, on: state.device)
            let estimate = try denoiser(.concatenated([state, diffused.items], -1), steps: steps, mask: diffused.mask)
            try observing?(
                ReverseStep(step: step, state: slice(state, diffused), estimate: slice(estimate, diffused))
            )
            return estimate
        }
        return try slice(clean, diffused)
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
        let window = try History(batch, items, configuration).window(stopGradient: true)
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
        /// Normalised item embeddings, zero at padding: `[B, L, D]`.
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
            let missing = max(0, max(c.window, c.session) - batch.length)
            let ids = try batch.items.padded(before: missing, after: 0)
            let times = try batch.times.padded(before: missing, after: 0)
            let real = try ids.notEqual(0)
            mask = try real.to(.float32).unsqueezed(2)
            items = try normalised(table, ids) * mask
            // A position is in the session when no gap from there to the end is too long (reading T8).
            let recent = try times.sliced(1, from: -c.session)
            let inSession: Tensor
            if c.session > 1 {
                let gaps = try recent.sliced(1, from: 1) - recent.sliced(1, to: -1)
                let breaks = try gaps.greater(Double(c.sessionGap)).to(.int64)
                let later = try breaks.flipped(1).cumulativeSum(1).flipped(1).padded(before: 0, after: 1)
                inSession = try later.equal(0)
            } else {
                inSession = try Tensor.ones([batch.rows, 1], .bool, on: ids.device)
            }
            sessionMask = try inSession.and(real.sliced(1, from: -c.session))
            let older = try Tensor.ones([batch.rows, ids.size(1) - c.session], .bool, on: ids.device)
            historyMask = try real.and(.concatenated([older, sessionMask.not()], 1))
            let age = try (times.sliced(1, from: -1) - times).clamped(from: 0)
            lags = try (age.to(.float64) + 1).log2().floor().clamped(to: Double(ActivationUnit.lagBuckets - 1)).to(
                .int64
            )
            size = c.window
        }

        func window(stopGradient: Bool) throws -> Window {
            let last = try items.sliced(1, from: -size)
            return Window(items: stopGradient ? try last.detached() : last, mask: try mask.sliced(1, from: -size))
        }
    }
}

/// Item embeddings with mean 0 and variance 1: `[...]` to `[..., D]`.
///
/// Whichever is smaller is normalised, the table or what is looked up; always the latter where the gradient is to stay
/// sparse.
private func normalised(_ table: Embedding, _ ids: Tensor) throws(TorchError) -> Tensor {
    table.weight.isRowSparse || ids.count < table.weight.value.size(0)
        ? try table(ids).layerNorm()
        : try table.weight.value.layerNorm().embedding(ids)
}
