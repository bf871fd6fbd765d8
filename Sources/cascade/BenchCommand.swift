// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Datasets
import Foundation
import Torch
import Training

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures speed.",
        subcommands: [TrainBench.self]
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
            let benchmark = try TrainingBenchmark(experiment.resolve(), on: Dataset(at: URL(filePath: data)))
            let report = try benchmark.run(steps: steps, on: Device(named: device))
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                return Terminal.out(String(decoding: try encoder.encode(report), as: UTF8.self))
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
}
