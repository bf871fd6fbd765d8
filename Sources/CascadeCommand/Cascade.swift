// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
import CascadeRetrieval
import CascadeServer
import CascadeStore
import CascadeTensorFiles
import Foundation

/// The command line: one file per subcommand.
@main
struct Cascade: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cascade",
        abstract: "Trains, evaluates and serves models that recommend.",
        version: "cascade \(Build.version)",
        subcommands: [
            DoctorCommand.self, DataCommand.self, BaselineCommand.self, TrainCommand.self, EvaluateCommand.self,
            ExportCommand.self,
            RecommendCommand.self, SearchCommand.self, ModelsCommand.self, BenchCommand.self,
            DistillCommand.self, CompareCommand.self, CompareCellCommand.self, RunsCommand.self, TuneCommand.self,
            AnalyzeCommand.self, IndexCommand.self, StoreCommand.self, ABCommand.self, EvaluatePolicyCommand.self,
            ServeCommand.self, PromoteCommand.self, RollbackCommand.self, LoopCommand.self, SimulateCommand.self,
            TokenCommand.self,
        ]
    )

    /// Parses and runs; every failure ends here, with its message on standard error and its exit code.
    static func main() async {
        // A limit on the size of files then fails a write, with a message, instead of ending the process.
        signal(SIGXFSZ, SIG_IGN)
        do {
            do {
                try await runCommand()
            } catch  where self.exitCode(for: error) == .success {
                // Help or the version.
                Terminal.out(fullMessage(for: error))
            }
            try Terminal.requireOutput()
        } catch {
            if let code = exitCode(of: error) {
                Terminal.error("error: \(error)")
                Foundation.exit(code)
            }
            let message = fullMessage(for: error)
            if !message.isEmpty { Terminal.error(message) }
            Foundation.exit(exitCode(for: error).rawValue)
        }
    }

    private static func runCommand() async throws {
        let (arguments, notices) = FormerSpellings.renew(Array(CommandLine.arguments.dropFirst()))
        for notice in notices { Terminal.error(notice) }
        try requireKnownSubcommand(arguments)
        var command = try parseAsRoot(arguments)
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
    }

    /// Refuses an unknown subcommand, naming the nearest known one.
    ///
    /// - Throws: `ValidationError`.
    private static func requireKnownSubcommand(_ words: some Sequence<String>) throws {
        var command: any ParsableCommand.Type = Cascade.self
        for word in words {
            let subcommands = command.configuration.subcommands
            guard !subcommands.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
            guard let next = subcommands.first(where: { $0._commandName == word }) else {
                let names = subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
                let hint = didYouMean(word, names, otherwise: "Known are \(names.joined(separator: ", ")).")
                throw ValidationError("Unknown subcommand '\(word)'. \(hint)")
            }
            command = next
        }
    }

    /// 65 bad data, 78 bad configuration, 1 anything else of ours; nil is left to the argument parser (64 usage).
    private static func exitCode(of error: any Error) -> Int32? {
        switch error {
        case let error as any CascadeError:
            switch error.category {
            case .badData: 65
            case .badConfiguration: 78
            case .failed: 1
            }
        case is CleanExit, is ExitCode, is ValidationError: nil
        default: String(describing: type(of: error)).contains("CommandError") ? nil : 1
        }
    }
}
