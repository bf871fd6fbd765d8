// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeBenchmarks
import CascadeConfigurations
import CascadeRuns
import TestSupport
import Testing

@Suite("Snippet: CascadeBenchmarks")
struct CascadeBenchmarksSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Measures the steps of a training")
    func shows() throws {
        let dataset = try folder.smallDataset()
        // snippet.show
        let file: JSONValue = [
            "model": ["name": "sasrec", "embedding_size": 16, "num_layers": 1],
            "training": ["batch_size": 16, "threads": 1],
        ]
        let benchmark = try TrainingBenchmark(Experiment(file), on: dataset)
        let report = try benchmark.run(steps: 4, warmup: 1)
        let speed = report.examplesPerSecond
        let slowest = report.shares.first?.part
        // snippet.hide
        #expect(report.model == "sasrec" && report.steps == 4)
        #expect(report.examples > 0 && speed > 0)
        let part = try #require(slowest)
        #expect(["forward", "loss", "backward", "optimizer"].contains(part))
    }
}
