// Part of Cascade. SPDX-License-Identifier: Apache-2.0

package import CascadeDatasets

extension TrainingSettings {
    /// The plan of a model's batches.
    package func plan(_ data: SplitDataset, for model: any Recommender, _ kind: ExampleKind, seed: UInt64) -> BatchPlan
    {
        BatchPlan(
            data,
            kind: kind,
            length: model.length,
            padding: type(of: model).padding,
            batchSize: batchSize,
            prefixesPerUser: prefixesPerUser,
            crop: crop,
            seed: seed
        )
    }
}
