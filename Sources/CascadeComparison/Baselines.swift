// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
public import CascadeTraining
public import Foundation

/// The table that another model must beat on a data set: models that count, and one Transformer.
public struct Baselines {
    /// The models, in the order in which they are trained.
    public static let models = ["popularity", "recent-popularity", "item-knn", "ease", "sasrec"]
    /// The metric that ranks them, on validation.
    public static let metric = "ndcg@10"

    /// One line of the table.
    public struct Row: Codable, Sendable, Equatable {
        /// The model's name.
        public var model: String
        /// Its metrics on both parts; empty when it was left out.
        public var validation: [String: Double] = [:], test: [String: Double] = [:]
        /// Seconds of training, validation included.
        public var trainingSeconds = 0.0
        /// Steps of the optimizer; 0 for a model that counts.
        public var steps = 0
        /// Why its training ended, or why it was left out.
        public var reason = ""

        /// Whether there are figures.
        public var isMeasured: Bool { !test.isEmpty }

        enum CodingKeys: String, CodingKey {
            case model, validation, test, steps, reason
            case trainingSeconds = "training_seconds"
        }
    }

    private let dataset: Dataset
    private let folder: URL
    private let budget: Budget
    private let options: TrainingOptions

    /// Prepares the trainings.
    ///
    /// - Parameters:
    ///   - dataset: The data set.
    ///   - folder: Each model's run goes into a folder of its name; finished ones are kept.
    ///   - budget: What each model may take.
    ///   - options: Seed, device, commit, who watches.
    public init(on dataset: Dataset, in folder: URL, budget: Budget, _ options: TrainingOptions) {
        (self.dataset, self.folder, self.budget, self.options) = (dataset, folder, budget, options)
    }

    /// Trains and measures every model; one that cannot be trained here is left out, with the reason.
    ///
    /// - Returns: The lines, in the order of ``models``; fewer when interrupted.
    public func measure(_ models: [String] = Self.models) throws -> [Row] {
        var rows: [Row] = []
        for model in models where !options.isInterrupted() {
            do {
                rows.append(try measure(model))
            } catch let error as ConfigurationError {
                rows.append(leftOut(model, error.description))
            } catch let error as DivergenceError {
                rows.append(leftOut(model, error.description))
            }
        }
        return rows
    }

    private func leftOut(_ model: String, _ reason: String) -> Row {
        options.observe(.notice("\(model): left out. \(reason)"))
        return Row(model: model, reason: reason)
    }

    private func measure(_ model: String) throws -> Row {
        let run = RunDirectory(folder.appending(path: model))
        let old = run.exists ? try run.manifest() : nil
        var tree = JSONValue.object([:])
        if try ModelRegistry.builtin.entry(model).learns {
            // Enough to tell that nothing more is learned, within minutes.
            tree = tree.placing(.integer(3), at: ["training", "patience"])
            tree = tree.placing(.integer(10_000), at: ["training", "validation_users"])
        }
        var chosen = options
        chosen.sized = old?.sized ?? []
        if old == nil {
            let data = try Experiment(tree, model: model).divided(dataset)
            let sizing = try DataSizing(tree, model: model, on: data)
            if model == "recent-popularity", !sizing.remarks.isEmpty {
                throw ConfigurationError(
                    "its figures are those of popularity: \(sizing.remarks.joined(separator: "; "))"
                )
            }
            chosen.sized = sizing.choices
        }
        let experiment = try Experiment(tree.placing(chosen.sized), model: model)
        try refuseEffort(experiment)
        (chosen.resume, chosen.budget) = (old != nil, budget)
        options.observe(.notice("\(model):"))
        for choice in chosen.sized { options.observe(.notice("  \(choice.description)")) }
        if old?.status != .finished { _ = try Trainer(experiment, on: dataset, to: run.url, chosen).train() }
        guard !options.isInterrupted() else { return Row(model: model, reason: "interrupted") }
        let trained = try run.open(data: dataset.url, on: options.device)
        return Row(
            model: model,
            validation: trained.manifest.validation,
            test: try trained.evaluate(.test).report.metrics,
            trainingSeconds: trained.manifest.seconds,
            steps: trained.manifest.step,
            reason: trained.manifest.reason
        )
    }

    /// Refuses a model that counts for longer than the budget.
    private func refuseEffort(_ experiment: Experiment) throws {
        guard case .seconds(let limit) = budget, experiment.model.name == "ease" else { return }
        let model = try experiment.makeModel(for: dataset, using: Generator(seed: 0, on: options.device))
        guard let effort = try model.fittedRetriever?.effort(), effort.seconds > limit else { return }
        throw ConfigurationError(
            "\(effort.description); the budget is \(budget). Give a larger --budget, or import with a higher --min-item-events"
        )
    }
}
