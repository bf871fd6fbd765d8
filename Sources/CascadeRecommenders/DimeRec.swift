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
    public static let examples = ExampleKind.cuts

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
        public var width = 64  // features per item
        public var length = 10  // latest events that are read
        public var interests = 4  // K
        public var dropout = 0.2  // probability
        public var sparseGradients = false  // of the item table: for sampled losses on large catalogues
        public var guidance = GuidanceKind.selfAttentive
        public var blocks = 0  // Transformer blocks that encode the history; 0: the items themselves, as in ComiRec
        public var heads = 2  // of those; must divide width
        public var sphere = Sphere.unit
        public var temperature = 0.1  // sphere `unit`: cosines are divided by it in the losses
        public var learnsTemperature = false  // whether training changes it
        public var walk = Walk.geodesic
        public var walkScale = GeodesicWalk.Scale.quarterTurn
        public var steps = 20  // T
        public var schedule = NoiseSchedule.Kind.linear
        public var firstBeta = 1e-4  // beta at the first of 1,000 steps, scaled to T (exponential, linear, logarithmic)
        public var lastBeta = 0.02  // beta at the last of them
        public var residual = true  // adds the mean interest to the denoiser's output; false: as printed
        public var rankedState = RankedState.noised
        public var guidanceLoss = 1.0  // weight of equation 19
        public var reconstruction = 0.1  // lambda, equation 23
        public var ranking = 1.0  // mu, equation 23
        public var readout = Readout.diffusion  // can be changed without retraining, as can what follows
        public var samples = 1  // reverse processes, each an answer of its own
        public var sampler = Sampler()
        public init() {}

        public func validate() throws {
            guard width > 0, heads > 0, width % 2 == 0, width % heads == 0 else {
                throw ConfigurationError(
                    "model.width: found \(width), expected an even multiple of model.heads (\(heads))"
                )
            }
            for (name, value) in [
                ("length", length), ("interests", interests), ("steps", steps), ("samples", samples),
            ] where value < 1 {
                throw ConfigurationError("model.\(name): found \(value), expected at least 1")
            }
            guard blocks >= (guidance == .sasrec ? 1 : 0) else {
                throw ConfigurationError(
                    "model.blocks: found \(blocks), expected at least 0, and with guidance 'sasrec' at least 1"
                )
            }
            guard firstBeta > 0, firstBeta <= lastBeta, scaled(firstBeta) < 1 else {
                throw ConfigurationError(
                    """
                    model.firstBeta and model.lastBeta: found \(firstBeta) and \(lastBeta), expected \
                    0 < firstBeta <= lastBeta, and firstBeta below \(Double(steps) / 1000)
                    """
                )
            }
            guard sphere != .none || walk == .euclidean else {
                throw ConfigurationError("model.walk: 'geodesic' needs unit vectors, but model.sphere is 'none'")
            }
            for (name, value) in [
                ("guidanceLoss", guidanceLoss), ("reconstruction", reconstruction), ("ranking", ranking),
            ] where value < 0 {
                throw ConfigurationError("model.\(name): found \(value), expected at least 0")
            }
            guard guidanceLoss + reconstruction + ranking > 0 else {
                throw ConfigurationError(
                    "model: guidanceLoss, reconstruction and ranking are all 0; nothing is left to learn from"
                )
            }
            guard temperature > 0 else {
                throw ConfigurationError("model.temperature: found \(temperature), expected a number above 0")
            }
            guard (0..<1).contains(dropout), sampler.steps >= 0 else {
                throw ConfigurationError("model: dropout must be in 0..<1, sampler.steps at least 0")
            }
        }

        fileprivate func scaled(_ beta: Double) -> Double { beta * 1000 / Double(steps) }

        var noiseSchedule: NoiseSchedule {
            NoiseSchedule(schedule, steps: steps, first: scaled(firstBeta), last: min(scaled(lastBeta), 0.999))
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
        items = try multiInterestItems(data, width: c.width, isRowSparse: c.sparseGradients, using: generator)
        encoder =
            c.blocks == 0
            ? nil
            : try HistoryEncoder(
                width: c.width,
                length: c.length,
                blocks: c.blocks,
                heads: c.heads,
                dropout: c.dropout,
                using: generator
            )
        guidance =
            switch c.guidance {
            case .selfAttentive:
                try SelfAttentiveInterests(
                    width: c.width,
                    interests: c.interests,
                    length: c.length,
                    using: generator
                )
            case .routed:
                try RoutedInterests(
                    width: c.width,
                    interests: c.interests,
                    length: c.length,
                    maps: .interest,
                    start: .zero,
                    using: generator
                )
            case .sasrec: LatestItems(count: 1)
            case .mlp: try FlatInterest(width: c.width, length: c.length, dropout: c.dropout, using: generator)
            case .rule: LatestItems(count: c.interests)
            }
        denoiser = try GuidedDenoiser(
            width: c.width,
            interests: guidance.count,
            dropout: c.dropout,
            isResidual: c.residual,
            using: generator
        )
        let isLearned = c.learnsTemperature && c.sphere == .unit
        logTemperature =
            isLearned ? try Parameter(.full([1], log(c.temperature), on: generator.device)) : nil
        walk = GeodesicWalk(c.noiseSchedule, scale: c.walkScale)
        (length, configuration) = (c.length, c)
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
        if c.guidanceLoss > 0 {  // equations 18-19
            let nearest = try interest(interests, nearest: target)
            output.predictions.append(.init("guidance", try sharpened(nearest), weight: c.guidanceLoss))
        }
        guard c.ranking > 0 || c.reconstruction > 0 else { return output }
        // One denoising at a random step, algorithm 1; that of pure noise rides along in the same call.
        let clean = try clean(target)
        var (states, steps, guides): ([Tensor], [Tensor], [Tensor]) = ([], [], [])
        let isTerminal = c.rankedState == .terminal && c.ranking > 0
        if !isTerminal || c.reconstruction > 0 {
            let random = try batch.noise.integers(rows: rows, in: 1..<(c.steps + 1))
            let noise = try batch.noise.normal(rows: rows, [c.width], stream: 0)
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
        if c.ranking > 0 {  // equation 22
            let ranked = try estimates.sliced(0, from: -rows)
            output.predictions.append(.init("ranking", try sharpened(ranked), weight: c.ranking))
        }
        if c.reconstruction > 0 {  // equation 21
            let error = try (estimates.sliced(0, to: rows) - clean).square().sum(1).mean()
            output.terms.append((name: "reconstruction", loss: try error * c.reconstruction))
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
            project: projected,
            noise: { try noise.normal(rows: rows, [c.width], stream: streams + $0) },
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
        try projected(noise.normal(rows: rows, [configuration.width], stream: streams + configuration.steps + 1))
    }

    /// The estimate of the target, equation 20: states `[B, D]` to `[B, D]`.
    private func denoise(_ state: Tensor, _ steps: Tensor, _ interests: Tensor, _ mode: Mode) throws -> Tensor {
        // Unit vectors have features of variance 1 / D; those of the network should have 1.
        let root = Double(configuration.width).squareRoot()
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

    public func projected(_ state: Tensor) throws -> Tensor {
        configuration.walk == .geodesic ? try state.onUnitSphere() : state
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
