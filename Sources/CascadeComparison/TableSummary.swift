// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeEvaluation
import CascadeTraining
import Foundation

/// A table's cells on one data set, summed up over seeds.
public struct TableSummary: Sendable, Equatable {
    /// A metric of a row.
    public struct Figure: Sendable, Equatable {
        /// Mean over seeds.
        public let mean: Double
        /// Standard deviation over seeds; nil for one seed.
        public let deviation: Double?
        /// Bootstrap interval over users of the mean over seeds; nil for what is no average over users.
        public let interval: ConfidenceInterval?
        /// What was published, and how far ours is from it as a share of it.
        public let published: Double?

        /// How far the mean is from the published figure, as a share of that.
        public var difference: Double? { published.flatMap { $0 == 0 ? nil : mean / $0 - 1 } }
    }

    /// A row of the table.
    public struct Row: Sendable, Equatable {
        /// Its name.
        public let name: String
        /// What a reader must know about it.
        public let note: String
        /// Cells that finished, and all of them.
        public let finished, planned: Int
        /// What went wrong, each message once.
        public let failures: [String]
        /// Figures by metric; empty when no cell finished.
        public let figures: [String: Figure]
        /// Trained parameters.
        public let parameters: Int
        /// Seconds of training, mean over seeds.
        public let trainingSeconds: Double
        /// Milliseconds of evaluation for each user, mean over seeds.
        public let millisecondsPerUser: Double
        /// The largest memory of any cell, in bytes.
        public let peakMemory: Int
        /// The folders of its cells, relative to the report.
        public let folders: [String]
    }

    /// Two rows, the better one first, and whether they differ.
    public struct Difference: Sendable, Equatable {
        /// The names of the rows.
        public let better, worse: String
        /// Of their means of the main metric.
        public let difference: Double
        /// Two-sided, over users and trainings (``CrossedTest``).
        public let pValue: Double
        /// The same corrected for all pairs of the table (``MultipleTests/holm(_:)``).
        public let corrected: Double
        /// Trainings of each row that the test knows of; with one it says nothing of their variance.
        public let trainings: Int
    }

    /// The table's name, and what it says about itself.
    public let table: TableSpecification
    /// The data set's name, and its fingerprint.
    public let data, dataHash: String
    /// U, N and the number of test users, when a cell has finished.
    public let counts: String
    /// The rows in the table's order.
    public let rows: [Row]
    /// All pairs of finished rows by the main metric, the best row's first.
    public let differences: [Difference]
    /// In what rows differ besides the model, where a reader would expect them equal.
    public let inequalities: [String]

    /// Sums up.
    ///
    /// - Parameters:
    ///   - table: What was to be measured.
    ///   - data: The data set's name.
    ///   - dataHash: Its fingerprint.
    ///   - cells: Of each row's name, the folders (relative to the report) with results or messages, by seed.
    public init(
        _ table: TableSpecification,
        data: String,
        dataHash: String,
        cells: [String: [(folder: String, outcome: Result<CellResult, CellFailure>)]]
    ) {
        (self.table, self.data, self.dataHash) = (table, data, dataHash)
        var perUser: [String: [[Double]]] = [:]
        var counts = ""
        rows = table.rows.map { row in
            let mine = cells[row.name] ?? []
            let results = mine.compactMap { try? $0.outcome.get() }
            let failures = mine.compactMap { cell -> String? in
                if case .failure(let failure) = cell.outcome { failure.description } else { nil }
            }
            let published = row.published[data] ?? row.published[""] ?? [:]
            if let first = results.first {
                perUser[row.name] = valuesBySeed(results, table.main)
                counts = "\(first.report.users) test users, \(first.report.items) items"
            }
            let extra = ["coverage@20", "popularity@20"]
            let figures =
                results.isEmpty
                ? [:]
                : (table.metrics + extra).reduce(into: [:]) { figures, name in
                    figures[name] = Figure(name, results, published[name])
                }
            func mean(_ value: (CellResult) -> Double) -> Double {
                results.reduce(0) { $0 + value($1) } / Double(max(results.count, 1))
            }
            return Row(
                name: row.name,
                note: row.note,
                finished: results.count,
                planned: mine.count,
                failures: failures.reduce(into: []) { if !$0.contains($1) { $0.append($1) } },
                figures: figures,
                parameters: results.first?.parameters ?? 0,
                trainingSeconds: mean(\.trainingSeconds),
                millisecondsPerUser: mean(\.millisecondsPerUser),
                peakMemory: results.map(\.peakMemory).max() ?? 0,
                folders: mine.map(\.folder)
            )
        }
        self.counts = counts
        differences = Self.differences(between: rows, perUser, by: table.main)
        inequalities = table.inequalities(on: data)
    }
}

/// Why a cell has no result.
public struct CellFailure: Error, CustomStringConvertible, Equatable {
    /// The whole sentence.
    public let description: String

    /// Creates a failure.
    public init(_ description: String) { self.description = description }
}

extension TableSummary {
    /// The better of every two rows against the other, the best row's pairs first.
    fileprivate static func differences(
        between rows: [Row],
        _ perUser: [String: [[Double]]],
        by metric: String
    ) -> [Difference] {
        let order = rows.filter { $0.finished > 0 && perUser[$0.name]?.isEmpty == false }
            .sorted { ($0.figures[metric]?.mean ?? 0) > ($1.figures[metric]?.mean ?? 0) }
            .map(\.name)
        var tested: [(better: String, worse: String, trainings: Int, outcome: CrossedTest.Outcome)] = []
        for (place, better) in order.enumerated() {
            for worse in order[(place + 1)...] {
                guard let a = perUser[better], let b = perUser[worse], a[0].count == b[0].count, a[0].count > 1 else {
                    continue
                }
                let trainings = min(a.count, b.count)
                tested.append(
                    (better, worse, trainings, CrossedTest.run(Array(a.prefix(trainings)), Array(b.prefix(trainings))))
                )
            }
        }
        return zip(tested, MultipleTests.holm(tested.map(\.outcome.pValue))).map { pair, corrected in
            Difference(
                better: pair.better,
                worse: pair.worse,
                difference: pair.outcome.difference,
                pValue: pair.outcome.pValue,
                corrected: corrected,
                trainings: pair.trainings
            )
        }
    }
}

extension TableSummary.Figure {
    fileprivate init?(_ name: String, _ results: [CellResult], _ published: Double?) {
        let values = results.compactMap { RankingMetric.value(name, in: $0.report.metrics) }
        guard !values.isEmpty else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let isKnown = RankingMetric(name) != nil || results.allSatisfy { $0.requests?[name] != nil }
        let users = isKnown ? meanOverSeeds(results, name) : []
        self.init(
            mean: mean,
            deviation: values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil,
            interval: users.isEmpty ? nil : Bootstrap.interval(of: users, seed: 1),
            published: published
        )
    }
}

/// Of each seed, every user's value of a metric; empty when the seeds ranked different users or it is no mean over users.
private func valuesBySeed(_ results: [CellResult], _ metric: String) -> [[Double]] {
    let values = results.map { result in
        result.requests.map { $0[metric] ?? [] } ?? perUserMetric(metric, ranks: result.ranks)
    }
    guard let count = values.first?.count, count > 0, values.allSatisfy({ $0.count == count }) else { return [] }
    return values
}

/// Each user's value of a metric, averaged over the seeds; empty when the seeds ranked different users.
private func meanOverSeeds(_ results: [CellResult], _ metric: String) -> [Double] {
    let values = valuesBySeed(results, metric)
    return (values.first ?? []).indices.map { user in values.reduce(0) { $0 + $1[user] } / Double(values.count) }
}
