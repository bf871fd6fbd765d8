// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import CascadeTraining
import Foundation

/// How the reconstructed next item nears the true one on the way from pure noise.
enum ReverseProcess: RunAnalysis {
    static let card = AnalysisCard(
        name: "reverse-process",
        summary: "similarity of the reconstructed to the true next item along the reverse process",
        source: "T2Diff, figure 4",
        needs: "models with a diffusion",
        options: [.split]
    )

    /// At most so many denoisings are measured, spread evenly over the process.
    static let measuredSteps = 50
    private static let item = "next item"
    private static let drift = "drift from the last item"
    /// What a model that knows nothing of the next item but that it is another one would answer: the way back to the
    /// middle of all items.
    private static let trivial = "minus the last item"
    private static let unit = "cosine, -1 to 1"

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        var table = Table(
            card.name,
            [
                .init("run"), .init("compared"), .init("quantity"), .init("denoising", "count, from pure noise"),
                .init("schedule step", "T falling to 1"), .init("similarity", unit), .init("lower", unit),
                .init("upper", unit), .init("10th percentile", unit), .init("90th percentile", unit),
            ]
        )
        for run in runs {
            for curve in try curves(of: run, options) {
                let intervals = Bootstrap.intervals(of: curve.points.map(\.values), samples: 400, seed: 1)
                for (point, interval) in zip(curve.points, intervals) {
                    let sorted = point.values.sorted()
                    let tenth = sorted.count / 10
                    let numbers = [
                        sorted.reduce(0, +) / Double(sorted.count), interval.lower, interval.upper, sorted[tenth],
                        sorted[sorted.count - 1 - tenth],
                    ]
                    table.add(
                        [
                            .text(run.label), .text(curve.compared), .text(curve.quantity), .count(point.number),
                            .count(point.step),
                        ] + numbers.map(Cell.number)
                    )
                }
            }
        }
        return Figure(
            card,
            title: "Similarity to the truth along the reverse process",
            caption: """
                Mean over users of the cosine between what the diffusion has and the \(options.part.rawValue) target, \
                item vectors as the diffusion sees them. Estimate: what the denoiser makes of the state. Last item: what \
                repeating the latest behavior would reach. The drift is the difference from that item; minus that item \
                is the drift of somebody who only leaves it. Bands: 95 % bootstrap intervals over users.
                """,
            tables: [table],
            panels: [item, drift].map { compared in
                Panel(
                    .line,
                    compared,
                    of: table,
                    x: "denoising",
                    y: "similarity",
                    band: ("lower", "upper"),
                    color: "run",
                    style: "quantity",
                    where: ["compared": compared]
                )
            }
        )
    }

    /// One quantity of one run over the denoisings, with every user's value.
    private struct Curve {
        let compared, quantity: String
        var points: [(number: Int, step: Int, values: [Double])] = []
    }

    private static func curves(of run: AnalyzedRun, _ options: AnalysisOptions) throws -> [Curve] {
        let (trained, model) = try run.openDiffusion()
        let cases = trained.data.cases(options.part)
        let dataset = trained.data.dataset
        let hosts = EvaluationBatches(
            cases,
            of: dataset,
            length: max(model.length, 1),
            padding: type(of: model).padding,
            batchSize: 256
        )
        var curves = [
            Curve(compared: item, quantity: "estimate"), Curve(compared: item, quantity: "state"),
            Curve(compared: item, quantity: "last item"), Curve(compared: drift, quantity: "estimate"),
            Curve(compared: drift, quantity: "state"), Curve(compared: drift, quantity: trivial),
        ]
        var first = 0
        for host in hosts {
            try withoutGradients {
                let batch = try Batch(host, on: trained.device, noiseSeed: 0)
                let latest = cases[first..<first + batch.rows].map { Int64(dataset.items[$0.history.upperBound - 1]) }
                let truth = try model.diffusedItems(batch.targets)
                let last = try model.diffusedItems(Tensor(latest, on: trained.device))
                let change = try truth - last
                let repeated = try cosine(last, truth)
                let leaving = try cosine(last * -1, change)
                var steps: [(step: Int, values: [[Double]])] = []
                _ = try model.userVectors(batch) { step in
                    let values = try [
                        cosine(step.estimate, truth), cosine(step.state, truth), repeated,
                        cosine(step.estimate - last, change), cosine(step.state - last, change), leaving,
                    ]
                    steps.append((step.step, values))
                }
                guard !steps.isEmpty else {
                    throw ConfigurationError(
                        "\(run.directory.url.path): its settings leave the diffusion out; there is no reverse process"
                    )
                }
                for (place, number) in spread(steps.count).enumerated() {
                    for (curve, values) in steps[number].values.enumerated() {
                        if first == 0 { curves[curve].points.append((number + 1, steps[number].step, [])) }
                        curves[curve].points[place].values += values
                    }
                }
                first += batch.rows
            }
        }
        return curves
    }

    /// Some of so many places, the first and the last among them.
    static func spread(_ count: Int) -> [Int] {
        guard count > measuredSteps else { return Array(0..<count) }
        return (0..<measuredSteps).map { $0 * (count - 1) / (measuredSteps - 1) }
    }

    /// The cosine of rows `[B, D]`; 0 where one of them is zero.
    static func cosine(_ a: Tensor, _ b: Tensor) throws -> [Double] {
        let lengths = try (a.square().sum(1) * b.square().sum(1)).sqrt().clamped(from: 1e-12)
        return try ((a * b).sum(1) / lengths).doubles()
    }
}
