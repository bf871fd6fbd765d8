// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a model on a data set into a run directory."
    )

    @OptionGroup var experiment: ExperimentOptions
    @Option(help: "The data set's directory.") var data: String
    @Option(name: .customLong("to"), help: "The run's directory.") var target: String
    @Option(help: "Decides every random number.") var seed: UInt64 = 1
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
    @Flag(help: "Go on with the run in the directory.") var resume = false
    @Option(
        help: """
            A run whose weights are the first: rows of known ids are copied, new ids get fresh ones. The model is the run's; \
            without --config, so are the other settings.
            """
    )
    var from: String?
    @Option(help: "The data set of the run of --from, when it is not where that run found it.") var fromData: String?
    @Option(
        help: """
            Training budget, all resumptions together: 300s (wall time), 600cpu-s (processor time), 2M-examples or \
            5000-steps. Overrides the file's own.
            """,
        transform: Budget.argument
    )
    var budget: Budget?
    @Option(help: "Wall time of this call in seconds, after which the run ends with what it has.")
    var timeBudget: Double?
    @Flag(
        inversion: .prefixedNo,
        help: """
            Size settings that you did not set by the data, and say how. On without --config; with it, off unless the file \
            has training.auto: true.
            """
    )
    var auto: Bool?
    @Flag(help: "Print the resolved experiment and stop.") var dryRun = false

    func validate() throws {
        if let timeBudget, !(timeBudget >= 0) {
            throw ValidationError("--time-budget: found \(timeBudget), expected seconds from 0")
        }
        guard fromData == nil || from != nil else { throw ValidationError("--from-data: needs --from as well") }
    }

    func run() throws {
        Runtime.keepFreedMemory(for: .training)
        let start = try from.map {
            try WarmStart(RunDirectory(URL(filePath: $0)), data: fromData.map { URL(filePath: $0) })
        }
        if let start, let model = experiment.model, model != start.experiment.model.name {
            throw ValidationError(
                "--model: found \(model), but the run of --from is of \(start.experiment.model.name); leave --model out"
            )
        }
        var tree = try experiment.tree(over: start?.experiment)
        var resolved = try Experiment(tree, model: experiment.model)
        let isSized = try auto ?? Experiment.isSized(tree) ?? (experiment.config == nil && start == nil)
        var dataset: Dataset?
        var options = TrainingOptions()
        if isSized {
            let opened = try Dataset(at: URL(filePath: data))
            options.sized = try sizings(of: tree, resolved.divided(opened))
            tree = tree.placing(options.sized)
            resolved = try Experiment(tree, model: experiment.model)
            dataset = opened
        }
        if dryRun {
            return Terminal.out(try jsonText(resolved))
        }
        options.seed = seed
        options.device = try Device(named: device)
        options.timeBudget = timeBudget
        options.budget = try budget ?? Budget(tree["budget"])
        options.resume = resume
        options.start = start
        options.waits = ChildProcess.isChild
        options.commit = Build.commit()
        Interruption.watch()
        options.isInterrupted = { Interruption.isRequested }
        options.observe = TrainingProgress(metric: resolved.training.metric).observe
        let opened = try dataset ?? Dataset(at: URL(filePath: data))
        let manifest = try Trainer(resolved, on: opened, to: URL(filePath: target), options).train()
        report(manifest)
        if manifest.status == .interrupted && Interruption.isRequested { throw ExitCode(130) }
    }

    /// What is sized, said on the way; a run that is taken up keeps what it was sized by.
    private func sizings(of tree: JSONValue, _ division: SplitDataset) throws -> [RunManifest.Sizing] {
        let run = RunDirectory(URL(filePath: target))
        if resume, run.exists { return try run.manifest().sized ?? [] }
        let sizing = try DataSizing(tree, model: experiment.model, on: division)
        for remark in sizing.remarks { Terminal.error("warning: \(remark)") }
        if !sizing.choices.isEmpty { Terminal.error("sized by the data (--no-auto keeps the defaults):") }
        for choice in sizing.choices { Terminal.error("  \(choice)") }
        return sizing.choices
    }

    private func report(_ manifest: RunManifest) {
        Terminal.out(
            """
            run         \(target)
            model       \(manifest.experiment.model.name), \(manifest.parameters) parameters
            steps       \(manifest.step) in \(manifest.epoch) epochs, \(Int(manifest.seconds)) s
            kept        the weights of step \(manifest.bestStep)
            """
        )
        for name in ["recall@10", "ndcg@10", "recall@20", "mrr@20", "auc", "gauc", "logloss"] {
            guard let value = manifest.validation[name] else { continue }
            Terminal.out("validation  \(name) \(String(format: "%.4f", value))")
        }
    }
}

/// What names an experiment: a model, a file, settings on top.
struct ExperimentOptions: ParsableArguments {
    @Option(help: "The model's name; see `cascade models`.") var model: String?
    @Option(help: "An experiment file (YAML).") var config: String?
    @Option(
        name: .customLong("set"),
        parsing: .singleValue,
        help: "key=value, for example model.embedding_size=128 or embedding_size=128."
    )
    var settings: [String] = []

    /// The settings as a file holds them.
    ///
    /// - Parameter base: An experiment whose model the tree is about; without `config`, whose settings it has.
    func tree(over base: Experiment? = nil) throws -> JSONValue {
        var tree = JSONValue.object([:])
        if let base {
            let whole = try base.tree
            if config == nil { tree = whole } else { tree["model"] = whole["model"] }
        }
        if let config {
            let file = try Experiment.respelled(ConfigurationFile.read(URL(filePath: config)), model: model)
            Terminal.notice(file.renamed, in: config)
            tree = base == nil ? file.tree : tree.merged(with: file.tree)
        }
        return try ConfigurationFile.apply(settings, to: tree, model: model)
    }

    func resolve() throws -> Experiment { try Experiment(tree(), model: model) }
}

/// Shows a training run: a bar on a terminal, plain lines otherwise.
final class TrainingProgress {
    private let metric: String
    private let clock = ContinuousClock()
    private var lastShown: ContinuousClock.Instant
    private var estimate = (steps: 0, start: ContinuousClock.now, isSaid: false)
    private var epoch = (number: -1, start: ContinuousClock.now, first: 0, examples: 0)
    private var loss = 0.0

    init(metric: String) {
        self.metric = metric
        lastShown = clock.now
    }

    func observe(_ event: TrainingEvent) {
        switch event {
        case .started(let parameters, let examples, let steps, let resumed):
            let again = resumed > 0 ? ", resumed at step \(resumed)" : ""
            Terminal.error("training: \(parameters) parameters, \(examples) events, \(steps) steps an epoch\(again)")
        case .step(let number, let index, let count, let loss, let examples):
            estimate(of: count)
            show(epoch: number, index, of: count, loss: loss, examples: examples)
        case .evaluated(let epoch, let step, let metrics, let isBest):
            if Terminal.isInteractive { Terminal.status("") }
            let usual = ["recall@10", "ndcg@10", "recall@20", "mrr@20", "auc", "gauc", "logloss", metric]
            let shown = usual.filter { RankingMetric.value($0, in: metrics) != nil }.reduce(into: [String]()) {
                if !$0.contains($1) { $0.append($1) }
            }
            let text = shown.map {
                "\($0) \(String(format: "%.4f", RankingMetric.value($0, in: metrics) ?? 0))"
            }.joined(separator: "  ")
            Terminal.error(
                "epoch \(epoch)  step \(step)  loss \(String(format: "%.4f", loss))  \(text)\(isBest ? "  best" : "")"
            )
        case .notice(let text):
            if Terminal.isInteractive { Terminal.status("") }
            Terminal.error(text)
        case .finished(let reason): Terminal.error("finished: \(reason)")
        }
    }

    /// Says how long an epoch takes, after the first steps that take a second together; the very first is slower.
    private func estimate(of count: Int) {
        guard !estimate.isSaid else { return }
        if estimate.steps == 0 { estimate.start = clock.now }
        estimate.steps += 1
        let (steps, seconds) = (estimate.steps - 1, (clock.now - estimate.start).inSeconds)
        guard steps >= 3, seconds >= 1 else { return }
        estimate.isSaid = true
        let step = seconds / Double(steps)
        let epoch = step * Double(count)
        let time = epoch < 90 ? "\(Int(epoch.rounded(.up))) s" : String(format: "%.1f minutes", epoch / 60)
        if Terminal.isInteractive { Terminal.status("") }
        Terminal.error("an epoch takes about \(time) (\(Int(step * 1000)) ms a step), evaluations not counted")
    }

    private func show(epoch number: Int, _ index: Int, of count: Int, loss: Double, examples: Int) {
        if epoch.number != number {
            epoch = (number, clock.now, index - 1, 0)
            self.loss = loss
        }
        epoch.examples += examples
        self.loss += (loss - self.loss) * 0.02
        guard clock.now - lastShown > (Terminal.isInteractive ? .milliseconds(100) : .seconds(30)) else { return }
        lastShown = clock.now
        let elapsed = Double((clock.now - epoch.start).components.seconds) + 0.5
        let done = Double(index) / Double(count)
        let left = elapsed / Double(max(index - epoch.first, 1)) * Double(count - index)
        let rate = Int(Double(epoch.examples) / elapsed)
        let numbers =
            "\(index)/\(count)  \(rate) examples/s  \(Int(left)) s left  loss \(String(format: "%.4f", self.loss))"
        guard Terminal.isInteractive else { return Terminal.error("epoch \(number + 1)  \(numbers)") }
        let filled = Int(done * 24)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
        Terminal.status("epoch \(number + 1) \(bar) \(numbers)")
    }
}
