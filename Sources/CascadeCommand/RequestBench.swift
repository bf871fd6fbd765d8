// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeBenchmarks
import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

extension BenchCommand {
    struct RequestBench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "request",
            abstract:
                "Measures a query-aware ranker's answer to one request, by candidates, history and denoising steps.",
            discussion: "Weights are fresh: trained ones cost the same. Events and candidates are drawn at random."
        )

        @OptionGroup var experiment: ExperimentOptions
        @Option(help: "The data set's directory.") var data: String
        @Option(help: "Candidates that are scored.") var candidates = "1,10,100,300,1000"
        @Option(help: "Events of history.") var history = "50"
        @Option(help: "Denoising steps of an answer; ignored by models that have none.") var steps = "1,50"
        @Option(help: "Measurements of each; the median and the 99th percentile are printed.") var repeats = 100
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws {
            guard repeats > 0 else { throw ValidationError("--repeats: found \(repeats), expected at least 1") }
            _ = (
                try numbers(candidates, "--candidates"), try numbers(history, "--history"),
                try numbers(steps, "--steps")
            )
        }

        func run() throws {
            Runtime.keepFreedMemory(for: .serving)
            let benchmark = try RequestBenchmark(experiment.resolve(), on: Dataset(at: URL(filePath: data)))
            let report = try benchmark.run(
                candidates: numbers(candidates, "--candidates"),
                histories: numbers(history, "--history"),
                steps: numbers(steps, "--steps"),
                repeats: repeats
            )
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                return Terminal.out(String(decoding: try encoder.encode(["rows": report]), as: UTF8.self))
            }
            var rows = [["model", "history", "candidates", "steps", "median ms", "99 % ms"]]
            for row in report {
                rows.append([
                    row.model, "\(row.history)", "\(row.candidates)", row.steps.map { "\($0)" } ?? "-",
                    String(format: "%.3f", row.median * 1000), String(format: "%.3f", row.percentile99 * 1000),
                ])
            }
            Terminal.out(Terminal.table(rows))
            if let row = report.first {
                Terminal.out("one request at a time, \(row.threads) threads, \(repeats) measurements")
            }
        }
    }
}
