// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

/// How much clusters of what the history means to a candidate tell about the click.
enum Discriminability: RunAnalysis {
    static let card = AnalysisCard(
        name: "discriminability",
        summary: "mutual information of the click and K-means clusters of the representation, for several K",
        source: "DARE, figure 10",
        needs: "CTR models that search histories (dare, twin, twin-4e, twin-v2, din, sim, eta)",
        options: [.split, .steps]
    )

    /// Rounds of Lloyd's algorithm, and candidates that are clustered at most.
    static let (rounds, limit) = (25, 5_000)

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let sizes = options.steps == AnalysisOptions().steps ? [2, 4, 8, 16, 32, 64] : options.steps
        var table = Table(
            card.name,
            [.init("run"), .init("clusters", "K"), .init("mutual information", "nats")]
        )
        for run in runs {
            let (trained, model) = try run.openSearcher()
            var (rows, labels): ([Tensor], [Bool]) = ([], [])
            for host in try trained.ctrEvaluator().requests(model, options.part, limit: limit) {
                try withoutGradients {
                    let batch = try CTRBatch(host, noise: .keyed(Tensor(host.times)))
                    let vectors = try model.representation(batch)
                    rows.append(try vectors.reshaped(-1, vectors.size(2)))
                    labels += host.labels.map { $0 > 0 }
                }
            }
            let points = try Tensor.concatenated(rows)
            for size in sizes where size < labels.count {
                let clusters = try cluster(points, into: size)
                table.add([.text(run.label), .count(size), .number(mutualInformation(clusters, labels, size))])
            }
        }
        return Figure(
            card,
            title: "Discriminability of the representation",
            caption: """
                K-means clusters of the representations of \(options.part.rawValue) candidates (target-aware where the model is), \
                and how much they tell about the click. No model can reach more than the entropy of the label.
                """,
            tables: [table],
            panels: [
                Panel(.line, of: table, x: "clusters", y: "mutual information", color: "run", isLogarithmic: true)
            ]
        )
    }

    /// The cluster of every point `[M, D]`: Lloyd's algorithm on standardised features, from points spread evenly.
    static func cluster(_ points: Tensor, into count: Int) throws -> [Int] {
        try withoutGradients {
            let spread = try points.variance(0).sqrt().clamped(from: 1e-12)
            let x = try (points - points.mean(0)) / spread
            let rows = x.size(0)
            var centers = try x.rows(Tensor((0..<count).map { Int64($0 * rows / count) }))
            var nearest = try assign(x, centers)
            for _ in 0..<rounds {
                let members = try nearest.oneHot(count).to(.float32)  // [M, K]
                let sizes = try members.sum(0).unsqueezed(1)
                let means = try members.transposed().matmul(x) / sizes.clamped(from: 1)
                centers = try .where(sizes.greater(0), means, centers)
                let next = try assign(x, centers)
                if try next.equal(nearest).all().item() != 0 { break }
                nearest = next
            }
            return try nearest.integers()
        }
    }

    private static func assign(_ x: Tensor, _ centers: Tensor) throws -> Tensor {
        try (centers.square().sum(1) - x.matmul(centers.transposed()) * 2).argMin(1)
    }

    /// Mutual information of cluster and label, in nats.
    static func mutualInformation(_ clusters: [Int], _ labels: [Bool], _ count: Int) -> Double {
        var counts = [[Double]](repeating: [0, 0], count: count)
        for (cluster, label) in zip(clusters, labels) { counts[cluster][label ? 1 : 0] += 1 }
        let total = Double(labels.count)
        let positive = Double(labels.count { $0 }) / total
        return counts.reduce(0) { sum, pair in
            let size = pair[0] + pair[1]
            return sum
                + zip(pair, [1 - positive, positive]).reduce(0) { part, entry in
                    entry.0 > 0 ? part + entry.0 / total * log(entry.0 / (size * entry.1)) : part
                }
        }
    }
}
