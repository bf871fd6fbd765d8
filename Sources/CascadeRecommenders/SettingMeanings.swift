// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// Written by scripts/setting-meanings.py from the documentation comments; change those.
// swift-format-ignore-file

public import CascadeDatasets

extension AttentionStackSettings {
    public static var meanings: [String: String] {
        [
            "numLayers": "Layers.",
            "numHeads": "Attention heads of each.",
            "dropout": "Probability that a feature is zeroed while training.",
        ]
    }
}

extension BERT4Rec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Transformer blocks.",
            "numHeads": "Attention heads of each block.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training.",
            "maskRatio": "Probability that an item is hidden while training.",
            "lastItemMaskRatio": "Probability that a history hides its last item alone while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension BPRMF.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each user and item.",
            "maxSequenceLength": "Latest events that stand for a user without training examples.",
            "itemBias": "Whether every item has a number of its own that is added to its scores.",
            "unknownUserRate": "Probability that a training example's user is unknown.",
            "sparseGradients": "Whether the tables' gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension BehaviorSettings {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each of item, category and time.",
            "maxSequenceLength": "Latest events that are read.",
            "timeDeltas": "Whether the age of a behavior is read beside its position.",
            "initializerStd": "Standard deviation of fresh vectors.",
            "sparseGradients": "Whether the optimizer touches only the rows that a batch names.",
            "head": "What scores the interest that was found.",
        ]
    }
}

extension CandidateSettings {
    public static var meanings: [String: String] {
        [
            "negatives": "Negatives to a target.",
            "sampling": "How they are drawn.",
            "exponent": "Power of the popularity, for `popularity`.",
            "knowledge": "What the drawing may know.",
            "knownItems": "Whether what the user had before is drawn; where people return to items, `include` keeps that from giving the target away.",
        ]
    }
}

extension Caser.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "L: latest events that are read.",
            "horizontalFilters": "Horizontal filters of each height from 1 to L.",
            "verticalFilters": "Vertical filters.",
            "dropout": "Probability that a feature is zeroed while training.",
            "userEmbedding": "Whether users known in training have an embedding.",
            "sparseGradients": "Whether the tables' gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension ClickHeadSettings {
    public static var meanings: [String: String] {
        [
            "hiddenUnits": "Features of the hidden layers.",
            "activation": "The activation function of the hidden layers.",
            "paperCompatible": "Normalizes by the statistics of the batch at inference too, as the released code does.",
        ]
    }
}

extension ComiRecDR.Configuration {
    public static var meanings: [String: String] {
        [
            "maps": "What has a linear map of its own (reading M3).",
            "routingIterations": "Rounds of routing.",
        ]
    }
}

extension ComiRecSA.Configuration {
    public static var meanings: [String: String] {
        [
            "attentionHiddenSize": "Features of the attention's hidden layer.",
        ]
    }
}

extension ContrastVAE.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item and of each latent state.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Transformer blocks of each of the two encoders, and of the decoder.",
            "numHeads": "Attention heads of each block.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training.",
            "augmentation": "How the second view comes about.",
            "reparameterizationDropout": "Probability that a feature of the second view's deviation is zeroed (`model`, `data`).",
            "cropRatio": "Share of the history that a crop keeps (`data`).",
            "maskRatio": "Probability that an item is masked (`data`).",
            "latentNoise": "Whether the first view samples its latent states; else they are mean plus deviation (reading V4).",
            "contrastiveLossWeight": "Weight of the contrastive loss.",
            "temperature": "Cosines of the contrastive loss are divided by it.",
            "annealCap": "The largest weight of the divergence from the prior.",
            "totalAnnealSteps": "Training steps in which that weight would rise to 1, were it not for the cap.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension DARE.Configuration {
    public static var meanings: [String: String] {
        [
            "attentionEmbeddingSize": "K_A: features of each of item, category and time in the attention; 0: as many as in the representation.",
            "targetAware": "Whether the interest is crossed with the candidate (DARE, section 3.2).",
            "precision": "How exactly the attention's rows are kept; can be changed without retraining.",
        ]
    }
}

extension DAT.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item and category, of augmented vectors, and of what the towers give.",
            "maxSequenceLength": "Latest events that are read.",
            "hiddenUnits": "Features of the hidden layers of each tower.",
            "dropout": "Probability that a feature of the history's mean is zeroed while training.",
            "temperature": "Scores are the towers' cosine, divided by it.",
            "userMimicLossWeight": "Weight of the loss that makes a user's augmented vector like the vectors of the user's items.",
            "itemMimicLossWeight": "Weight of the loss that makes an item's augmented vector like the vectors of the item's users.",
            "categoryLossWeight": "Weight of the loss that makes categories vary as the largest does, where items have categories.",
            "sparseGradients": "Whether the tables' gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension DIN.Configuration {
    public static var meanings: [String: String] {
        [
            "attentionHiddenSize": "Hidden features of the activation unit.",
            "recencyWeight": "What a place nearer to the request adds to a score in the retrieval stage; 0: it only orders equal scores.",
        ]
    }
}

extension DiffuRec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Transformer blocks.",
            "numHeads": "Attention heads of each block.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training, inside the Transformer.",
            "inputDropout": "Probability that a feature of the history's items is zeroed while training.",
            "initializerStd": "Standard deviation of fresh item vectors (reading R9).",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
            "positions": "Whether items know their position in the history.",
            "steps": "T: steps of the noise schedule.",
            "schedule": "The shape of the noise schedule.",
            "betaStart": "Beta of step 1 (exponential, linear, logarithmic).",
            "betaEnd": "Beta of step T.",
            "uncertainty": "The distribution of the noise on each item of the history.",
            "paperCompatible": "Items attend to padding, as published (reading R7).",
            "sampler": "The reverse process; can be changed without retraining.",
        ]
    }
}

extension DiffuRec.Uncertainty {
    public static var meanings: [String: String] {
        [
            "mean": "Its mean.",
            "standardDeviation": "Its standard deviation.",
        ]
    }
}

extension DiffusionGS.Configuration {
    public static var meanings: [String: String] {
        [
            "numLayers": "Layers of user-aware attention.",
            "numHeads": "Attention heads of each.",
            "dropout": "Probability that a feature is zeroed while training.",
            "noise": "False: neither noised nor told a step (table 5).",
            "steps": "T: steps of the noise schedule.",
            "schedule": "The shape of the noise schedule.",
            "betaStart": "Beta of step 1.",
            "betaEnd": "Beta of step T.",
            "injection": "How the denoiser is told the step.",
            "gate": "What gates the attention.",
            "constraint": "What holds the estimate near the history.",
            "constraintLossWeight": "Weight of that loss; lambda of equation 15.",
            "target": "What the denoiser estimates.",
            "sampler": "The reverse process; can be changed without retraining.",
            "noisedStart": "Whether inference starts from a noised history; can be changed without retraining.",
        ]
    }
}

extension DimeRec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numInterests": "K: interests of each user.",
            "dropout": "Probability that a feature is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
            "guidance": "What the history becomes.",
            "numLayers": "Transformer blocks that encode the history; 0: the items themselves, as in ComiRec.",
            "numHeads": "Attention heads of those.",
            "sphere": "Where item vectors live.",
            "temperature": "Cosines are divided by it in the losses, where items are unit vectors.",
            "learnsTemperature": "Whether training changes the temperature.",
            "walk": "How noise moves an item.",
            "walkScale": "How far a geodesic walk goes.",
            "steps": "T: steps of the noise schedule.",
            "schedule": "The shape of the noise schedule.",
            "betaStart": "Beta at the first of 1,000 steps, scaled to T (exponential, linear, logarithmic).",
            "betaEnd": "Beta at the last of them.",
            "residual": "Adds the mean interest to the denoiser's output; false: as printed.",
            "rankedState": "The state whose estimate is ranked in training.",
            "guidanceLossWeight": "Weight of equation 19.",
            "reconstructionLossWeight": "Weight of the diffusion's loss; lambda, equation 23.",
            "rankingLossWeight": "Weight of the ranking loss on the estimate; mu, equation 23.",
            "readout": "What users are represented by; can be changed without retraining, as can what follows.",
            "samples": "Reverse processes, each an answer of its own.",
            "sampler": "The reverse process.",
        ]
    }
}

extension DistillationSettings {
    public static var meanings: [String: String] {
        [
            "epochs": "Passes over the training examples.",
            "batchSize": "Rows per step; 0 takes the run's.",
            "consistencyLossWeight": "Weight of the consistency loss.",
            "regressionLossWeight": "Weight of the distance between the student's and the teacher's result from the same pure noise.",
            "gridSteps": "The states that must agree are as far apart as those of DDIM in so many steps; 0: of all steps.",
            "teacherSteps": "DDIM steps of the teacher whose result the student is to reach; 0: all.",
            "emaDecay": "Decay of the moving average of the student, which is its own target and what is kept.",
            "schedule": "The learning rate over the steps.",
            "maxGradNorm": "Largest allowed norm of the gradient; 0: any.",
            "patience": "Evaluations without improvement before the distillation stops.",
        ]
    }
}

extension DreamRec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Blocks of the history's Transformer.",
            "numHeads": "Attention heads of each block.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for large catalogs.",
            "denoiser": "The network that estimates the clean item.",
            "steps": "T: steps of the noise schedule.",
            "schedule": "The shape of the noise schedule.",
            "betaStart": "Beta of step 1 (exponential, linear, logarithmic).",
            "betaEnd": "Beta of step T.",
            "guidanceScale": "w: weight of the classifier-free guidance at inference; can be changed without retraining.",
            "nullProbability": "Probability that a training row's guidance is replaced by the null vector.",
            "rankingLossWeight": "Weight of the training objective on the estimate (reading R3).",
            "normalized": "Items have mean 0 and variance 1, wherever they are used (reading R3).",
            "stopGradient": "No gradient passes from the diffusion to its target (reading R3).",
            "paperCompatible": "Dropout acts at inference too, as published (reading R5).",
            "sampler": "The reverse process; can be changed without retraining.",
        ]
    }
}

extension EASE.Configuration {
    public static var meanings: [String: String] {
        [
            "regWeight": "Weight of the squared norm of the weights.",
            "selfWeight": "Weight of an item for itself, where people return to items.",
            "maxSequenceLength": "Latest events that are read.",
            "maxItems": "A larger catalog is refused; 0: as many items as half of this machine's memory holds.",
        ]
    }
}

extension ESASRec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Transformer layers.",
            "numHeads": "Attention heads of each layer.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension ETA.Configuration {
    public static var meanings: [String: String] {
        [
            "hashBits": "Bits of a signature.",
        ]
    }
}

extension GRU4Rec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "hiddenSize": "Features of the recurrent state.",
            "numLayers": "Recurrent layers.",
            "dropout": "Probability that a feature of an item is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension HSTURetrieval.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Layers of pointwise attention.",
            "numHeads": "Attention heads of each layer.",
            "dropout": "Probability that a feature is zeroed while training.",
            "temperature": "The score is a cosine divided by it.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension IALS.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each user and item.",
            "iterations": "Passes, each of which solves for all users and then for all items.",
            "regWeight": "lambda: weight of the squared norms of the vectors.",
            "frequencyExponent": "nu: how the regularization grows with the frequency of a user or item; 0: not at all.",
            "unobservedWeight": "alpha: weight of every pair of a user and an item, beside the 1 of an observed one.",
            "initializerStd": "Standard deviation of fresh item vectors, times the root of their size.",
            "maxSequenceLength": "Latest events that are folded in.",
        ]
    }
}

extension ItemKNN.Configuration {
    public static var meanings: [String: String] {
        [
            "numNeighbors": "Neighbors of each item that are kept.",
            "shrinkage": "Lowers similarities that rest on few sequences.",
            "halfLifeEvents": "Events back at which an event counts half; 0: all count alike.",
            "selfSimilarity": "Similarity of an item to itself, where people return to items.",
            "maxSequenceLength": "Latest events that are read.",
        ]
    }
}

extension MIND.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numInterests": "K: interests of each user.",
            "adaptive": "n events have at most log2 n interests (reading M6).",
            "routingIterations": "Rounds of routing.",
            "attention": "How interests are weighed for a target in training.",
            "power": "p of soft attention.",
            "outputLayer": "A ReLU layer after the routing (reading M8).",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension MTGR.Configuration {
    public static var meanings: [String: String] {
        [
            "groupNorm": "Whether tokens of each kind are normalized by themselves.",
        ]
    }
}

extension Mamba4Rec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Layers, each a selective state space and a feed-forward network.",
            "stateSize": "Numbers that each feature's state holds.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension MultVAE.Configuration {
    public static var meanings: [String: String] {
        [
            "hiddenSize": "Features of the encoder's and the decoder's hidden layer.",
            "latentSize": "Features of a user's latent state.",
            "maxSequenceLength": "Latest events that are read.",
            "dropout": "Probability that an item of the set is hidden from the encoder while training.",
            "klLossWeight": "beta: the largest weight of the divergence from the prior.",
            "annealingSteps": "Steps in which that weight would grow from 0 to 1; it stops growing at its largest.",
        ]
    }
}

extension MultiInterestSettings {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numInterests": "K: interests of each user.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension Objective {
    public static var meanings: [String: String] {
        [
            "kind": "The loss.",
            "negatives": "Negatives per batch (`sampled-softmax`) or per target (`gbce`, `bce`, `bpr`).",
            "sampling": "How they are drawn.",
            "exponent": "Power of the popularity, for `popularity`.",
            "calibration": "Calibration t of `gbce`, in 0...1.",
            "sharedNegatives": "Whether all targets of a batch share the negatives of `sampled-softmax`; else each has as many of its own.",
            "logqCorrection": "Whether `sampled-softmax` corrects scores for how often negatives are drawn.",
            "excludesKnown": "Whether a target's own negatives are drawn again where its user has met them.",
            "temperature": "Scores are divided by this before the loss.",
        ]
    }
}

extension QIN.Configuration {
    public static var meanings: [String: String] {
        [
            "relevantTopK": "Behaviors that fit the query best and are kept.",
            "topK": "Of those, behaviors that fit the candidate best and are kept.",
        ]
    }
}

extension QueryHeadSettings {
    public static var meanings: [String: String] {
        [
            "hiddenUnits": "Features of the hidden layers.",
            "dropout": "Probability that a hidden feature is zeroed while training.",
        ]
    }
}

extension QuerySettings {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of a token.",
            "maxSequenceLength": "Latest events that are read.",
            "purchaseLossWeight": "Weight of the loss on purchases.",
            "tokens": "How requests become vectors.",
            "head": "What scores a candidate.",
        ]
    }
}

extension QueryTokenizer {
    public static var meanings: [String: String] {
        [
            "buckets": "Size of the hashed table: tokens are in `1...buckets`, and 0 is padding.",
            "maximumTokens": "How many tokens a query has at most; parts of the last words are left out first.",
        ]
    }
}

extension RecentPopularity.Configuration {
    public static var meanings: [String: String] {
        [
            "halfLifeDays": "Age in days, before the last training event, at which an event counts half.",
        ]
    }
}

extension SASRec.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Transformer blocks.",
            "numHeads": "Attention heads of each block.",
            "ffnSize": "Features inside the feed-forward network.",
            "dropout": "Probability that a feature is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension SDIM.Configuration {
    public static var meanings: [String: String] {
        [
            "numHashes": "Hashes of each behavior.",
            "bitsPerHash": "Bits of each hash.",
        ]
    }
}

extension SIM.Configuration {
    public static var meanings: [String: String] {
        [
            "retrieval": "What the retrieval stage (general search unit) goes by; the auxiliary loss trains the soft one.",
        ]
    }
}

extension STOSA.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of the mean, and of the covariance, of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "numLayers": "Attention blocks.",
            "numHeads": "Attention heads of each block.",
            "ffnSize": "Features inside the feed-forward networks.",
            "dropout": "Probability that a feature is zeroed while training.",
            "pvnLossWeight": "Weight of the loss that keeps a negative farther from the target than the user is.",
            "sparseGradients": "Whether the item tables' gradients name rows, for sampled losses on large catalogs.",
        ]
    }
}

extension SearchSIM.Configuration {
    public static var meanings: [String: String] {
        [
            "topK": "Behaviors that the retrieval stage keeps for each candidate.",
            "numHeads": "Attention heads.",
            "retrieval": "What the retrieval stage (general search unit) goes by.",
        ]
    }
}

extension ShownOrder.Configuration {
    public static var meanings: [String: String] {
        [
            "feature": "The number of an impression that tells its position.",
            "repeats": "Latest events in which it looks whether a candidate occurs; 0: the position alone.",
            "purchaseLossWeight": "Weight of the loss on purchases.",
        ]
    }
}

extension StageSettings {
    public static var meanings: [String: String] {
        [
            "topK": "Behaviors that the retrieval stage keeps for each candidate.",
            "auxiliaryLoss": "Whether attention to the whole history is trained beside the kept part.",
        ]
    }
}

extension T2Diff.Configuration {
    public static var meanings: [String: String] {
        [
            "embeddingSize": "Features of each item.",
            "maxSequenceLength": "Latest events that are read.",
            "maxSessionLength": "k: at most this many of the latest events are the session.",
            "sessionGapSeconds": "Seconds between events; a longer gap starts a new session.",
            "numLayers": "Blocks of the session's Transformer.",
            "numHeads": "Attention heads, of the session's Transformer and of a Transformer as the backbone.",
            "attentionHiddenSize": "Hidden features of the activation unit.",
            "dropout": "Probability that a feature is zeroed while training.",
            "sparseGradients": "Whether the item table's gradients name rows, for sampled losses on large catalogs.",
            "residual": "Adds the current interest to what equation 22 makes of it; false: as printed.",
            "sessionReadout": "What the session's Transformer leaves, equation 19.",
            "attentionWeights": "How the activation unit weighs the history, equation 20.",
            "lagOrigin": "What the age of an event counts from.",
            "window": "Latest events that the diffusion reads.",
            "backbone": "The network that approximates the clean drift.",
            "channels": "Channels of the backbone; fewer than `embeddingSize` cannot express every drift.",
            "causal": "Whether a position of the diffusion learns of those before it alone (reading T14).",
            "backboneLayers": "Blocks of a Transformer or Mamba backbone.",
            "stateSize": "Mamba: numbers in the state of each feature.",
            "bidirectional": "Mamba: false reads from the oldest event to the latest alone.",
            "steps": "T: steps of the noise schedule.",
            "schedule": "The shape of the noise schedule.",
            "betaStart": "Beta of step 1 (exponential, linear, logarithmic).",
            "betaEnd": "Beta of step T.",
            "referenceSteps": "Number of steps that the betas are meant for, other T spreading the same noise; 0: they are meant for T.",
            "drift": "Diffuses the differences of neighbors; false: the items themselves.",
            "towerInput": "What of the reverse process the prediction reads.",
            "stopGradient": "Where no gradient passes between the diffusion and the rest.",
            "reconstructed": "The positions whose error is the diffusion's loss.",
            "reconstructionLossWeight": "Weight of the diffusion's loss; lambda, equation 25.",
            "rankingLossWeight": "Weight of a cross-entropy of the prediction against the catalog (reading T3).",
            "predictionDropout": "Probability that a row's prediction is zeroed while training.",
            "sampler": "The reverse process; can be changed without retraining.",
        ]
    }
}

extension TWIN.Configuration {
    public static var meanings: [String: String] {
        [
            "retrieval": "What the retrieval stage (general search unit) goes by.",
            "targetAware": "Whether the interest is crossed with the candidate (DARE, section 3.2).",
            "projection": "Which features attention and representation map, each with maps of its own.",
            "tableEmbeddingSize": "Features of each table's rows before a projection; 0: `embedding_size`.",
            "balancedGradients": "Scales the attention's gradient to the norm of the representation's.",
            "precision": "How exactly the attention's rows are kept; can be changed without retraining.",
        ]
    }
}

extension TWINV2.Configuration {
    public static var meanings: [String: String] {
        [
            "clusterSpan": "Behaviors to a stretch of time, within which a category is one cluster.",
        ]
    }
}

extension TokenEmbeddingSettings {
    public static var meanings: [String: String] {
        [
            "featureEmbeddingSize": "Features of each feature of items, users and the context.",
            "initializerStd": "Standard deviation of fresh vectors.",
            "dropout": "Probability that a feature of a token is zeroed while training.",
            "userIDs": "Whether users have vectors of their own beside their profile.",
            "queries": "Whether the query that led to an event is part of its token.",
            "text": "How a query is cut into tokens.",
            "sparseGradients": "Whether the optimizer touches only the rows that a batch names.",
            "crossFeatures": "Whether a candidate is told how often it, and what it shares with others, occurs in the history (reading G15).",
        ]
    }
}

extension TrainingSettings {
    public static var meanings: [String: String] {
        [
            "epochs": "Passes over the training examples, at most.",
            "batchSize": "Rows per step: users (`sasrec`) or examples (`t2diff`).",
            "prefixesPerUser": "Random prefixes per user and epoch for models trained on prefixes; 0: every position of every user.",
            "crop": "Which part of a history that is too long is read.",
            "loss": "The loss.",
            "optimizer": "The optimizer.",
            "schedule": "The learning rate over the steps.",
            "maxGradNorm": "Largest allowed norm of the gradient; 0: any.",
            "emaDecay": "Decay of the exponential moving average of the weights, which is what is evaluated and kept; 0: none.",
            "evalEveryEpochs": "Epochs from one evaluation on validation to the next.",
            "evalEverySteps": "Steps from one evaluation to the next within an epoch; 0: none but those after epochs.",
            "metric": "The metric that selects the weights and stops the training.",
            "patience": "Evaluations without improvement before the training stops.",
            "validationUsers": "Validation users that are ranked while training; 0: all.",
            "checkpointSeconds": "Seconds between checkpoints that are made besides those after each evaluation.",
            "logEverySteps": "Steps between two lines of the progress log.",
            "threads": "Processor threads, part of what makes a result repeatable to the bit; 0: all.",
        ]
    }
}
