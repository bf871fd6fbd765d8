// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTorch
import TestSupport
import Testing

@Suite("Snippet: CascadeRecommenders")
struct CascadeRecommendersSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Makes a model by its name, fits it and evaluates it")
    func shows() throws {
        let dataset = try folder.smallDataset()
        // snippet.show
        let entry = try ModelRegistry.builtin.entry("item-knn")
        let specification = try entry.specification(["num_neighbors": 20, "shrinkage": 5])
        let shape = DatasetShape(users: dataset.userCount, items: dataset.itemCount)
        let model = try specification.make(for: shape, using: Generator(seed: 1))

        // This model is fitted in one pass; CascadeTraining trains all kinds of models.
        let data = try SplitDataset(dataset, .leaveOneOut)
        try model.fittedRetriever?.fit(to: data)
        let task = model.task(in: TaskContext(data: data))
        let result = try task.evaluate(.test, EvaluationOptions())
        let recall = result.metrics["recall@10"]
        // snippet.hide
        #expect(specification.settings["num_neighbors"] == 20)
        #expect(result.cases == dataset.userCount)
        let found = try #require(recall)
        let expected = try #require(RankingMetrics(ranks: result.ranks)["recall@10"])
        #expect(found > 0 && abs(found - expected) < 1e-12)
    }
}
