// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
public import CascadeTorch
public import CascadeTraining
public import Foundation

/// Trains and evaluates every cell of some tables, and writes one report.
///
/// Finished cells are kept: the same runner again goes on where it was stopped.
public struct ComparisonRunner {
    /// A cell with its place in the tables.
    public struct PlannedCell: Sendable {
        /// The row's and the data set's name.
        public let row, data: String
        /// Decides every random number.
        public let seed: UInt64
        /// Where its work is.
        public let folder: CellFolder
        let table: Int
        /// What decides the result.
        let identity: String?
        /// What is to be done; nil when it cannot be.
        let cell: Cell?
        let problem: String?
    }

    /// What a comparison came to.
    public struct Outcome {
        /// Each table on each of its data sets.
        public let summaries: [TableSummary]
        /// All cells, and those of them without a result.
        public let cells, failed: Int
    }

    /// Does the work of some cells, each with ``CellFolder/complete(on:isInterrupted:observe:)``: here, or in other processes.
    public typealias Work = (_ cells: [PlannedCell]) throws -> Void

    private let tables: [TableSpecification]
    private let report: URL
    private let seeds: Int
    private let threads: Int
    private let budget: Budget?
    private let commit: String

    /// Prepares a comparison.
    ///
    /// - Parameters:
    ///   - tables: What is to be measured.
    ///   - report: The report's folder.
    ///   - seeds: Trainings of each row, with the seeds 1, 2, ...
    ///   - threads: How many threads an operation of an experiment may use that does not say so itself.
    ///   - budget: What each training may take, in place of the rows' own.
    ///   - commit: Cascade's commit, for the record.
    public init(
        _ tables: [TableSpecification],
        to report: URL,
        seeds: Int = 3,
        threads: Int = Runtime.defaultThreads,
        budget: Budget? = nil,
        commit: String = ""
    ) {
        precondition(seeds >= 1, "at least one seed")
        (self.tables, self.report, self.seeds) = (tables, report, seeds)
        (self.threads, self.budget, self.commit) = (threads, budget, commit)
    }

    /// Works on what is not done yet, and sums up.
    ///
    /// - Parameters:
    ///   - isInterrupted: Asked between cells; true ends the work.
    ///   - note: Is told what happens.
    ///   - work: Does the work; by default one cell after another in this process.
    /// - Throws: ``DatasetError``, ``ConfigurationError``, ``FileError``; what `work` throws.
    public func run(
        isInterrupted: @escaping () -> Bool = { false },
        note: (String) -> Void = { _ in },
        work: Work? = nil
    ) throws -> Outcome {
        var cells: [PlannedCell] = []
        var hashes: [String: String] = [:]
        for (number, table) in tables.enumerated() {
            for recipe in table.data {
                note("\(table.name): data set \(recipe.name)")
                let dataset = try withoutActuallyEscaping(note) { note in
                    try recipe.dataset(in: report.appending(path: "data")) { note("\(recipe.name): \($0)") }
                }
                hashes["\(number) \(recipe.name)"] = dataset.manifest.contentHash
                try plan(table, number: number, on: dataset, named: recipe.name, &cells)
            }
        }
        let unique = cells.filter { $0.problem == nil && $0.folder.finished() == nil }
            .reduce(into: [PlannedCell]()) { list, cell in
                if !list.contains(where: { $0.folder.url == cell.folder.url }) { list.append(cell) }
            }
        note("\(cells.count) cells, \(unique.count) to do")
        for cell in unique { if let plan = cell.cell { try cell.folder.prepare(plan) } }
        let work = work ?? { for cell in $0 { _ = try cell.folder.complete(isInterrupted: isInterrupted) } }
        // Rows that evaluate another row's weights come after it.
        for isDependent in [false, true] where !isInterrupted() {
            try work(unique.filter { ($0.cell?.weightsOf != nil) == isDependent })
        }
        let summaries = tables.enumerated().flatMap { number, table in
            table.data.map { recipe in
                summary(
                    of: cells.filter { $0.table == number && $0.data == recipe.name },
                    table,
                    on: recipe.name,
                    hash: hashes["\(number) \(recipe.name)"] ?? ""
                )
            }
        }
        return Outcome(
            summaries: summaries,
            cells: cells.count,
            failed: cells.count { $0.folder.finished() == nil }
        )
    }

    private func plan(
        _ table: TableSpecification,
        number: Int,
        on dataset: Dataset,
        named data: String,
        _ cells: inout [PlannedCell]
    ) throws {
        for row in table.rows {
            for seed in 1...UInt64(seeds) {
                let source = row.weightsFrom.flatMap { other in
                    cells.first { $0.table == number && $0.row == other && $0.data == data && $0.seed == seed }
                }
                let (cell, problem) = cell(of: row, table, on: dataset, named: data, seed: seed, weights: source)
                let identity = try cell?.identity
                // Rows that ask for the same under other names share one cell.
                let twin = identity.flatMap { same in cells.first { $0.identity == same } }
                let folder = report.appending(path: "cells").appending(path: try cell?.folder ?? "none")
                cells.append(
                    PlannedCell(
                        row: row.name,
                        data: data,
                        seed: seed,
                        folder: twin?.folder ?? CellFolder(folder),
                        table: number,
                        identity: identity,
                        cell: cell,
                        problem: problem
                    )
                )
            }
        }
    }

    private func cell(
        of row: TableSpecification.Row,
        _ table: TableSpecification,
        on dataset: Dataset,
        named data: String,
        seed: UInt64,
        weights: PlannedCell?
    ) -> (cell: Cell?, problem: String?) {
        switch row.experiments[data] {
        case .success(var experiment):
            if experiment.training.threads == 0 { experiment.training.threads = threads }
            let cell = Cell(
                row: row.name,
                data: data,
                dataset: dataset.url.absoluteURL.path,
                dataHash: dataset.manifest.contentHash,
                seed: seed,
                experiment: experiment,
                weightsOf: weights?.folder.url.lastPathComponent,
                budget: budget ?? row.budget,
                draws: table.draws,
                commit: commit
            )
            return (cell, nil)
        case .failure(let error): return (nil, error.description)
        case nil: return (nil, "the row has no experiment on this data set")
        }
    }

    private func summary(
        of cells: [PlannedCell],
        _ table: TableSpecification,
        on data: String,
        hash: String
    ) -> TableSummary {
        var outcomes: [String: [(folder: String, outcome: Result<CellResult, CellFailure>)]] = [:]
        for cell in cells {
            let outcome: Result<CellResult, CellFailure> =
                if let result = cell.folder.finished() {
                    .success(result)
                } else {
                    .failure(CellFailure(cell.problem ?? cell.folder.failure() ?? "not finished"))
                }
            outcomes[cell.row, default: []].append(("cells/\(cell.folder.url.lastPathComponent)", outcome))
        }
        return TableSummary(table, data: data, dataHash: hash, cells: outcomes)
    }

    /// Writes `report.html`, `report.md`, `report.csv` and `differences.csv` into the report's folder.
    ///
    /// - Parameters:
    ///   - summaries: What ``run(isInterrupted:note:work:)`` came to.
    ///   - device: Where the cells were worked on, for the record.
    /// - Throws: ``FileError``.
    public func write(_ summaries: [TableSummary], device: String = "cpu") throws {
        let facts = [
            ("commit", commit), ("seeds", "\(seeds)"), ("libtorch", Runtime.version), ("device", device),
            ("system", ProcessInfo.processInfo.operatingSystemVersionString),
        ]
        let names = Set(summaries.map(\.table.name))
        let title = names.count == 1 ? names.first ?? "" : "Comparison"
        let page = PageReport(title, summaries, facts: facts, in: report)
        try DurableFile.write(page.html, to: report.appending(path: "report.html"))
        try DurableFile.write(
            "# \(title)\n\n\(facts.map { "\($0.0): \($0.1)" }.joined(separator: "; "))\n\n"
                + summaries.map(\.markdown).joined(),
            to: report.appending(path: "report.md")
        )
        try DurableFile.write(TableSummary.csv(summaries), to: report.appending(path: "report.csv"))
        try DurableFile.write(TableSummary.differencesCSV(summaries), to: report.appending(path: "differences.csv"))
    }
}
