// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeComparison
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation
import Yams

struct TuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Searches an experiment's declared ranges for the settings that are best on validation.",
        discussion: """
            Trial 0 is the experiment as it is. The better trials train longer (successive halving), so the same \
            --trials and --epochs cost the same for every model. The same command again goes on where it was stopped. \
            The result, TO/tuned.yaml, is an experiment file; test is never looked at.
            """
    )

    @Argument(help: "An experiment file (YAML) with a group `search_space`.") var experiment: String
    @Option(help: "The data set's directory.") var data: String
    @Option(name: .customLong("to"), help: "The search's directory.") var target: String
    @Option(help: "How many settings are tried, the file's own among them.") var trials = 16
    @Option(help: "Epochs of the trials that train to the end; those of the experiment by default.") var epochs: Int?
    @Option(
        help: """
            Training budget of each trial, all rounds together: 300s (wall time), 600cpu-s (processor time), 2M-examples or \
            5000-steps. Overrides the file's own.
            """,
        transform: Budget.argument
    )
    var budget: Budget?
    @Option(help: "How many times fewer trials, and more epochs, each round has; 1 trains all to the end.") var factor =
        3
    @Option(help: "Trials that are trained at once.") var jobs = 1
    @Option(help: "Decides the settings that are tried, and every random number of the trainings.") var seed: UInt64 = 1
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"

    func validate() throws {
        guard trials >= 2 else { throw ValidationError("--trials: found \(trials), expected at least 2") }
        guard factor >= 1, jobs >= 1 else { throw ValidationError("--factor and --jobs must be at least 1") }
        if let epochs, epochs < 1 { throw ValidationError("--epochs: found \(epochs), expected at least 1") }
    }

    func run() throws {
        Interruption.watch()
        let file = try Experiment.respelled(ConfigurationFile.read(URL(filePath: experiment)))
        Terminal.notice(file.renamed, in: experiment)
        guard case .object(var fields) = file.tree else {
            throw ConfigurationError("\(experiment): an experiment is a group of settings")
        }
        let space = try SearchSpace(fields.removeValue(forKey: "search_space") ?? .null)
        if let budget { fields["budget"] = .string(budget.description) }
        let base = JSONValue.object(fields)
        _ = try Budget(base["budget"])
        // Broken data is told before anything is trained.
        _ = try Experiment(base).divided(Dataset(at: URL(filePath: data)))
        let folder = URL(filePath: target).absoluteURL
        let tuner = try Tuner(base, space, in: folder, trials: trials, epochs: epochs, factor: factor, seed: seed)
        let (all, best) = try tuner.run(
            isInterrupted: { Interruption.isRequested },
            note: { Terminal.error($0) },
            work: { train($0, tuner.metric) }
        )
        if Interruption.isRequested { throw ExitCode(130) }
        report(all, tuner.metric)
        guard let best, let tree = best.tree, let value = best.validation(tuner.metric) else {
            throw ComparisonFailure("no trial was trained; \(target)/trials has their logs")
        }
        try freeze(tree, best, value, tuner.metric, to: folder.appending(path: "tuned.yaml"))
        Terminal.error("frozen: \(folder.appending(path: "tuned.yaml").path)")
    }

    /// Trains each in a process of its own, taking up what is there.
    private func train(_ work: [Tuner.Pending], _ metric: String) {
        let (data, device, seed, jobs) = (data, device, seed, jobs)
        ChildProcess.forEach(of: work.count, atOnce: jobs) { number in
            let (trial, file) = (work[number].trial, work[number].file)
            let arguments = [
                "train", "--config", file.path, "--data", data, "--to", trial.run.url.path, "--seed", "\(seed)",
                "--device",
                device,
            ]
            let status = ChildProcess.run(
                arguments + (work[number].resumes ? ["--resume"] : []),
                threads: ChildProcess.threads(of: jobs),
                log: file.deletingLastPathComponent().appending(path: "log.txt")
            )
            let value = trial.validation(metric).map { String(format: "%.4f", $0) } ?? "failed with status \(status)"
            Terminal.error("  trial \(trial.number): \(value)  \(trial.name)")
        }
    }

    private func report(_ trials: [Tuner.Trial], _ name: String) {
        let rows = trials.map { trial -> [String] in
            let manifest = try? trial.run.manifest()
            let value = trial.validation(name).map { String(format: "%.4f", $0) } ?? "–"
            let seconds = String(format: "%.0f", manifest?.seconds ?? 0)
            return ["\(trial.number)", value, "\(manifest?.epoch ?? 0)", seconds, trial.name]
        }
        let titles = ["trial", "validation \(name)", "epochs", "seconds", "settings"]
        Terminal.out(Terminal.table([titles] + rows))
    }

    /// Writes the best settings as an experiment file that says where they come from.
    private func freeze(_ tree: JSONValue, _ best: Tuner.Trial, _ value: Double, _ metric: String, to url: URL) throws {
        let text = try Yams.dump(object: yaml(tree), sortKeys: true)
        let head = """
            # Found by `cascade tune`: trial \(best.number) of \(trials), seed \(seed), validation \(metric) \(String(format: "%.4f", value)).
            # Settings: \(best.name). Test was not looked at.

            """
        try DurableFile.write(head + text, to: url)
    }

    private func yaml(_ value: JSONValue) -> Any {
        switch value {
        case .null: NSNull()
        case .bool(let value): value
        case .integer(let value): value
        case .number(let value): value
        case .string(let value): value
        case .array(let values): values.map(yaml)
        case .object(let fields): fields.mapValues(yaml)
        }
    }
}
