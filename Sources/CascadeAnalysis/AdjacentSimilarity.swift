// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

/// How well steady and erratic users are served: those whose neighboring behaviors are alike, and those who jump.
enum AdjacentSimilarity: RunAnalysis {
    static let card = AnalysisCard(
        name: "adjacent-similarity",
        summary: "ranking metrics by decile of how alike neighboring behaviors of a user are",
        source: "Cascade",
        needs: "a first run of a model with item vectors; others of any model",
        options: [.split, .seen, .metric]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let (first, model) = try runs[0].openVectors()
        let vectors = try withoutGradients { try model.itemVectors().to(.float32) }
        return try DecileFigure(column: .init("mean cosine of neighboring behaviors", "-1 to 1")) {
            String(format: "%.2f", $0)
        }.figure(
            card,
            title: "Erratic and steady users",
            caption: """
                Users in deciles of the mean cosine similarity of items that follow one another in their history, by the \
                item vectors of \(runs[0].label) for all runs; users with a single behavior are left out.
                """,
            of: runs,
            options
        ) { cases, dataset in
            let histories = cases.map { example in example.history.map { dataset.items[$0] } }
            return try similarities(of: histories, vectors.to(first.device))
        }
    }

    /// The mean cosine of neighbors in each list of items, of which `vectors` is `[N, D]`; nil for fewer than two items.
    static func similarities(of histories: [[Int32]], _ vectors: Tensor) throws -> [Double?] {
        let unit = try withoutGradients {
            try vectors / vectors.square().sum(1, keep: true).sqrt().clamped(from: 1e-12)
        }
        var result: [Double?] = []
        var (pairs, counts): ([(Int64, Int64)], [Int]) = ([], [])
        func flush() throws {
            let cosines = try withoutGradients { () throws -> [Double] in
                guard !pairs.isEmpty else { return [] }
                let sides = try [pairs.map(\.0), pairs.map(\.1)].map { try unit.rows(Tensor($0, on: unit.device)) }
                return try (sides[0] * sides[1]).sum(1).doubles()
            }
            var start = 0
            for count in counts {
                let sum = cosines[start..<start + count].reduce(0, +)
                result.append(count == 0 ? nil : sum / Double(count))
                start += count
            }
            (pairs, counts) = ([], [])
        }
        for items in histories {
            for (item, next) in zip(items, items.dropFirst()) { pairs.append((Int64(item), Int64(next))) }
            counts.append(max(items.count - 1, 0))
            if pairs.count > 1 << 17 { try flush() }
        }
        try flush()
        return result
    }
}
