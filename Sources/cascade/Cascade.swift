// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Datasets
import Foundation
import Recommenders
import Retrieval
import Store
import TensorFiles

/// The command line: one file per subcommand.
@main
struct Cascade: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cascade",
        abstract: "Trains, judges and serves models that recommend.",
        subcommands: [
            DoctorCommand.self, DataCommand.self, TrainCommand.self, EvaluateCommand.self, ExportCommand.self,
            RecommendCommand.self, SearchCommand.self, ModelsCommand.self, BenchCommand.self,
            DistillCommand.self, CompareCommand.self, CompareCellCommand.self, RunsCommand.self, TuneCommand.self,
            AnalyzeCommand.self, IndexCommand.self, StoreCommand.self, ExperimentCommand.self, ServeCommand.self,
            TokenCommand.self,
        ]
    )

    /// Parses and runs; every failure ends here, with its message on standard error and its exit code.
    static func main() async {
        // A limit on the size of files then fails a write, with a message, instead of ending the process.
        signal(SIGXFSZ, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let code = exitCode(of: error) else { exit(withError: error) }
            Terminal.error("error: \(error)")
            Foundation.exit(code)
        }
    }

    /// 65 bad data, 78 bad configuration, 1 anything else of ours; nil is left to the argument parser (64 usage).
    private static func exitCode(of error: any Error) -> Int32? {
        switch error {
        case is ConfigurationError: 78
        case let error as DatasetError: error.reason == .alreadyExists ? 1 : 65
        case let error as FileError: error.reason == .writeFailed ? 1 : 65
        case is CheckpointError: 65
        case let error as IndexError: [.badParameter: 78, .libraryFailed: 1][error.reason] ?? 65
        case let error as StoreError:
            [.notFound, .notAStore, .newerVersion, .corrupt, .invalid].contains(error.reason) ? 65 : 1
        case is CleanExit, is ExitCode, is ValidationError: nil
        default: String(describing: type(of: error)).contains("CommandError") ? nil : 1
        }
    }
}
