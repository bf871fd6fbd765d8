// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeRuns
import TestSupport
import Testing

@Suite("Snippet: CascadeRuns")
struct CascadeRunsSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Opens a run and reads its manifest")
    func shows() throws {
        let dataset = try folder.smallDataset()
        let url = try folder.finishedRun(on: dataset)
        // snippet.show
        let run = RunDirectory(url)
        let manifest = try run.manifest()
        let name = manifest.experiment.model.name
        let recall = manifest.validation["recall@10"]

        // The model with its weights, and the data that it was trained on.
        let trained = try run.open()
        let items = trained.data.dataset.itemCount
        // snippet.hide
        #expect(manifest.status == .finished && name == "popularity")
        let found = try #require(recall)
        #expect((0...1).contains(found))
        #expect(items == dataset.itemCount && trained.model.fittedRetriever != nil)
    }
}
