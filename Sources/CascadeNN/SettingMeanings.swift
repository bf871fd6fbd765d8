// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// Written by scripts/setting-meanings.py from the documentation comments; change those.
// swift-format-ignore-file

extension LearningRateSchedule {
    public static var meanings: [String: String] {
        [
            "learningRate": "The learning rate after the warm-up.",
            "warmupSteps": "Steps over which the learning rate rises linearly from 0.",
            "lrSchedule": "What happens to the learning rate then.",
            "lrDecaySteps": "`cosine`: the step at which the rate has fallen to its floor; `step`: the number of steps between falls.",
            "lrDecayFactor": "`step`: the factor of each fall.",
            "lrFloor": "`cosine`: the share of the learning rate that remains in the end.",
        ]
    }
}

extension OptimizerSettings {
    public static var meanings: [String: String] {
        [
            "kind": "The method.",
            "beta1": "Adam: decay of the mean of gradients.",
            "beta2": "Adam: decay of the mean of squared gradients.",
            "epsilon": "Adam and Adagrad: added to the root of the squares.",
            "weightDecay": "Weight decay of matrices; biases, scales and, but for `bpr-mf`, tables of embeddings do not decay.",
            "momentum": "`sgd`: decay of the mean of gradients; ignored for row-sparse parameters.",
        ]
    }
}
