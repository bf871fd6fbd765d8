// Part of Cascade. SPDX-License-Identifier: Apache-2.0

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

    public func diffusedItems(_ numbers: Tensor) throws -> Tensor { try Self.normalized(items, numbers + 1) }

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
        let next = try Self.normalized(items, batch.targets + 1).unsqueezed(1)
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
