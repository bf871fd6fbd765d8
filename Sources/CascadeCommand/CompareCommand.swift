// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeComparison
import CascadeEvaluation
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Trains and evaluates experiments side by side and writes one report.",
        discussion: """
            EXPERIMENTS are tables (see Experiments/papers) or experiment files. Finished cells are kept: the same \
            command again goes on where it was stopped. REPORT gets report.html, report.md, report.csv, differences.csv and a folder for each cell.
            """
    )

    @Argument(help: "Tables or experiment files (YAML).") var experiments: [String]
    @Option(name: .customLong("to"), help: "The report's directory.") var target: String
    @Option(help: "Trainings of each row, with the seeds 1, 2, ...") var seeds = 3
    @Option(help: "Cells that are worked on at once.") var jobs = 1
    @OptionGroup var budgets: BudgetOptions
    @Option(
        parsing: .singleValue,
        help: "A data set's directory, or NAME=DIRECTORY in place of what a table says; may be given several times."
    )
    var data: [String] = []
    @Option(
        name: .customLong("set"),
        parsing: .singleValue,
        help: "key=value in every row, for example model.embedding_size=128; may be given several times."
    )
    var settings: [String] = []
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"
    @Flag(help: "Check the tables and say what would be done.") var dryRun = false

    func validate() throws {
        guard seeds >= 1, jobs >= 1 else { throw ValidationError("--seeds and --jobs must be at least 1") }
        guard !experiments.isEmpty else { throw ValidationError("name at least one table or experiment file") }
    }

    func run() throws {
        Interruption.watch()
        let report = URL(filePath: target).absoluteURL
        let tables = try readTables()
        if dryRun { return try describe(tables) }
        let runner = ComparisonRunner(
            tables,
            to: report,
            seeds: seeds,
            threads: ChildProcess.threads(of: jobs),
            budget: budgets.chosen,
            commit: Build.commit()
        )
        let outcome = try runner.run(
            isInterrupted: { Interruption.isRequested },
            note: { Terminal.error($0) },
            work: work
        )
        try runner.write(outcome.summaries, device: device)
        for summary in outcome.summaries { Terminal.out(summary.markdown) }
        Terminal.error("report: \(report.appending(path: "report.html").path)")
        if Interruption.isRequested { throw ExitCode(130) }
        guard outcome.failed == 0 else {
            throw ComparisonFailure(
                """
                \(outcome.failed) of \(outcome.cells) cells failed; the report says why, and the same command tries them again
                """
            )
        }
    }

    // MARK: - What is to be done

    private func describe(_ tables: [TableSpecification]) throws {
        for table in tables {
            let names = table.data.map(\.name)
            let count = table.rows.count * names.count * seeds
            Terminal.out(
                "\(table.name): \(count) cells on \(names.joined(separator: ", ")); \(table.metrics.joined(separator: ", "))"
            )
            for row in table.rows {
                let models = try names.compactMap { try row.experiments[$0]?.get().model.name }
                let source = row.weightsFrom.map { ", weights of \($0)" } ?? ""
                Terminal.out("  \(row.name): \(Set(models).sorted().joined(separator: ", "))\(source)")
            }
        }
    }

    private func readTables() throws -> [TableSpecification] {
        var tables: [TableSpecification] = []
        var single: [TableSpecification] = []
        let changes = try ConfigurationFile.apply(settings, to: .object([:]), model: nil)
        for path in experiments {
            let url = URL(filePath: path)
            let table = try TableSpecification(
                ConfigurationFile.read(url),
                file: url.deletingPathExtension().lastPathComponent,
                changing: changes
            ) { name in
                try ConfigurationFile.read(url.deletingLastPathComponent().appending(path: name))
            }
            Terminal.notice(table.renamed, in: path)
            if table.data.isEmpty { single.append(table) } else { tables.append(table) }
        }
        let given = data.map { text -> DataRecipe in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            let path = URL(filePath: parts.last ?? text)
            return DataRecipe(parts.count == 2 ? parts[0] : path.lastPathComponent, at: path)
        }
        tables = try tables.map { table in
            for recipe in given where !table.data.contains(where: { $0.name == recipe.name }) && single.isEmpty {
                throw ConfigurationError(
                    "--data \(recipe.name): the table \(table.name) has the data sets \(table.data.map(\.name).joined(separator: ", "))"
                )
            }
            return table.on(table.data.map { old in given.first { $0.name == old.name } ?? old })
        }
        if let joined = TableSpecification.joined(single) {
            guard !given.isEmpty else {
                throw ConfigurationError("\(joined.name): the experiment files name no data set; pass --data DIRECTORY")
            }
            tables.append(joined.on(given))
        }
        return tables
    }

    // MARK: - Doing it

    /// Works on the cells in processes of their own, so that one that fails takes no other with it.
    private func work(_ cells: [ComparisonRunner.PlannedCell]) {
        let device = device
        let jobs = cells.map { (name: "\($0.row) on \($0.data), seed \($0.seed)", folder: $0.folder) }
        ChildProcess.forEach(of: jobs.count, atOnce: self.jobs) { number in
            let (name, folder) = jobs[number]
            let place = "[\(number + 1)/\(jobs.count)] \(name)"
            Terminal.error(place)
            let start = ContinuousClock.now
            let status = ChildProcess.run(
                ["compare-cell", folder.url.path, "--device", device],
                threads: ChildProcess.threads(of: self.jobs),
                log: folder.log
            )
            let seconds = Int((ContinuousClock.now - start).inSeconds)
            if let result = folder.finished() {
                let name = result.requests == nil ? "ndcg@10" : "auc"
                let value = String(format: "%.4f", RankingMetric.value(name, in: result.report.metrics) ?? 0)
                Terminal.error("\(place): \(name) \(value) after \(seconds) s")
            } else if !Interruption.isRequested {
                let message = folder.failure() ?? "its process ended with status \(status)"
                Terminal.error("\(place) failed: \(message)")
            }
        }
    }
}

/// One cell, in a process of its own; `compare` starts it.
struct CompareCellCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "compare-cell", shouldDisplay: false)

    @Argument(help: "The cell's folder.") var folder: String
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"

    func run() throws {
        Runtime.keepFreedMemory(for: .training)
        Interruption.watch()
        let progress = TrainingProgress(metric: "ndcg@10")
        let isFinished = try CellFolder(URL(filePath: folder)).complete(
            on: Device(named: device),
            isInterrupted: { Interruption.isRequested },
            observe: progress.observe
        )
        if !isFinished { throw ExitCode(130) }
    }
}

/// Cells that failed; the rest of the report stands.
struct ComparisonFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
