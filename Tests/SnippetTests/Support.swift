// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeSimulation
import CascadeTraining
import Foundation
import TestSupport

extension TemporaryFolder {
    /// A data set of 30 users whose interests drift between the topics of 40 items.
    func smallDataset() throws -> Dataset {
        var simulator = try Simulator.named("drift")
        (simulator.users, simulator.items, simulator.meanEvents) = (30, 40, 10)
        return try simulator.write(to: file("data"))
    }

    /// The directory of a finished run of the model that counts how popular items are.
    func finishedRun(on dataset: Dataset) throws -> URL {
        let experiment = try Experiment(["model": ["name": "popularity"], "training": ["threads": 1]])
        let url = file("run")
        _ = try Trainer(experiment, on: dataset, to: url, TrainingOptions()).train()
        return url
    }
}
