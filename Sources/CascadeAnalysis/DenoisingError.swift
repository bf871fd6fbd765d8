// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

/// How much of what it is to rebuild a denoiser gets wrong, position by position.
enum DenoisingError: RunAnalysis {
    static let card = AnalysisCard(
        name: "denoising-error",
        summary: "error of one denoising by position, with much noise and little",
        source: "Cascade",
        needs: "models whose diffusion can be distilled",
        options: [.split]
    )

    private static let unit = "mean square of a feature"

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        var table = Table(
            card.name,
            [
                .init("run"), .init("schedule step"), .init("position", "0: the next item's; then back"),
                .init("error", unit), .init("power", unit), .init("unexplained", "error / power"),
            ]
        )
        for run in runs {
            let (trained, model) = try run.openDistillable()
            for step in Set([model.schedule.steps, max(model.schedule.steps / 2, 1), 1]).sorted(by: >) {
                let positions = try errors(of: model, trained, at: step, options)
                for (position, found) in positions.enumerated() where found.count > 0 {
                    let (error, power) = (found.error / found.count, found.power / found.count)
                    table.add([
                        .text(run.label), .text("\(step)"), .count(position), .number(error), .number(power),
                        .number(error / power),
                    ])
                }
            }
        }
        return Figure(
            card,
            title: "What one denoising leaves unexplained",
            caption: """
                The \(options.part.rawValue) targets and what came before are noised by one step of the schedule and \
                denoised once. At step T no signal is left. A share near 0 is read from the condition, 1 is what the \
                answer zero has, and more is a wrong answer. Only position 0 answers a request, and only its answer is \
                not part of the condition.
                """,
            tables: [table],
            panels: [
                Panel(
                    .line,
                    "unexplained share",
                    of: table,
                    x: "position",
                    y: "unexplained",
                    color: "run",
                    style: "schedule step"
                )
            ]
        )
    }

    /// Sums over users.
    struct Sums {
        var error = 0.0, power = 0.0, count = 0.0
    }

    /// Of every position, counted back from the latest.
    private static func errors(
        of model: any Distillable,
        _ run: TrainedRun,
        at step: Int,
        _ options: AnalysisOptions
    ) throws -> [Sums] {
        let hosts = EvaluationBatches(
            run.data.cases(options.part),
            of: run.data.dataset,
            length: max(model.length, 1),
            padding: type(of: model).padding,
            batchSize: 256
        )
        var sums: [Sums] = []
        for host in hosts {
            try withoutGradients {
                let batch = try Batch(host, on: run.device, noiseSeed: 0)
                let (clean, condition) = try model.diffusion(of: batch)
                let shape = Array(clean.shape.dropFirst())
                let steps = try Tensor.full([batch.rows], Double(step), .int64, on: run.device)
                let noise = try batch.noise.normal(rows: batch.rows, shape, stream: step)
                let mask = try condition.mask ?? .ones([1], on: run.device)
                let state = try model.noised(clean, steps: steps, noise: noise) * mask
                let estimate = try model.denoise(state, steps: steps, given: condition)
                let real = try mask.expanded(condition.mask?.shape ?? clean.shape.dropLast() + [1])
                func means(_ x: Tensor) throws -> [Double] { try (x.square().mean(-1, keep: true) * real).doubles() }
                let (errors, powers, weights) = try (means(estimate - clean), means(clean), real.doubles())
                let positions = errors.count / batch.rows
                if sums.isEmpty { sums = Array(repeating: Sums(), count: positions) }
                for place in errors.indices {
                    let position = positions - 1 - place % positions
                    sums[position].error += errors[place]
                    sums[position].power += powers[place]
                    sums[position].count += weights[place]
                }
            }
        }
        return sums
    }
}
