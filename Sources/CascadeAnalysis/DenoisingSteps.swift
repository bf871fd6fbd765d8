// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeEvaluation
import CascadeRecommenders
import CascadeTraining
import Foundation

/// How good the answer is after few and after many denoising steps, with the weights as they are.
enum DenoisingSteps: RunAnalysis {
    static let card = AnalysisCard(
        name: "denoising-steps",
        summary: "ranking metrics by the number of denoising steps, without retraining",
        source: "DimeRec, figure 5",
        needs: "models with a diffusion",
        options: [.split, .seen, .metric, .steps]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let metrics = try MetricColumns(options, runs)
        var table = Table(
            card.name,
            [.init("run"), .init("sampler"), .init("denoising steps", "count")] + metrics.columns
        )
        for run in runs {
            guard let diffusion = try run.openDiffusion().run.experiment.model.diffusion else { continue }
            // Deterministic samplers visit any number of steps; ancestral sampling visits all.
            let kind = diffusion.sampler.kind == .dpmSolver ? Sampler.Kind.dpmSolver : .ddim
            let all = diffusion.steps
            let possible = options.steps.filter { $0 <= all }
            guard !possible.isEmpty else {
                throw ConfigurationError(
                    "\(run.directory.url.path): its schedule has \(all) steps; --steps asks for more in every case"
                )
            }
            for steps in possible {
                var sampler = diffusion.sampler
                sampler.kind = kind
                sampler.steps = steps
                let trained = try run.openDiffusion { try $0.sampling(sampler) }.run
                let ranks = try trained.rank(options).targetRanks
                table.add([.text(run.label), .text(kind.rawValue), .count(steps)] + metrics.cells(ranks: ranks))
            }
        }
        let largest = options.steps.max() ?? 1
        return Figure(
            card,
            title: "Quality by number of denoising steps",
            caption: """
                The same weights answer in so many steps of a deterministic sampler from pure noise, \
                \(options.part.rawValue) targets. \(MetricColumns.bandNote)
                """,
            tables: [table],
            panels: metrics.panels(.line, of: table, x: "denoising steps", isLogarithmic: largest >= 10)
        )
    }
}
