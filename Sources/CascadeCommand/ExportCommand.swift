// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeAnalysis
import CascadeDatasets
import CascadeTraining
import Foundation

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes vectors, targets and metrics that anybody can check without Cascade."
    )

    @OptionGroup var trained: TrainedRunOptions
    @Option(name: .customLong("to"), help: "A directory to make.") var target: String
    @Option(help: "test or validation.") var split: Part?
    @Flag(help: "Write item vectors for TensorBoard's embedding projector instead; see them with tensorboard --logdir.")
    var projector = false
    @Option(help: "With --projector: how many items, the most popular first; 10000 by default.") var items: Int?

    func validate() throws {
        guard projector || items == nil else { throw ValidationError("--items goes with --projector") }
        guard !projector || split == nil else {
            throw ValidationError("--split has no meaning with --projector, which writes items alone")
        }
        guard items.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--items: found \(items ?? 0), expected at least 1")
        }
    }

    func run() throws {
        try TargetDirectory.requireFree(target)
        let run = try trained.open()
        try TargetDirectory.make(target) { folder in
            if projector {
                try run.exportProjector(to: folder, limit: items ?? 10_000)
            } else {
                try run.export(to: folder, split ?? .test, weights: trained.directory.weights)
            }
        }
        Terminal.out(target)
    }
}
