// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Datasets
import Foundation
import Training

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes vectors, targets and metrics that anybody can check without Cascade."
    )

    @OptionGroup var trained: TrainedRunOptions
    @Option(name: .customLong("to"), help: "A directory to make.") var target: String
    @Option(help: "test or validation.") var split = Part.test

    func run() throws {
        let run = try trained.open()
        try TargetDirectory.make(target) { try run.export(to: $0, split, weights: trained.directory.weights) }
        Terminal.out(target)
    }
}
