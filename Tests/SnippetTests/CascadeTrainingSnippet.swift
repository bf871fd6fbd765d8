// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeRuns
import CascadeTraining
import TestSupport
import Testing

@Suite("Snippet: CascadeTraining")
struct CascadeTrainingSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Trains a model, evaluates it and recommends")
    func shows() throws {
        let dataset = try folder.smallDataset()
        let url = folder.file("run")
        // snippet.show
        let file: JSONValue = [
            "model": ["name": "sasrec", "embedding_size": 16, "num_layers": 1],
            "training": ["epochs": 1, "batch_size": 16, "threads": 1],
        ]
        let manifest = try Trainer(Experiment(file), on: dataset, to: url, TrainingOptions()).train()

        let run = try RunDirectory(url).open()
        let report = try run.evaluate(.test).report
        let recall = report.metrics["recall@10"]
        let items = try run.recommend(to: dataset.userID(UserIndex(0)), count: 5)
        // snippet.hide
        #expect(manifest.status == .finished && manifest.epoch == 1)
        #expect(report.model == "sasrec" && report.users == dataset.userCount)
        let found = try #require(recall)
        #expect((0...1).contains(found))
        #expect(items.count == 5 && Set(items.map(\.item)).count == 5)
    }
}
