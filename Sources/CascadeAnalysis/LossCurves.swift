// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import CascadeTraining
import Foundation

/// How every term of the loss falls, or does not, while a model trains.
enum LossCurves: RunAnalysis {
    static let card = AnalysisCard(
        name: "losses",
        summary: "every term of the training loss over the steps, run beside run",
        source: "DimeRec, figure 4",
        needs: "models that learn by gradients",
        options: []
    )

    /// At most so many points a curve.
    static let points = 200
    private static let others: Set = ["kind", "step", "epoch", "learningRate", "examplesPerSecond", "seconds"]

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let unit = "weighted; nats for cross-entropies"
        var table = Table(
            card.name,
            [
                .init("run"), .init("term"), .init("training step", "count"), .init("loss", unit), .init("least", unit),
                .init("largest", unit),
            ]
        )
        var terms: [String] = []
        for run in runs {
            let curves = try curves(of: run)
            for (term, curve) in curves {
                if !terms.contains(term) { terms.append(term) }
                for point in binned(curve) {
                    table.add([
                        .text(run.label), .text(term), .count(point.step), .number(point.mean), .number(point.least),
                        .number(point.largest),
                    ])
                }
            }
        }
        return Figure(
            card,
            title: "Loss terms over the training",
            caption: """
                Each point is the mean of neighboring lines of the progress log, at most \(points) points a curve; bands: \
                from the least to the largest of these lines. Terms carry their weights (lambda, mu).
                """,
            tables: [table],
            panels: terms.map { term in
                Panel(
                    .line,
                    term == "loss" ? "all terms together" : term,
                    of: table,
                    x: "training step",
                    y: "loss",
                    band: ("least", "largest"),
                    color: "run",
                    where: ["term": term]
                )
            }
        )
    }

    /// The terms of a run's loss, their sum first where there are several, each with its logged steps.
    private static func curves(of run: AnalyzedRun) throws -> [(term: String, curve: [(step: Int, value: Double)])] {
        var curves = try run.logged("train").filter { !others.contains($0.key) }
        guard !curves.isEmpty else {
            throw ConfigurationError(
                """
                \(run.directory.progress.path): holds no training steps; the model '\(run.manifest.experiment.model.name)' counts \
                instead of learning, or training.log_every_steps is more than the steps that were made
                """
            )
        }
        // The sum is the same as the only term.
        if curves.count == 2 { curves["loss"] = nil }
        return curves.sorted { ($0.key == "loss" ? "" : $0.key) < ($1.key == "loss" ? "" : $1.key) }
            .map { ($0.key, $0.value) }
    }

    /// A curve's means over groups of neighbors, equally many in each.
    static func binned(_ curve: [(step: Int, value: Double)]) -> [(
        step: Int, mean: Double, least: Double, largest: Double
    )] {
        let count = min(points, curve.count)
        return (0..<count).compactMap { bin in
            let part = curve[bin * curve.count / count..<(bin + 1) * curve.count / count]
            let values = part.map(\.value)
            guard let least = values.min(), let largest = values.max(), let last = part.last else { return nil }
            return (last.step, values.reduce(0, +) / Double(values.count), least, largest)
        }
    }
}
