// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

/// Whether behaviors of a category that the query is about add more to the interest.
enum InterestNorms: RunAnalysis {
    static let card = AnalysisCard(
        name: "interest",
        summary: "what past events add to the interest in a search, by how often the query leads to their category",
        source: "DiffusionGS, figure 3",
        needs: "query-aware rankers that tell what each event adds (diffusion-gs), items with categories",
        options: [.split, .category]
    )

    /// Upper bounds of the bins of click probability; the last is 1.
    private static let bounds = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1]

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let unit = "share of the request's mean"
        var table = Table(
            card.name,
            [
                .init("run"), .init("probability", "clicks of a shown item"), .init("norm", unit),
                .init("lower", unit), .init("upper", unit), .init("events", "count"),
            ]
        )
        for run in runs {
            for bin in try bins(of: run, options) where bin.count > 0 {
                table.add([
                    .text(run.label), .number(bin.rate), .number(bin.mean), .number(bin.mean - bin.deviation),
                    .number(bin.mean + bin.deviation), .count(Int(bin.count)),
                ])
            }
        }
        return Figure(
            card,
            title: "What past events add to a search",
            caption: """
                Length of each event's dynamic part, divided by the mean over its request, for \(options.part.rawValue) requests, by the \
                share of shown items of the event's category that were clicked under the request's query in training; the band is one standard \
                deviation of events. Categories that were never shown under the query are left out.
                """,
            tables: [table],
            panels: [
                Panel(
                    .line,
                    "dynamic interest",
                    of: table,
                    x: "probability",
                    y: "norm",
                    band: ("lower", "upper"),
                    color: "run"
                )
            ]
        )
    }

    /// What events add, by the click probability of their category.
    private static func bins(of run: AnalyzedRun, _ options: AnalysisOptions) throws -> [Bin] {
        let trained = try run.open()
        let (evaluator, model) = try trained.queryEvaluator()
        let rates = try QueryRates(trained, options)
        var bins = bounds.map { _ in Bin() }
        let source = try evaluator.source(model)
        let batches = try source.requests(options.part, batchSize: 64)
        for index in batches.indices {
            let host = batches[index]
            let norms = try withoutGradients { try model.contributions(QueryBatch(host))?.doubles() }
            guard let norms else {
                throw ConfigurationError(
                    "\(run.directory.url.path): '\(run.manifest.experiment.model.name)' does not tell what an event adds; "
                        + "diffusion-gs does"
                )
            }
            for (row, request) in batches.requests(index).enumerated() {
                let cells = row * host.length..<(row + 1) * host.length
                let real = cells.filter { host.items[$0] != 0 }
                let mean = real.reduce(0) { $0 + norms[$1] } / Double(max(real.count, 1))
                guard mean > 0 else { continue }
                for cell in real {
                    guard let rate = rates(request, Int(host.items[cell]) - 1) else { continue }
                    let bin = bounds.firstIndex { rate <= $0 } ?? bounds.count - 1
                    bins[bin].add(rate, norms[cell] / mean)
                }
            }
        }
        return bins
    }

    private struct Bin {
        var (count, rates, sum, squares) = (0.0, 0.0, 0.0, 0.0)
        var rate: Double { rates / count }
        var mean: Double { sum / count }
        var deviation: Double { max(squares / count - mean * mean, 0).squareRoot() }

        mutating func add(_ rate: Double, _ value: Double) {
            (count, rates, sum, squares) = (count + 1, rates + rate, sum + value, squares + value * value)
        }
    }

    /// How often shown items of a category were clicked under each query in training.
    private struct QueryRates {
        private let categories: [Int32]
        private let table: RequestTable
        private var counts: [Pair: (shown: Double, clicked: Double)] = [:]

        private struct Pair: Hashable {
            let query: Int32
            let category: Int32
        }

        init(_ run: TrainedRun, _ options: AnalysisOptions) throws {
            guard let table = run.data.dataset.requests, let division = run.data.requests else {
                throw ConfigurationError("\(run.data.dataset.url.path): has no search requests")
            }
            self.table = table
            let names = run.data.dataset.itemFeatureNames
            let usual = names.contains("category") ? "category" : nil
            let name = try options.category ?? usual ?? run.category(options)
            categories = try run.data.dataset.itemCombinations(name)
            for request in division.training where table.queries[request] >= 0 {
                for place in table.shown(request) {
                    let pair = Pair(query: table.queries[request], category: categories[Int(table.items[place])])
                    let old = counts[pair] ?? (0, 0)
                    counts[pair] = (old.shown + 1, old.clicked + (table.isClicked(place) ? 1 : 0))
                }
            }
        }

        /// For an item's category, under the query of a request; nil where nothing is known.
        func callAsFunction(_ request: Int, _ item: Int) -> Double? {
            counts[Pair(query: table.queries[request], category: categories[item])].map { $0.clicked / $0.shown }
        }
    }
}
