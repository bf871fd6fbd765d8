// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeRecommenders
public import CascadeTorch

/// A trained model with the data that it was trained on.
public struct TrainedRun {
    /// What the run says about itself.
    public let manifest: RunManifest
    /// Its experiment, with what was overridden for inference.
    public let experiment: Experiment
    /// The model at its task.
    public let task: any RecommendationTask

    /// The model.
    public var model: any Recommender { task.model }
    /// The divided data.
    public var data: SplitDataset { task.context.data }
    /// Where the model is.
    public var device: Device { task.context.device }
}
