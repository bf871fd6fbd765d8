// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

/// How much of what matters the search stage finds.
enum SearchQuality: RunAnalysis {
    static let card = AnalysisCard(
        name: "search-quality",
        summary: "gain of the behaviors that a search keeps against the best that could be kept (NDCG)",
        source: "DARE, figure 9",
        needs:
            "CTR models that search histories (dare, twin, twin-4e, twin-v2, din, sim, eta), items with categories",
        options: [.split]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let unit = "mean, 0 to 1"
        var table = Table(
            card.name,
            [
                .init("run"), .init("model"), .init("kept", "behaviors"), .init("NDCG", unit), .init("lower", unit),
                .init("upper", unit), .init("requests", "count"),
            ]
        )
        var source = ""
        for run in runs {
            let (trained, model) = try run.openSearcher()
            let relevance = try BehaviorRelevance(trained, model)
            source = relevance.source
            var values: [Double] = []
            var kept = 0
            for host in try trained.ctrEvaluator().requests(model, options.part) {
                try withoutGradients {
                    let batch = try CTRBatch(host, noise: .keyed(Tensor(host.times)))
                    let found = try model.searched(batch)
                    let (columns, real) = (try found.columns.integers(), try found.real.to(.float32).floats())
                    kept = found.columns.size(2)
                    let length = host.history.length
                    for row in 0..<host.history.rows where host.history.lengths[row] > 0 {
                        let candidate = Int(host.candidates[row * host.width])
                        func gain(_ column: Int) -> Double {
                            let item = Int(host.history.items[row * length + column])
                            return relevance(item, distance: length - column, candidate: candidate)
                        }
                        let start = row * host.width * kept
                        let chosen = (start..<start + kept).filter { real[$0] > 0 }.map { gain(columns[$0]) }
                        let first = length - Int(host.history.lengths[row])
                        let best = (first..<length).map(gain).sorted(by: >).prefix(kept)
                        if let value = normalized(chosen, best) { values.append(value) }
                    }
                }
            }
            guard !values.isEmpty else {
                throw ConfigurationError("\(run.directory.url.path): no request has a behavior that matters")
            }
            let interval = Bootstrap.interval(of: values, seed: 1)
            table.add([
                .text(run.label), .text(run.manifest.experiment.model.name), .count(kept),
                .number(values.reduce(0, +) / Double(values.count)), .number(interval.lower), .number(interval.upper),
                .count(values.count),
            ])
        }
        return Figure(
            card,
            title: "What the search stage finds",
            caption: """
                Discounted gain of the behaviors that are kept for the chosen item, in their order, over that of the best \
                ones, \(options.part.rawValue) requests. Gain of a behavior: mutual information, \(source). \
                \(MetricColumns.bandNote)
                """,
            tables: [table],
            panels: [Panel(.bar, of: table, x: "run", y: "NDCG", band: ("lower", "upper"))]
        )
    }

    /// Discounted gain over the best possible; nil when nothing matters.
    static func normalized(_ chosen: [Double], _ best: some Collection<Double>) -> Double? {
        func discounted(_ gains: some Collection<Double>) -> Double {
            gains.enumerated().reduce(0) { $0 + $1.element / log2(Double($1.offset) + 2) }
        }
        let ideal = discounted(best)
        return ideal > 0 ? discounted(chosen) / ideal : nil
    }
}
