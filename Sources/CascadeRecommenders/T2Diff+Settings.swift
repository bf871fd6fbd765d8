// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import CascadeDiffusion

extension T2Diff {
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

        var cutsHistory: Bool { [.all, .embeddings, .history].contains(self) }
        var cutsTarget: Bool { [.all, .embeddings].contains(self) }
        var cutsPrediction: Bool { [.all, .prediction].contains(self) }
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

        public var isDiffused: Bool { towerInput != .none }

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
}
