// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

struct DistillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Teaches a copy of a trained diffusion model to answer in few steps."
    )

    @Argument(help: ArgumentHelp("The teacher's run directory.", valueName: "run")) var teacher: String
    @Option(help: "Denoising steps that the student needs.") var steps = 1
    @Option(name: .customLong("to"), help: "The student's run directory, to be made.") var target: String
    @Option(help: "The data set's directory, when it has moved since training.") var data: String?
    @Option(
        name: .customLong("set"),
        parsing: .singleValue,
        help: "key=value of the distillation, for example grid_steps=10 or learning_rate=0.0003."
    )
    var settings: [String] = []
    @Option(help: "Passes over the training examples.") var epochs: Int?
    @Option(
        help: "Training budget: 300s (wall time), 600cpu-s (processor time), 2M-examples or 5000-steps.",
        transform: Budget.argument
    )
    var budget: Budget?
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
    @Option(help: "Decides every random number.") var seed: UInt64 = 1

    func run() throws {
        Runtime.keepFreedMemory(for: .training)
        try TargetDirectory.requireFree(target)
        var tree = try ConfigurationFile.tree(settings)
        if let epochs { tree["epochs"] = .integer(epochs) }
        let spelled = try DistillationSettings.respelled(tree, path: "distillation")
        Terminal.notice(spelled.renamed, in: "--set")
        let resolved = try DistillationSettings(overriding: spelled.tree, path: "distillation")
        var options = TrainingOptions()
        (options.seed, options.device, options.commit) = (seed, try Device(named: device), Build.commit())
        options.budget = budget
        Interruption.watch()
        options.isInterrupted = { Interruption.isRequested }
        let source = RunDirectory(URL(filePath: teacher))
        let metric = try source.manifest().experiment.training.metric
        options.observe = TrainingProgress(metric: metric).observe
        let distiller = try Distiller(source, data: data.map { URL(filePath: $0) }, steps: steps, resolved, options)
        let manifest = try TargetDirectory.make(target) { try distiller.run(to: $0) }
        Terminal.out(
            """
            run         \(target)
            model       \(manifest.experiment.model.name) in \(steps) steps, from \(teacher)
            steps       \(manifest.step) in \(manifest.epoch) epochs, \(Int(manifest.seconds)) s
            kept        the weights of step \(manifest.bestStep)
            """
        )
        var rows = [["validation", "teacher", "undistilled", "student"]]
        for name in ["recall@10", "ndcg@10", "recall@20", "mrr@20"] where manifest.validation[name] != nil {
            let origin = manifest.distilledFrom
            rows.append(
                [name]
                    + [origin?.teacher, origin?.undistilled, manifest.validation]
                    .map { String(format: "%.4f", $0?[name] ?? 0) }
            )
        }
        if rows.count > 1 { Terminal.out(Terminal.table(rows)) }
        if manifest.status == .interrupted { throw ExitCode(130) }
    }
}
