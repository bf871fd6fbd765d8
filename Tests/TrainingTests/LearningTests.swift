// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Learning")
struct LearningTests {
    /// Popularity reaches a recall@10 of 0.22 in this world; both models pass 0.8 after the epochs that they get here.
    @Test(
        "finds in the drift world what popularity cannot",
        arguments: [
            (
                #"{"name": "sasrec", "width": 32, "length": 50, "hidden": 64, "blocks": 1, "dropout": 0}"#,
                #""epochs": 5, "batch": 16"#
            ),
            (
                #"""
                {"name": "t2diff", "width": 32, "length": 20, "session": 4, "window": 4, "channels": 16, "steps": 10,
                 "dropout": 0}
                """#, #""epochs": 3, "batch": 64, "cuts": 10"#
            ),
        ]
    )
    func drift(model: String, training: String) throws {
        let folder = try TemporaryFolder()
        let data = try folder.driftWorld(users: 200)
        let experiment = try Small.experiment(model, training + #", "learningRate": {"peak": 0.005}"#)
        try train(experiment, on: data, to: folder.file("run"))
        try train(Small.experiment(#"{"name": "popularity"}"#), on: data, to: folder.file("popularity"))
        func recall(_ name: String) throws -> Double {
            try #require(RunDirectory(folder.file(name)).open().evaluate(.test).report.metrics["recall@10"])
        }
        let (learned, counted) = (try recall("run"), try recall("popularity"))
        #expect(learned > counted + 0.3 && learned > 2 * counted, "\(learned) against \(counted)")
    }
}
