// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
public import CascadeRecommenders
public import CascadeTorch
public import CascadeTraining
public import Foundation

/// A run under analysis: its manifest at once, its model when asked for.
public struct AnalyzedRun {
    /// What tables and pictures call it: the end of its path that no other run shares.
    public let label: String
    /// Where it is.
    public let directory: RunDirectory
    /// What it says about itself.
    public let manifest: RunManifest
    private let openModel: (_ change: (ModelSpec) throws -> ModelSpec) throws -> TrainedRun

    /// Reads the manifests of runs, which must be of the same data and split.
    ///
    /// - Parameters:
    ///   - directories: One or more run directories.
    ///   - data: The data set; nil looks where each run found it.
    ///   - models: The models that the runs may be of.
    ///   - overrides: Model settings to replace, for those that leave the weights alone.
    ///   - options: When they say what becomes of seen items, the runs' own policies may differ.
    ///   - device: Where models go.
    /// - Throws: ``CheckpointError`` where there is no run, ``ConfigurationError`` when two do not belong together.
    public static func read(
        _ directories: [URL],
        data: URL? = nil,
        among models: ModelRegistry = .builtin,
        overriding overrides: @escaping (ModelSpec) throws -> ModelSpec = { $0 },
        _ options: AnalysisOptions = AnalysisOptions(),
        on device: Device = .cpu
    ) throws -> [AnalyzedRun] {
        let paths = directories.map { $0.absoluteURL.standardizedFileURL }
        let labels = labels(of: paths.map(\.pathComponents))
        let runs = try zip(paths, labels).map { path, label in
            let directory = RunDirectory(path, models: models)
            let manifest = try directory.manifest()
            return AnalyzedRun(label: label, directory: directory, manifest: manifest) { change in
                try directory.open(
                    data: data,
                    overriding: { try change(overrides($0)) },
                    on: device
                )
            }
        }
        guard let first = runs.first else { throw ConfigurationError("no run to analyze") }
        guard Set(paths.map(\.path)).count == paths.count else {
            throw ConfigurationError("a run is named twice; give each once")
        }
        for run in runs.dropFirst() { try run.check(against: first, ignoringSeen: options.seen != nil) }
        return runs
    }

    private func check(against other: AnalyzedRun, ignoringSeen: Bool) throws {
        func refuse(_ what: String, _ mine: String, _ theirs: String, _ remedy: String) -> ConfigurationError {
            ConfigurationError(
                "\(directory.url.path): \(what) is \(mine), but \(theirs) in \(other.directory.url.path); \(remedy)"
            )
        }
        let apart = "figures of different data or splits cannot be compared, so analyze these runs apart"
        guard manifest.data.hash == other.manifest.data.hash else {
            func name(_ data: RunManifest.Data) -> String { "\(data.name) (\(data.hash))" }
            throw refuse("the data set", name(manifest.data), name(other.manifest.data), apart)
        }
        let (mine, theirs) = (manifest.experiment, other.manifest.experiment)
        guard mine.split == theirs.split else {
            func text(_ value: some Encodable) throws -> String {
                let encoder = JSONEncoder()
                encoder.outputFormatting = .sortedKeys
                return String(decoding: try encoder.encode(value), as: UTF8.self)
            }
            throw refuse("the split", try text(mine.split), try text(theirs.split), apart)
        }
        guard ignoringSeen || mine.seen == theirs.seen else {
            throw refuse(
                "the policy for seen items",
                mine.seen.rawValue,
                theirs.seen.rawValue,
                "say which one holds with --seen exclude or --seen include"
            )
        }
    }

    /// The trained model and its data.
    ///
    /// - Parameter change: Further model settings to replace.
    public func open(_ change: (ModelSpec) throws -> ModelSpec = { $0 }) throws -> TrainedRun { try openModel(change) }

    /// The run as one of a model with item vectors.
    ///
    /// - Throws: ``ConfigurationError`` when the model has none.
    public func openVectors() throws -> (run: TrainedRun, model: any VectorRetriever) {
        let run = try open()
        guard let model = run.model.vectorRetriever else { throw lacking("has no item vectors", .itemVectors) }
        return (run, model)
    }

    /// The run as one of a model that rebuilds the next item from noise.
    ///
    /// - Throws: ``ConfigurationError`` when the model has no diffusion.
    public func openDiffusion(_ change: (ModelSpec) throws -> ModelSpec = { $0 }) throws -> (
        run: TrainedRun, model: any DiffusionRetriever
    ) {
        let noDiffusion = lacking("has no diffusion", .diffusion)
        guard manifest.experiment.model.diffusion != nil else { throw noDiffusion }
        let run = try open(change)
        guard let model = run.model.diffusionRetriever else { throw noDiffusion }
        return (run, model)
    }

    /// The run as one of a model whose denoiser can be asked for one denoising.
    ///
    /// - Throws: ``ConfigurationError`` when the model has none.
    public func openDistillable() throws -> (run: TrainedRun, model: any Distillable) {
        let run = try open()
        guard let model = run.model.distillable else { throw lacking("has no diffusion to ask", .distillation) }
        _ = try model.denoiserParameters()
        return (run, model)
    }

    /// The run as one of a CTR model that searches histories.
    ///
    /// - Throws: ``ConfigurationError`` when the model searches nothing.
    public func openSearcher() throws -> (run: TrainedRun, model: any LifelongRanker) {
        let run = try open()
        guard let model = run.model.lifelongRanker else {
            throw lacking("retrieves nothing from histories", .historyRetrieval)
        }
        return (run, model)
    }

    private func lacking(_ what: String, _ capability: Capability) -> ConfigurationError {
        ConfigurationError(
            """
            \(directory.url.path): '\(manifest.experiment.model.name)' \(what), which this analysis needs; models that do: \
            \(directory.models.names(with: capability))
            """
        )
    }

    /// The shortest ends of paths that differ from one another, all of the same number of components.
    static func labels(of paths: [[String]]) -> [String] {
        let longest = paths.map(\.count).max() ?? 1
        for count in 1...max(longest, 1) {
            let ends = paths.map { $0.suffix(count).joined(separator: "/") }
            if Set(ends).count == ends.count { return ends }
        }
        return paths.map { $0.joined(separator: "/") }
    }
}

extension TrainedRun {
    /// The ranks of a part's targets and the statistics of the lists, as the options say.
    func rank(
        _ options: AnalysisOptions,
        listing: (length: Int, use: (_ place: Int, _ items: [Int]) -> Void)? = nil
    ) throws -> TopKEvaluator.Outcome {
        guard experiment.candidates == nil, let scorer = model.catalogScorer else {
            throw ConfigurationError(
                "'\(experiment.model.name)' scores the candidates of requests; this analysis is for models that rank the "
                    + "whole catalog"
            )
        }
        return try TopKEvaluator(data, seen: options.seen ?? experiment.seen, on: device)
            .evaluate(scorer, options.part, listing: listing)
    }

    /// Every user's (or request's) value of each metric.
    func perUser(_ names: [String], _ options: AnalysisOptions) throws -> [[Double]] {
        guard experiment.candidates != nil else {
            let ranks = try rank(options).targetRanks
            return names.map { perUserMetric($0, ranks: ranks) }
        }
        let perRequest = try task.evaluate(options.part, EvaluationOptions()).perRequest
        return names.map { perRequest[$0] ?? [] }
    }

    /// The item feature that the options name, or the only one.
    ///
    /// - Throws: ``ConfigurationError`` when there are several to choose from or none; ``DatasetError`` when there is
    ///   none of that name.
    func category(_ options: AnalysisOptions) throws -> String {
        let names = data.dataset.itemFeatureNames
        if let name = options.category {
            _ = try data.dataset.itemCategories(name)
            return name
        }
        guard names.count == 1, let name = names.first else {
            throw ConfigurationError(
                names.isEmpty
                    ? "\(data.dataset.url.path): items have no features, so they belong to no categories; import data that has them"
                    : "--category FEATURE is needed; items have: \(names.joined(separator: ", "))"
            )
        }
        return name
    }
}
