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

    /// A setting that is tried.
    private struct Trial {
        let number: Int
        let settings: [(key: String, value: JSONValue)]
        let run: RunDirectory
        /// The experiment; nil when its settings cannot work together.
        let tree: JSONValue?
        let problem: String?

        var name: String {
            settings.isEmpty ? "as it is" : settings.map { "\($0.key)=\(text($0.value))" }.joined(separator: " ")
        }

        private func text(_ value: JSONValue) -> String {
            switch value {
            case .integer(let number): "\(number)"
            case .number(let number): "\(number)"
            case .bool(let value): "\(value)"
            default: value.text ?? "?"
            }
        }
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
        let resolved = try Experiment(base)
        let settings = resolved.training
        // Broken data is told before anything is trained.
        _ = try resolved.divided(Dataset(at: URL(filePath: data)))
        let folder = URL(filePath: target).absoluteURL
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let lock = try FolderLock(folder.appending(path: ".lock"), of: folder, for: "tunes here")
        defer { lock.release() }
        var contestants = try (0..<trials).map { try trial($0, space, base, in: folder) }
        for trial in contestants {
            if let problem = trial.problem {
                Terminal.error("trial \(trial.number) (\(trial.name)) left out: \(problem)")
            }
        }
        let all = contestants
        contestants = contestants.filter { $0.problem == nil }
        let halving = Halving(trials: trials, epochs: epochs ?? settings.epochs, factor: factor)
        for (number, round) in halving.rounds.enumerated() {
            contestants = Array(ranked(contestants, by: settings.metric).prefix(round.trials))
            Terminal.error(
                "round \(number + 1) of \(halving.rounds.count): \(contestants.count) trials to epoch \(round.epochs)"
            )
            try train(contestants, to: round.epochs, metric: settings.metric)
            if Interruption.isRequested { throw ExitCode(130) }
        }
        let order = ranked(all, by: settings.metric)
        report(order, settings.metric)
        guard let best = ranked(contestants, by: settings.metric).first, let tree = best.tree,
            let value = metric(best, settings.metric)
        else { throw ComparisonFailure("no trial was trained; \(target)/trials has their logs") }
        try freeze(tree, best, value, settings.metric, to: folder.appending(path: "tuned.yaml"))
        Terminal.error("frozen: \(folder.appending(path: "tuned.yaml").path)")
    }

    private func trial(_ number: Int, _ space: SearchSpace, _ base: JSONValue, in folder: URL) throws -> Trial {
        let settings = space.settings(trial: number, seed: seed)
        let run = RunDirectory(folder.appending(path: "trials/\(number)/run"))
        do {
            let tree = try settings.reduce(base) { try $0.setting($1.key, to: $1.value, model: nil) }
            _ = try Experiment(tree)
            return Trial(number: number, settings: settings, run: run, tree: tree, problem: nil)
        } catch let error as ConfigurationError {
            guard number > 0 else { throw error }
            return Trial(number: number, settings: settings, run: run, tree: nil, problem: error.description)
        }
    }

    /// Trains each to an epoch, taking up what is there.
    private func train(_ trials: [Trial], to epoch: Int, metric: String) throws {
        let work = try trials.compactMap { trial -> (trial: Int, name: String, folder: URL, resumes: Bool)? in
            let folder = trial.run.url.deletingLastPathComponent()
            guard var tree = trial.tree else { return nil }
            if trial.run.exists, try trial.run.manifest().epoch >= epoch { return nil }
            tree = try tree.setting("training.epochs", to: .integer(epoch), model: nil)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            // YAML reads JSON.
            try DurableFile.write(try JSONEncoder.stable.encode(tree), to: folder.appending(path: "experiment.json"))
            return (trial.number, trial.name, folder, trial.run.exists)
        }
        let (data, device, seed, jobs) = (data, device, seed, jobs)
        ChildProcess.forEach(of: work.count, atOnce: jobs) { number in
            let (trial, name, folder, resumes) = work[number]
            let arguments = [
                "train", "--config", folder.appending(path: "experiment.json").path, "--data", data, "--to",
                folder.appending(path: "run").path, "--seed", "\(seed)", "--device", device,
            ]
            let status = ChildProcess.run(
                arguments + (resumes ? ["--resume"] : []),
                threads: ChildProcess.threads(of: jobs),
                log: folder.appending(path: "log.txt")
            )
            let found = try? RunDirectory(folder.appending(path: "run")).manifest().validation[metric]
            let value = found.map { String(format: "%.4f", $0) } ?? "failed with status \(status)"
            Terminal.error("  trial \(trial): \(value)  \(name)")
        }
    }

    private func metric(_ trial: Trial, _ name: String) -> Double? {
        guard trial.run.exists else { return nil }
        return try? trial.run.manifest().validation[name]
    }

    /// The best first; untrained ones keep their order at the end.
    private func ranked(_ trials: [Trial], by name: String) -> [Trial] {
        let values = Dictionary(
            uniqueKeysWithValues: trials.map { (trial: Trial) in (trial.number, metric(trial, name) ?? -Double.infinity)
            }
        )
        return trials.sorted { a, b in
            let (x, y) = (values[a.number] ?? 0, values[b.number] ?? 0)
            return x == y ? a.number < b.number : x > y
        }
    }

    private func report(_ trials: [Trial], _ name: String) {
        let rows = trials.map { trial -> [String] in
            let manifest = try? trial.run.manifest()
            let value = metric(trial, name).map { String(format: "%.4f", $0) } ?? "–"
            let seconds = String(format: "%.0f", manifest?.seconds ?? 0)
            return ["\(trial.number)", value, "\(manifest?.epoch ?? 0)", seconds, trial.name]
        }
        let titles = ["trial", "validation \(name)", "epochs", "seconds", "settings"]
        Terminal.out(Terminal.table([titles] + rows))
    }

    /// Writes the best settings as an experiment file that says where they come from.
    private func freeze(_ tree: JSONValue, _ best: Trial, _ value: Double, _ metric: String, to url: URL) throws {
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
