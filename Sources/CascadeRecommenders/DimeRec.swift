// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeDiffusion
import CascadeNN
public import CascadeTorch
import Foundation

/// Multi-interest guidance for a diffusion on the unit sphere that generates the user's next interest.
///
/// - Source: DimeRec: A Unified Framework for Enhanced Sequential Recommendation via Generative Diffusion Models.
///   Readings D1-D11 settle what the paper leaves open; the values that they name are settings here.
/// - Deviation: D1-D11: see `Documentation/paper-readings.md`.
public struct DimeRec: DiffusionRetriever {
    public static let card = ModelCard(
        name: "dimerec",
        summary: "several interests guide a diffusion on the unit sphere to the user's next interest",
        paper: "DimeRec: A Unified Framework for Enhanced Sequential Recommendation via Generative Diffusion Models"
    )
    public static let padding = Padding.left
    public static let examples = ExampleKind.prefixes

    /// Which vectors are unit vectors (reading D1).
    public enum Sphere: String, Codable, Sendable, CaseIterable {
        /// Items, interests and the diffusion's estimate, in every loss and in the answer.
        case unit
        /// The diffusion's target alone, as printed.
        case literal
        /// Nothing: the paper's model without its sphere.
        case none
    }

    /// How the diffusion adds noise, and what it does between two reverse steps.
    public enum Walk: String, Codable, Sendable, CaseIterable {
        /// Along geodesics of the sphere; every reverse state is brought back to it. Algorithms 1 and 2.
        case geodesic
        /// Gaussian noise in space, equation 4.
        case euclidean
    }

    /// The state whose estimate equation 22 ranks items by (reading D8).
    public enum RankedState: String, Codable, Sendable, CaseIterable {
        /// The noised target, as printed: the answer leaks through it.
        case noised
        /// Pure noise, where the reverse process begins.
        case terminal
    }

    /// What answers.
    public enum Readout: String, Codable, Sendable, CaseIterable {
        /// The estimates at the end of the reverse process.
        case diffusion
        /// The interests that guide it.
        case interests
        case both
    }

    public struct Configuration: DiffusionSettings {
        /// Features of each item.
        public var embeddingSize = 64
        /// Latest events that are read.
        public var maxSequenceLength = 10
        /// K: interests of each user.
        public var numInterests = 4
        /// Probability that a feature is zeroed while training.
        public var dropout = 0.2
        /// Whether the item table's gradients name rows, for sampled losses on large catalogs.
        public var sparseGradients = false
        /// What the history becomes.
        public var guidance = GuidanceKind.selfAttentive
        /// Transformer blocks that encode the history; 0: the items themselves, as in ComiRec.
        public var numLayers = 0
        /// Attention heads of those.
        public var numHeads = 2
        /// Where item vectors live.
        public var sphere = Sphere.unit
        /// Cosines are divided by it in the losses, where items are unit vectors.
        public var temperature = 0.1
        /// Whether training changes the temperature.
        public var learnsTemperature = false
        /// How noise moves an item.
        public var walk = Walk.geodesic
        /// How far a geodesic walk goes.
        public var walkScale = GeodesicWalk.Scale.quarterTurn
        /// T: steps of the noise schedule.
        public var steps = 20
        /// The shape of the noise schedule.
        public var schedule = NoiseSchedule.Kind.linear
        /// Beta at the first of 1,000 steps, scaled to T (exponential, linear, logarithmic).
        public var betaStart = 1e-4
        /// Beta at the last of them.
        public var betaEnd = 0.02
        /// Adds the mean interest to the denoiser's output; false: as printed.
        public var residual = true
        /// The state whose estimate is ranked in training.
        public var rankedState = RankedState.noised
        /// Weight of equation 19.
        public var guidanceLossWeight = 1.0
        /// Weight of the diffusion's loss; lambda, equation 23.
        public var reconstructionLossWeight = 0.1
        /// Weight of the ranking loss on the estimate; mu, equation 23.
        public var rankingLossWeight = 1.0
        /// What users are represented by; can be changed without retraining, as can what follows.
        public var readout = Readout.diffusion
        /// Reverse processes, each an answer of its own.
        public var samples = 1
        /// The reverse process.
        public var sampler = Sampler()
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.maxSequenceLength, \.numInterests, \.numHeads, \.steps, \.samples),
                .multiple(\.embeddingSize, of: 2), .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout),
                .atLeast(0, \.numLayers),
                .atLeast(1, \.numLayers).when("{guidance}: sasrec") { $0.guidance == .sasrec },
                .above(0, \.temperature, \.betaStart), .atMost(\.betaStart, \.betaEnd),
                .atLeast(0, \.guidanceLossWeight, \.reconstructionLossWeight, \.rankingLossWeight),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "width": "embeddingSize", "length": "maxSequenceLength", "interests": "numInterests",
                "blocks": "numLayers", "heads": "numHeads", "firstBeta": "betaStart", "lastBeta": "betaEnd",
                "guidanceLoss": "guidanceLossWeight", "reconstruction": "reconstructionLossWeight",
                "ranking": "rankingLossWeight",
            ]
        }

        public func validate() throws {
            guard scaled(betaStart) < 1 else {
                throw ConfigurationError(
                    "model.beta_start: found \(betaStart), expected a number below \(Double(steps) / 1000)"
                )
            }
            guard sphere != .none || walk == .euclidean else {
                throw ConfigurationError("model.walk: 'geodesic' needs unit vectors, but model.sphere is 'none'")
            }
            guard guidanceLossWeight + reconstructionLossWeight + rankingLossWeight > 0 else {
                throw ConfigurationError(
                    "model: guidance_loss_weight, reconstruction_loss_weight and ranking_loss_weight are all 0; nothing is left to "
                        + "learn from"
                )
            }
        }

        fileprivate func scaled(_ beta: Double) -> Double { beta * 1000 / Double(steps) }

        public var noiseSchedule: NoiseSchedule {
            NoiseSchedule(schedule, steps: steps, first: scaled(betaStart), last: min(scaled(betaEnd), 0.999))
        }
    }

    public let length: Int
    let items: Embedding
    let encoder: HistoryEncoder?
    let guidance: any GuidanceExtraction
    let denoiser: GuidedDenoiser
    let logTemperature: Parameter?
    let walk: GeodesicWalk
    let configuration: Configuration

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        items = try multiInterestItems(data, width: c.embeddingSize, isRowSparse: c.sparseGradients, using: generator)
        encoder =
            c.numLayers == 0
            ? nil
            : try HistoryEncoder(
                width: c.embeddingSize,
                length: c.maxSequenceLength,
                blocks: c.numLayers,
                heads: c.numHeads,
                dropout: c.dropout,
                using: generator
            )
        guidance =
            switch c.guidance {
            case .selfAttentive:
                try SelfAttentiveInterests(
                    width: c.embeddingSize,
                    interests: c.numInterests,
                    length: c.maxSequenceLength,
                    using: generator
                )
            case .routed:
                try RoutedInterests(
                    width: c.embeddingSize,
                    interests: c.numInterests,
                    length: c.maxSequenceLength,
                    maps: .interest,
                    start: .zero,
                    using: generator
                )
            case .sasrec: LatestItems(count: 1)
            case .mlp:
                try FlatInterest(
                    width: c.embeddingSize,
                    length: c.maxSequenceLength,
                    dropout: c.dropout,
                    using: generator
                )
            case .rule: LatestItems(count: c.numInterests)
            }
        denoiser = try GuidedDenoiser(
            width: c.embeddingSize,
            interests: guidance.count,
            dropout: c.dropout,
            isResidual: c.residual,
            using: generator
        )
        let isLearned = c.learnsTemperature && c.sphere == .unit
        logTemperature =
            isLearned ? try Parameter(.full([1], log(c.temperature), on: generator.device)) : nil
        walk = GeodesicWalk(c.noiseSchedule, scale: c.walkScale)
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func itemVectors() throws -> Tensor { try onSphere(items.weight.value.sliced(0, from: 1)) }

    public func itemVectors(_ numbers: Tensor) throws -> Tensor { try onSphere(items(numbers + 1)) }

    public func userVectors(_ batch: Batch, observing: ((ReverseStep) throws -> Void)?) throws -> Tensor {
        let interests = try interests(batch, .inference)
        let c = configuration
        guard c.readout != .interests else { return interests }
        let generated = try (0..<c.samples).map {
            try generate(interests, batch.noise, sample: $0, observing: $0 == 0 ? observing : nil)
        }
        return try .concatenated([.stacked(generated, 1)] + (c.readout == .both ? [interests] : []), 1)
    }

    public func trainingOutput(_ batch: Batch) throws -> TrainingOutput {
        let (c, rows) = (configuration, batch.rows)
        let interests = try interests(batch, .training)
        let target = try itemVectors(batch.targets)  // [B, D]
        var output = TrainingOutput(predictions: [])
        if c.guidanceLossWeight > 0 {  // equations 18-19
            let nearest = try interest(interests, nearest: target)
            output.predictions.append(.init("guidance", try sharpened(nearest), weight: c.guidanceLossWeight))
        }
        guard c.rankingLossWeight > 0 || c.reconstructionLossWeight > 0 else { return output }
        // One denoising at a random step, algorithm 1; that of pure noise rides along in the same call.
        let clean = try clean(target)
        var (states, steps, guides): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
        let isTerminal = c.rankedState == .terminal && c.rankingLossWeight > 0
        if !isTerminal || c.reconstructionLossWeight > 0 {
            let random = try batch.noise.integers(rows: rows, in: 1..<(c.steps + 1))
            let noise = try batch.noise.normal(rows: rows, [c.embeddingSize], stream: 0)
            steps.append(random)
            guides.append(interests)
            states.append(try noised(clean, steps: random, noise: noise))
        }
        if isTerminal {
            steps.append(try .full([rows], Double(c.steps), .int64, on: clean.device))
            guides.append(interests)
            states.append(try start(rows: rows, batch.noise))
        }
        let estimates = try denoise(.concatenated(states), .concatenated(steps), .concatenated(guides), .training)
        if c.rankingLossWeight > 0 {  // equation 22
            let ranked = try estimates.sliced(0, from: -rows)
            output.predictions.append(.init("ranking", try sharpened(ranked), weight: c.rankingLossWeight))
        }
        if c.reconstructionLossWeight > 0 {  // equation 21
            let error = try (estimates.sliced(0, to: rows) - clean).square().sum(1).mean()
            output.terms.append((name: "reconstruction", loss: try error * c.reconstructionLossWeight))
        }
        return output
    }

    /// The guidance, equation 13: `[B, K, D]`.
    func interests(_ batch: Batch, _ mode: Mode) throws -> Tensor {
        let (items, mask) = try embeddedHistory(batch, items)
        let unit = try onSphere(items)
        let history = try encoder?(unit, mask, mode) ?? dropout(unit, configuration.dropout, mode)
        return try onSphere(guidance(history, mask, mode))
    }

    /// The estimate at the end of one reverse process, algorithm 2: `[B, K, D]` to `[B, D]`.
    func generate(
        _ interests: Tensor,
        _ noise: Noise,
        sample: Int = 0,
        observing: ((ReverseStep) throws -> Void)? = nil
    ) throws -> Tensor {
        let (c, rows) = (configuration, interests.size(0))
        let streams = sample * (c.steps + 1)
        return try c.sampler.sample(
            from: start(rows: rows, noise, streams),
            walk.schedule,
            in: space,
            noise: { try noise.normal(rows: rows, [c.embeddingSize], stream: streams + $0) },
            denoise: { state, step in
                let steps = try Tensor.full([rows], Double(step), .int64, on: state.device)
                let estimate = try denoise(state, steps, interests, .inference)
                try observing?(ReverseStep(step: step, state: state, estimate: estimate))
                return estimate
            }
        )
    }

    /// Pure noise, where a reverse process begins: `[rows, D]`.
    private func start(rows: Int, _ noise: Noise, _ streams: Int = 0) throws -> Tensor {
        try space.projected(
            noise.normal(rows: rows, [configuration.embeddingSize], stream: streams + configuration.steps + 1)
        )
    }

    /// The estimate of the target, equation 20: states `[B, D]` to `[B, D]`.
    private func denoise(_ state: Tensor, _ steps: Tensor, _ interests: Tensor, _ mode: Mode) throws -> Tensor {
        // Unit vectors have features of variance 1 / D; those of the network should have 1.
        let root = Double(configuration.embeddingSize).squareRoot()
        let scaled = configuration.walk == .geodesic ? try state * root : state
        return try onSphere(denoiser(scaled, steps, interests * root, mode))
    }

    /// Unit vectors where the losses and the answer have those.
    private func onSphere(_ x: Tensor) throws -> Tensor { configuration.sphere == .unit ? try x.onUnitSphere() : x }

    /// User vectors as the objective sees them.
    private func sharpened(_ users: Tensor) throws -> Tensor {
        guard configuration.sphere == .unit else { return users }
        if let logTemperature { return try users * (-logTemperature.value).exp() }
        return try users / configuration.temperature
    }
}

extension DimeRec: Distillable {
    public var schedule: NoiseSchedule { walk.schedule }

    public func diffusion(of batch: Batch) throws -> (clean: Tensor, condition: DiffusionCondition) {
        (try clean(itemVectors(batch.targets)), DiffusionCondition(try interests(batch, .inference)))
    }

    public func noised(_ clean: Tensor, steps: Tensor, noise: Tensor) throws -> Tensor {
        switch configuration.walk {
        case .geodesic: try walk.noised(clean, steps: steps, noise: noise)
        case .euclidean: try walk.schedule.noised(clean, steps: steps, noise: noise)
        }
    }

    public var space: StateSpace {
        guard configuration.walk == .geodesic else { return .euclidean }
        return configuration.walkScale == .literal ? .projected : .geodesic(configuration.walkScale)
    }

    public func denoise(_ state: Tensor, steps: Tensor, given condition: DiffusionCondition) throws -> Tensor {
        try denoise(state, steps, condition.known, .inference)
    }

    /// What the diffusion rebuilds of targets `[B, D]`.
    private func clean(_ target: Tensor) throws -> Tensor {
        configuration.sphere == .literal ? try target.onUnitSphere() : target
    }
}

/// The denoising network: a state, its step and the guidance through one hidden layer.
///
/// - Source: DimeRec, equation 20 and figure 1.
/// - Deviation: D4.
struct GuidedDenoiser: Module {
    let step: StepEmbedding
    let network: FeedForward
    let isResidual: Bool

    init(width: Int, interests: Int, dropout: Double, isResidual: Bool, using generator: Generator) throws {
        step = try StepEmbedding(width: width, using: generator)
        network = try FeedForward(
            (interests + 2) * width,
            hidden: 4 * width,
            width,
            dropout: dropout,
            using: generator
        )
        self.isResidual = isResidual
    }

    /// `[B, D]`, int64 `[B]`, `[B, K, D]` to `[B, D]`.
    func callAsFunction(_ state: Tensor, _ steps: Tensor, _ guidance: Tensor, _ mode: Mode) throws -> Tensor {
        let flat = try guidance.reshaped(guidance.size(0), -1)
        let output = try network(.concatenated([state, step(steps), flat], -1), mode)
        return isResidual ? try output + guidance.mean(1) : output
    }
}
