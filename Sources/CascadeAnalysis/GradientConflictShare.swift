// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTraining

/// How large the gradients of attention and representation on shared embeddings are, and how often they disagree.
enum GradientConflictShare: RunAnalysis {
    static let card = AnalysisCard(
        name: "gradient-conflict",
        summary:
            "norms and cosines of what attention and representation send to shared embeddings, category by category",
        source: "DARE, figures 2, 3 and 18",
        needs: "CTR models whose attention and representation share embeddings (twin, din, eta, sim)",
        options: [.steps]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let count = options.steps == AnalysisOptions().steps ? 100 : options.steps.max() ?? 100
        let norm = "Euclidean norm"
        var steps = Table(
            card.name,
            [
                .init("run"), .init("part"), .init("training step", "count"), .init("gradient", norm),
                .init("gradient of a row", "\(norm), mean"), .init("cosine", "mean"),
            ]
        )
        var shares = Table(
            "\(card.name)-rows",
            [
                .init("run"), .init("steps in conflict", "tenths of the row's steps"), .init("rows", "share"),
                .init("mean frequency", "share of steps"),
            ]
        )
        let told = try runs.map { try watch($0, count, &steps, &shares) }
        return Figure(
            card,
            title: "Attention against representation on shared embeddings",
            caption: """
                The training of each run again, from the same fresh weights, its first \(count) steps. A step is in conflict for \
                a row when the two gradients have a negative cosine there. \(told.joined(separator: "; ")).
                """,
            tables: [steps, shares],
            panels: [
                Panel(.line, "size", of: steps, x: "training step", y: "gradient", color: "run", style: "part"),
                Panel(
                    .line,
                    "agreement",
                    of: steps,
                    x: "training step",
                    y: "cosine",
                    color: "run",
                    where: ["part": "attention"]
                ),
                Panel(.bar, "conflict by row", of: shares, x: "steps in conflict", y: "rows", color: "run"),
            ]
        )
    }

    /// Trains a run's model again, and adds what is seen.
    ///
    /// - Returns: A sentence about the run.
    private static func watch(_ run: AnalyzedRun, _ count: Int, _ steps: inout Table, _ shares: inout Table) throws
        -> String
    {
        let (trained, _) = try run.openSearcher()
        let found = try GradientConflict.watch(
            trained.experiment,
            on: trained.data.dataset,
            seed: run.manifest.seed,
            steps: count
        )
        for step in found.steps {
            let parts = [
                ("attention", step.attention, step.meanAttention),
                ("representation", step.representation, step.meanRepresentation),
            ]
            for (part, norm, mean) in parts {
                steps.add([
                    .text(run.label), .text(part), .count(step.step), .number(norm), .number(mean),
                    .number(step.cosine),
                ])
            }
        }
        let touched = found.rows.filter { $0.steps > 0 }
        for tenth in 0..<10 {
            let members = touched.filter { min(10 * $0.conflicts / $0.steps, 9) == tenth }
            let frequency = members.reduce(0) { $0 + Double($1.steps) } / Double(max(members.count, 1) * count)
            shares.add([
                .text(run.label), .count(tenth), .number(Double(members.count) / Double(max(touched.count, 1))),
                members.isEmpty ? .none : .number(frequency),
            ])
        }
        let percent = (found.conflictedShare * 1000).rounded() / 10
        return
            "\(run.label): \(percent) % of \(touched.count) \(found.feature) in conflict more than half of the time"
    }
}
