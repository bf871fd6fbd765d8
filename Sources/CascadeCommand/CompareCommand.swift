// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeComparison
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Trains and evaluates experiments side by side and writes one report.",
        discussion: """
            EXPERIMENTS are tables (see Experiments/papers) or experiment files. Finished cells are kept: the same \
            command again goes on where it was stopped. REPORT gets report.html, report.md, report.csv and a folder for each cell.
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
        var cells: [PlannedCell] = []
        var hashes: [String: String] = [:]
        for (number, table) in tables.enumerated() {
            for recipe in table.data {
                Terminal.error("\(table.name): data set \(recipe.name)")
                let dataset = try recipe.dataset(in: report.appending(path: "data")) { remark in
                    Terminal.error("\(recipe.name): \(remark)")
                }
                hashes["\(number) \(recipe.name)"] = dataset.manifest.contentHash
                try plan(table, number, recipe.name, dataset, in: report, &cells)
            }
        }
        let pending = cells.filter { $0.problem == nil && CellFolder($0.url).finished() == nil }
        let unique = pending.reduce(into: [PlannedCell]()) { list, cell in
            if !list.contains(where: { $0.url == cell.url }) { list.append(cell) }
        }
        Terminal.error("\(cells.count) cells, \(unique.count) to do")
        // Rows that evaluate another row's weights come after it.
        for isDependent in [false, true] {
            try work(unique.filter { ($0.cell?.weightsOf != nil) == isDependent })
            if Interruption.isRequested { break }
        }
        let summaries = tables.enumerated().flatMap { number, table in
            table.data.map { recipe in
                summarise(
                    table,
                    recipe.name,
                    hashes["\(number) \(recipe.name)"] ?? "",
                    cells.filter { $0.table == number }
                )
            }
        }
        try write(summaries, to: report)
        for summary in summaries { Terminal.out(summary.markdown) }
        Terminal.error("report: \(report.appending(path: "report.html").path)")
        if Interruption.isRequested { throw ExitCode(130) }
        let failed = cells.filter { CellFolder($0.url).finished() == nil }
        guard failed.isEmpty else {
            throw ComparisonFailure(
                "\(failed.count) of \(cells.count) cells failed; the report says why, and the same command tries them again"
            )
        }
    }

    /// A cell with its place in the tables.
    private struct PlannedCell {
        let table: Int
        let row, data: String
        let seed: UInt64
        let url: URL
        /// What decides the result.
        let identity: String?
        /// What is to be done; nil when it cannot be.
        let cell: Cell?
        let problem: String?
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
                let source = row.weightsOf.map { ", weights of \($0)" } ?? ""
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

    private func plan(
        _ table: TableSpecification,
        _ number: Int,
        _ data: String,
        _ dataset: Dataset,
        in report: URL,
        _ cells: inout [PlannedCell]
    ) throws {
        let folder = report.appending(path: "cells")
        let threads = ChildProcess.threads(of: jobs)
        for row in table.rows {
            for seed in 1...UInt64(seeds) {
                var cell: Cell?
                var problem: String?
                switch row.experiments[data] {
                case .success(var experiment):
                    if experiment.training.threads == 0 { experiment.training.threads = threads }
                    cell = Cell(
                        row: row.name,
                        data: data,
                        dataset: dataset.url.absoluteURL.path,
                        dataHash: dataset.manifest.contentHash,
                        seed: seed,
                        experiment: experiment,
                        weightsOf: row.weightsOf.flatMap { other in
                            cells.first {
                                $0.table == number && $0.row == other && $0.data == data && $0.seed == seed
                            }?.url.lastPathComponent
                        },
                        budget: budgets.chosen ?? row.budget,
                        draws: table.draws,
                        commit: Build.commit()
                    )
                case .failure(let error): problem = error.description
                case nil: problem = "the row has no experiment on this data set"
                }
                let identity = try cell?.identity
                // Rows that ask for the same under other names share one cell.
                let twin = identity.flatMap { same in cells.first { $0.identity == same } }
                let name = try cell?.folder ?? "none"
                cells.append(
                    PlannedCell(
                        table: number,
                        row: row.name,
                        data: data,
                        seed: seed,
                        url: twin?.url ?? folder.appending(path: name),
                        identity: identity,
                        cell: cell,
                        problem: problem
                    )
                )
            }
        }
    }

    // MARK: - Doing it

    /// Works on the cells in processes of their own, so that one that fails takes no other with it.
    private func work(_ cells: [PlannedCell]) throws {
        for cell in cells { if let plan = cell.cell { try CellFolder(cell.url).prepare(plan) } }
        let device = device
        let jobs = cells.map { (name: "\($0.row) on \($0.data), seed \($0.seed)", url: $0.url) }
        ChildProcess.forEach(of: jobs.count, atOnce: self.jobs) { number in
            let (name, url) = jobs[number]
            let place = "[\(number + 1)/\(jobs.count)] \(name)"
            Terminal.error(place)
            let start = ContinuousClock.now
            let status = ChildProcess.run(
                ["compare-cell", url.path, "--device", device],
                threads: ChildProcess.threads(of: self.jobs),
                log: CellFolder(url).log
            )
            let seconds = Int((ContinuousClock.now - start).inSeconds)
            if let result = CellFolder(url).finished() {
                let name = result.requests == nil ? "ndcg@10" : "auc"
                let value = String(format: "%.4f", result.report.metrics[name] ?? 0)
                Terminal.error("\(place): \(name) \(value) after \(seconds) s")
            } else if !Interruption.isRequested {
                let message = CellFolder(url).failure() ?? "its process ended with status \(status)"
                Terminal.error("\(place) failed: \(message)")
            }
        }
    }

    // MARK: - The report

    private func summarise(
        _ table: TableSpecification,
        _ data: String,
        _ hash: String,
        _ cells: [PlannedCell]
    ) -> TableSummary {
        var outcomes: [String: [(folder: String, outcome: Result<CellResult, CellFailure>)]] = [:]
        for cell in cells where cell.data == data {
            let folder = CellFolder(cell.url)
            let outcome: Result<CellResult, CellFailure> =
                if let result = folder.finished() {
                    .success(result)
                } else {
                    .failure(CellFailure(cell.problem ?? folder.failure() ?? "not finished"))
                }
            outcomes[cell.row, default: []].append(("cells/\(cell.url.lastPathComponent)", outcome))
        }
        return TableSummary(table, data: data, dataHash: hash, cells: outcomes)
    }

    private func write(_ summaries: [TableSummary], to report: URL) throws {
        let facts = [
            ("commit", Build.commit()), ("seeds", "\(seeds)"), ("libtorch", Runtime.version), ("device", device),
            ("system", ProcessInfo.processInfo.operatingSystemVersionString),
        ]
        let title = Set(summaries.map(\.table.name)).count == 1 ? summaries[0].table.name : "Comparison"
        let page = PageReport(title, summaries, facts: facts, in: report)
        try DurableFile.write(page.html, to: report.appending(path: "report.html"))
        try DurableFile.write(
            "# \(title)\n\n\(facts.map { "\($0.0): \($0.1)" }.joined(separator: "; "))\n\n"
                + summaries.map(\.markdown).joined(),
            to: report.appending(path: "report.md")
        )
        try DurableFile.write(TableSummary.csv(summaries), to: report.appending(path: "report.csv"))
    }
}

/// One cell, in a process of its own; `compare` starts it.
struct CompareCellCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "compare-cell", shouldDisplay: false)

    @Argument(help: "The cell's folder.") var folder: String
    @Option(help: "cpu, cuda or cuda:N.") var device = "cpu"

    func run() throws {
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
