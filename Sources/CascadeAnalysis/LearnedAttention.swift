// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining

/// Whether attention falls with distance and rises with kinship as the data do.
enum LearnedAttention: RunAnalysis {
    static let card = AnalysisCard(
        name: "attention",
        summary: "learned attention beside mutual information, by distance and by kinship of the categories",
        source: "DARE, figure 8",
        needs:
            "CTR models that search histories (dare, twin, twin-4e, twin-v2, din, sim, eta), items with categories",
        options: [.split]
    )

    /// Requests that are looked at.
    static let requests = 2_000

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let unit = "share of the largest"
        var table = Table(
            card.name,
            [
                .init("series"), .init("behavior"), .init("distance", "events before the request"),
                .init("weight", unit),
            ]
        )
        var source = ""
        for (index, run) in runs.enumerated() {
            let (trained, model) = try run.openSearcher()
            let relevance = try BehaviorRelevance(trained, model)
            source = relevance.source
            var truth = Profile(length: model.length)
            var learned = Profile(length: model.length)
            for host in try trained.ctrEvaluator().requests(model, options.part, limit: requests) {
                try withoutGradients {
                    let batch = try CTRBatch(host, noise: .keyed(Tensor(host.times)))
                    let weights = try model.searched(batch).attention.softmax().doubles()
                    let length = host.history.length
                    for row in 0..<host.history.rows {
                        // The chosen candidate's attention alone: it is what the history should be searched for.
                        let candidate = Int(host.candidates[row * host.width])
                        for place in 0..<Int(host.history.lengths[row]) {
                            let column = length - 1 - place
                            let item = Int(host.history.items[row * length + column])
                            let isSame = relevance.isSame(item, candidate)
                            learned.add(weights[row * host.width * length + column], place, isSame)
                            truth.add(relevance(item, distance: place + 1, candidate: candidate), place, isSame)
                        }
                    }
                }
            }
            if index == 0 { truth.write(to: &table, "mutual information") }
            learned.write(to: &table, run.label)
        }
        return Figure(
            card,
            title: "Learned attention and mutual information",
            caption: """
                Mean attention to behaviors of the chosen item's category and of others, by distance, up to \(requests) requests \
                of \(options.part.rawValue), each series divided by its largest value. Mutual information: \(source).
                """,
            tables: [table],
            panels: ["same category", "other category"].map {
                Panel(
                    .line,
                    $0,
                    of: table,
                    x: "distance",
                    y: "weight",
                    color: "series",
                    isLogarithmic: true,
                    where: ["behavior": $0]
                )
            }
        )
    }

    /// Means by distance, for behaviors of the candidate's category and others.
    private struct Profile {
        private var sums: [[Double]]
        private var counts: [[Double]]

        init(length: Int) {
            sums = [[Double]](repeating: [0, 0], count: length)
            counts = sums
        }

        mutating func add(_ value: Double, _ place: Int, _ isSame: Bool) {
            sums[place][isSame ? 0 : 1] += value
            counts[place][isSame ? 0 : 1] += 1
        }

        func write(to table: inout Table, _ name: String) {
            let means = zip(sums, counts).map { sums, counts in
                (0..<2).map { counts[$0] > 0 ? sums[$0] / counts[$0] : nil }
            }
            let largest = means.flatMap { $0.compactMap { $0 } }.max() ?? 1
            for (place, pair) in means.enumerated() {
                for (kind, mean) in zip(["same category", "other category"], pair) {
                    guard let mean else { continue }
                    table.add([.text(name), .text(kind), .count(place + 1), .number(mean / max(largest, 1e-30))])
                }
            }
        }
    }
}
