// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeFunnel
import CascadeRecommenders
import CascadeRetrieval
import CascadeRuns
import CascadeTensorFiles
import CascadeTorch
public import Foundation

/// Makes the stages of a funnel out of a run directory, an index directory, or both.
public enum RunLoader {
    /// How many requests one pass of a ranker has where nothing else is set: each has hundreds of candidates.
    static let rankerBatch = 8
    /// How many requests one pass of a retriever has where nothing else is set.
    static let retrieverBatch = 64
    /// Candidates of the requests that a ranker is warmed up with.
    static let warmUpCandidates = 300

    /// Reads a run or an index, checks that its parts belong together, and starts its engine.
    ///
    /// Everything is read into memory: what happens to the files afterwards does not reach what serves.
    ///
    /// - Parameters:
    ///   - role: What it is to do.
    ///   - url: The run directory, or the index directory for `.index`.
    ///   - index: An index of the run's item vectors; nil compares every item.
    ///   - data: The data set that the run was trained on; nil looks where the run found it. A run that was trained on
    ///     another data set than this brings its own, when that lies where the run found it.
    ///   - settings: How it is served.
    /// - Throws: ``EngineError`` `.unservable` when the run cannot do that or the index is another model's;
    ///   `CheckpointError`, `DatasetError`, `IndexError` and `FileError` when something is missing, damaged or of other
    ///   data than the run was trained on.
    public static func load(
        _ role: SlotConfiguration.Kind,
        from url: URL,
        index: URL? = nil,
        data: URL? = nil,
        _ settings: EngineSettings = EngineSettings()
    ) async throws -> ServedModel {
        try await onOwnThread("load") {
            guard role != .index else { return try neighbours(url) }
            let device = try Device(named: settings.device)
            let directory = RunDirectory(url)
            let run = try directory.open(data: try directory.dataset(orElse: data), on: device, loading: .copied)
            let version = try directory.version(of: run.experiment)
            return switch role {
            case .retriever: try retriever(run, version, index, settings)
            default: try ranker(run, version, index, role, settings)
            }
        }
    }

    private static func neighbours(_ url: URL) throws -> ServedModel {
        let opened = try IndexDirectory(url)
        let version = "\(opened.description.origin.model)+\(try opened.version)"
        let numbers = Dictionary(zip(opened.items, 0...).map { ($0, ItemIndex($1)) }) { first, _ in first }
        let similar = VectorNeighbours(
            version: version,
            index: opened.index,
            find: { numbers[$0] },
            name: { opened.items[$0.rawValue] }
        )
        return ServedModel(version: version, similar: similar)
    }

    private static func retriever(
        _ run: sending TrainedRun,
        _ version: String,
        _ index: URL?,
        _ chosen: EngineSettings
    ) throws -> ServedModel {
        let (model, device, dataset) = (run.model, run.device, run.data.dataset)
        let (name, metrics) = (run.experiment.model, run.manifest.validation)
        let reader = RequestReader(dataset: dataset, length: model.length)
        let settings = chosen.gathering(upTo: retrieverBatch)
        let sample = reader.fullHistory
        guard let retriever = model as? any VectorRetriever else {
            guard !(model is any CTRRanker), !(model is any QueryRanker) else {
                throw EngineError.wrongRole(name, .retriever, "it judges candidates and finds none")
            }
            guard index == nil else {
                throw EngineError.wrongRole(
                    name,
                    .retriever,
                    "it has no vectors, so no index can be its own; name none"
                )
            }
            let engine = CatalogueEngine(version, model, settings, on: device)
            return ServedModel(
                version: version,
                metrics: metrics,
                source: CatalogueSource(version: version, reader: reader, engine: engine),
                warming: { try await engine.warmUp(with: CatalogueWish(history: sample, limit: 100, hidden: [])) },
                ending: { await engine.stop() }
            )
        }
        let items = try withoutGradients {
            let vectors = try retriever.itemVectors()
            return try ItemVectors(vectors.floats(), dimension: vectors.shape[1])
        }
        let (found, suffix) = try index.map { try checked($0, items, dataset) } ?? (ExactIndex(items), "exact")
        let engine = VectorEngine(version, retriever, settings, on: device)
        let users = UserVectors(engine)
        let full = "\(version)+\(suffix)"
        let source = VectorSource(version: full, reader: reader, users: users, index: found)
        return ServedModel(
            version: full,
            metrics: metrics,
            source: source,
            scorer: VectorScorer(version: version, reader: reader, users: users, items: items),
            similar: VectorNeighbours(version: full, index: found, find: dataset.find, name: dataset.itemID),
            warming: {
                try await engine.warmUp(with: sample)
                _ = try found.search(items.rows([0]), limit: min(100, items.count))
            },
            forgetting: { users.forget() },
            ending: { await users.stop() }
        )
    }

    private static func ranker(
        _ run: sending TrainedRun,
        _ version: String,
        _ index: URL?,
        _ role: SlotConfiguration.Kind,
        _ chosen: EngineSettings
    ) throws -> ServedModel {
        let (model, device, name) = (run.model, run.device, run.experiment.model)
        let metrics = run.manifest.validation
        var reader = RequestReader(dataset: run.data.dataset, length: model.length)
        var settings = chosen.gathering(upTo: rankerBatch)
        // Judges by the statistics of whoever is in the pass, so that nobody else may be.
        if run.experiment.configuration["head"]["paperCompatible"] == .bool(true) { settings.batch = 1 }
        guard index == nil else { throw EngineError.wrongRole(name, role, "it finds nothing by an index; name none") }
        let engine: JudgingEngine
        var output = ModelScorer.Output.logOdds
        var version = version
        switch (role, model) {
        case (.searchRanker, let searcher as any QueryRanker) where settings.judge == .model:
            reader.tokenizer = searcher.tokenizer
            engine = JudgingEngine(version, searcher, settings, on: device)
        case (.ranker, let ranker as any CTRRanker) where settings.judge == .model:
            engine = JudgingEngine(version, ranker, settings, on: device)
        case (.ranker, let ranker as any CTRRanker):
            version += "-attention"
            output = .relevance
            engine = JudgingEngine(version, attention: try AttentionScorer(ranker), settings, on: device)
        case (.searchRanker, is any QueryRanker):
            throw EngineError.wrongRole(name, role, "search models have no attention that judges by itself")
        case (.searchRanker, is any CTRRanker): throw EngineError.wrongRole(name, role, "it reads no query")
        case (.ranker, is any QueryRanker): throw EngineError.wrongRole(name, role, "it reads a query")
        default: throw EngineError.wrongRole(name, role, "it finds candidates and judges none")
        }
        let sample = LiveRequest(
            history: reader.fullHistory,
            candidates: reader.someItems(warmUpCandidates),
            time: reader.dataset.manifest.lastTime
        )
        return ServedModel(
            version: version,
            metrics: metrics,
            scorer: ModelScorer(version: version, reader: reader, engine: engine, output: output),
            warming: { try await engine.warmUp(with: sample) },
            ending: { await engine.stop() }
        )
    }
}
