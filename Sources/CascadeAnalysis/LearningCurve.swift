// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import CascadeTraining
import Foundation

/// How soon a model is as good as it gets: validation metrics over the training steps.
enum LearningCurve: RunAnalysis {
    static let card = AnalysisCard(
        name: "learning-curve",
        summary: "validation metrics over the training steps, run beside run",
        source: "DARE, figure 11a",
        needs: "models that learn by gradients; training.eval_every_steps gives points within epochs",
        options: [.metric]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let names = try MetricColumns(options, runs).names
        let columns = names.map { Table.Column($0, "on validation") }
        var table = Table(card.name, [.init("run"), .init("training step", "count")] + columns)
        for run in runs {
            let logged = try run.logged("validation")
            let steps = Set(names.flatMap { (logged[$0] ?? []).map(\.step) }).sorted()
            guard !steps.isEmpty else {
                throw ConfigurationError(
                    "\(run.directory.progress.path): no evaluation is logged with \(names.joined(separator: ", "))"
                )
            }
            for step in steps {
                let values = names.map { name in logged[name]?.last { $0.step == step }.map { Cell.number($0.value) } }
                table.add([.text(run.label), .count(step)] + values.map { $0 ?? .none })
            }
        }
        return Figure(
            card,
            title: "Learning curves",
            caption: "Metrics on validation as the training logged them.",
            tables: [table],
            panels: names.map {
                Panel(.line, names.count > 1 ? $0 : "", of: table, x: "training step", y: $0, color: "run")
            }
        )
    }
}

extension AnalyzedRun {
    /// The numbers that lines of one kind in the progress log hold, by name, each with its step.
    ///
    /// - Throws: ``CheckpointError`` that names the line when the log is damaged.
    func logged(_ kind: String) throws -> [String: [(step: Int, value: Double)]] {
        let url = directory.progress
        let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        var curves: [String: [(step: Int, value: Double)]] = [:]
        for (index, line) in text.split(separator: "\n").enumerated() {
            guard case .object(let entry) = try? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8)),
                case .integer(let step) = entry["step"]
            else {
                throw CheckpointError("\(url.path), line \(index + 1): not a line of a progress log, or damaged")
            }
            guard entry["kind"] == .string(kind) else { continue }
            for (name, value) in entry {
                switch value {
                case .integer(let value): curves[name, default: []].append((step, Double(value)))
                case .number(let value): curves[name, default: []].append((step, value))
                default: continue
                }
            }
        }
        return curves
    }
}
