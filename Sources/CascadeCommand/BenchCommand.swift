// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeBenchmarks
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures speed.",
        subcommands: [
            TrainBench.self, InferenceBench.self, GSUBench.self, IndexBench.self,
            RequestBench.self,
        ]
    )

    struct TrainBench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "train",
            abstract: "Measures training steps of a model on a data set."
        )

        @OptionGroup var experiment: ExperimentOptions
        @Option(help: "The data set's directory.") var data: String
        @Option(help: "Measured steps.") var steps = 30
        @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws {
            guard steps > 0 else { throw ValidationError("--steps: found \(steps), expected at least 1") }
        }

        func run() throws {
            Runtime.keepFreedMemory(for: .training)
            let benchmark = try TrainingBenchmark(experiment.resolve(), on: Dataset(at: URL(filePath: data)))
            let report = try benchmark.run(steps: steps, on: Device(named: device))
            if json {
                return Terminal.out(try jsonText(report))
            }
            Terminal.out("\(report.model): \(Int(report.examplesPerSecond)) examples/s on \(report.threads) threads")
            Terminal.out(
                "\(report.steps) steps, \(report.examples) examples, median \(String(format: "%.1f", report.medianStep * 1000)) ms a step"
            )
            for part in report.shares {
                Terminal.out(
                    "    \(part.part.padding(toLength: 12, withPad: " ", startingAt: 0))\(String(format: "%5.1f %%", part.share * 100))"
                )
            }
        }
    }

    struct InferenceBench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "infer",
            abstract: "Measures what an answer costs, by denoising steps and users at once.",
            discussion: "Give a trained run, or a model and a data set; fresh weights cost the same."
        )

        @Argument(help: ArgumentHelp("A run's directory.", valueName: "run")) var trained: String?
        @OptionGroup var experiment: ExperimentOptions
        @Option(help: "The data set's directory.") var data: String?
        @Option(help: "Denoising steps, each the whole schedule; ignored by models that have none.")
        var steps = "1,5,10,20,50,200"
        @Option(help: "Users at once.") var batch = "1,256"
        @Option(help: "Measurements of each, at least; medians are printed.") var repeats = 5
        @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws {
            guard repeats > 0 else { throw ValidationError("--repeats: found \(repeats), expected at least 1") }
            if trained == nil, data == nil { throw ValidationError("give a run's directory, or --model and --data") }
            if trained != nil, experiment.model != nil || experiment.config != nil {
                throw ValidationError("a run has its own model; leave out --model and --config")
            }
            _ = (try numbers(steps, "--steps"), try numbers(batch, "--batch"))
        }

        func run() throws {
            Runtime.keepFreedMemory(for: .serving)
            let report = try benchmark().run(
                steps: numbers(steps, "--steps"),
                batches: numbers(batch, "--batch"),
                repeats: repeats,
                on: Device(named: device)
            ) { row in
                if !json { Terminal.error("measured: \(row.steps.map { "\($0) steps, " } ?? "")batch \(row.batch)") }
            }
            if json {
                return Terminal.out(try jsonText(["rows": report]))
            }
            var rows = [["model", "sampler", "steps", "batch", "vectors ms/user", "ranking ms/user"]]
            for row in report {
                rows.append([
                    row.model, row.sampler ?? "-", row.steps.map { "\($0)" } ?? "-", "\(row.batch)",
                    row.vectors.map { String(format: "%.4f", $0 * 1000) } ?? "-",
                    String(format: "%.4f", row.ranking * 1000),
                ])
            }
            Terminal.out(Terminal.table(rows))
            if let row = report.first { Terminal.out("\(row.items) items, \(row.threads) threads, medians") }
        }

        private func benchmark() throws -> InferenceBenchmark {
            let place = data.map { URL(filePath: $0) }
            if let run = trained.map({ RunDirectory(URL(filePath: $0)) }) {
                let opened = try TrainedRunOptions.open(run, place, experiment.settings)
                return try InferenceBenchmark(opened.experiment, on: opened.data.dataset, weights: run.weights)
            }
            guard let place else { throw ValidationError("--data is missing") }
            return try InferenceBenchmark(experiment.resolve(), on: Dataset(at: place))
        }
    }

    struct GSUBench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gsu",
            abstract:
                "Measures the retrieval stage (GSU) of a CTR model, by length of history and precision of its tables.",
            discussion: "Weights are fresh: trained ones cost the same."
        )

        @OptionGroup var experiment: ExperimentOptions
        @Option(help: "The data set's directory.") var data: String
        @Option(help: "Behaviors that are searched.") var history = "2000,10000"
        @Option(help: "Candidates that are searched for.") var candidates = 300
        @Option(help: "Measurements of each; medians are printed.") var repeats = 20
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws {
            guard repeats > 0, candidates > 0 else {
                throw ValidationError("--repeats and --candidates: expected at least 1")
            }
            _ = try numbers(history, "--history")
        }

        func run() throws {
            Runtime.keepFreedMemory(for: .serving)
            let benchmark = try GSUBenchmark(experiment.resolve(), on: Dataset(at: URL(filePath: data)))
            let report = try benchmark.run(
                histories: numbers(history, "--history"),
                candidates: candidates,
                repeats: repeats
            )
            if json {
                return Terminal.out(try jsonText(["rows": report]))
            }
            var rows = [["history", "precision", "width", "ms/request", "scores ms", "GFLOP/s", "memory bound ms"]]
            for row in report {
                rows.append([
                    "\(row.history)", row.precision.rawValue, "\(row.width)",
                    String(format: "%.3f", row.seconds * 1000),
                    String(format: "%.3f", row.scoring * 1000),
                    String(format: "%.1f", row.operations / row.scoring / 1e9),
                    String(format: "%.3f", row.memoryBound * 1000),
                ])
            }
            Terminal.out(Terminal.table(rows))
            Terminal.out("\(candidates) candidates, \(benchmark.threads) threads, medians of \(repeats)")
        }
    }
}

/// The whole numbers from 1 in a list such as `1,256`.
///
/// - Throws: `ValidationError` that names the option.
func numbers(_ text: String, _ option: String) throws -> [Int] {
    let found = text.split(separator: ",").map { Int($0.trimmingCharacters(in: .whitespaces)) ?? 0 }
    guard !found.isEmpty, found.allSatisfy({ $0 > 0 }) else {
        throw ValidationError("\(option): found '\(text)', expected whole numbers from 1, as in 1,256")
    }
    return found
}
