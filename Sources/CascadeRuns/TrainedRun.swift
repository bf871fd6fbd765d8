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
    /// The model.
    public let model: any Retriever
    /// The divided data.
    public let data: SplitDataset
    /// Where the model is.
    public let device: Device
}
