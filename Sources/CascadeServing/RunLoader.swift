// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeFunnel
public import CascadeRecommenders
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
    ///   - models: The models that a run may be of.
    /// - Throws: ``EngineError`` `.unservable` when the run cannot do that or the index is another model's;
    ///   `CheckpointError`, `DatasetError`, `IndexError` and `FileError` when something is missing, damaged or of other
    ///   data than the run was trained on.
    public static func load(
        _ role: SlotConfiguration.Kind,
        from url: URL,
        index: URL? = nil,
        data: URL? = nil,
        _ settings: EngineSettings = EngineSettings(),
        among models: ModelRegistry = .builtin
    ) async throws -> ServedModel {
        try await onOwnThread("load") {
            guard role != .index else { return try neighbors(url) }
            let device = try Device(named: settings.device)
            let directory = RunDirectory(url, models: models)
            let run = try directory.open(data: try directory.dataset(orElse: data), on: device, loading: .copied)
            let version = try directory.version(of: run.experiment)
            let facts = Facts(
                model: run.experiment.model.name,
                version: version,
                metrics: run.manifest.validation,
                reader: RequestReader(
                    dataset: run.data.dataset,
                    length: run.model.length,
                    readsMoment: run.model.readsMoment
                ),
                device: device
            )
            return try stages(of: run.task.served, as: role, facts, index, settings)
        }
    }

    /// What is known of a run beside its model.
    private struct Facts: Sendable {
        let model: String
        let version: String
        let metrics: [String: Double]
        let reader: RequestReader
        let device: Device
        var trainedUntil: Int64 { reader.dataset.manifest.lastTime }

        func wrongRole(_ role: SlotConfiguration.Kind, _ problem: String) -> EngineError {
            .wrongRole(model, role, problem)
        }
    }

    private static func stages(
        of form: sending ServedForm,
        as role: SlotConfiguration.Kind,
        _ facts: Facts,
        _ index: URL?,
        _ settings: EngineSettings
    ) throws -> ServedModel {
        switch (role, form) {
        case (.retriever, .vectors(let model)): return try vectors(model, facts, index, settings)
        case (.retriever, .catalog(let model)):
            guard index == nil else {
                throw facts.wrongRole(role, "it has no vectors, so no index can be its own; name none")
            }
            return catalog(model, facts, settings)
        case (.ranker, .candidates(let scoring)) where scoring.tokenizer == nil,
            (.searchRanker, .candidates(let scoring)) where scoring.tokenizer != nil:
            guard index == nil else { throw facts.wrongRole(role, "it finds nothing by an index; name none") }
            return try candidates(scoring, facts, settings, role)
        case (.retriever, .candidates): throw facts.wrongRole(role, "it scores candidates and finds none")
        case (.searchRanker, .candidates): throw facts.wrongRole(role, "it reads no query")
        case (_, .candidates): throw facts.wrongRole(role, "it reads a query")
        case (_, .vectors), (_, .catalog): throw facts.wrongRole(role, "it finds candidates and scores none")
        }
    }

    private static func neighbors(_ url: URL) throws -> ServedModel {
        let opened = try IndexDirectory(url)
        let version = "\(opened.description.origin.model)+\(opened.version)"
        let numbers = Dictionary(zip(opened.items, 0...).map { ($0, ItemIndex($1)) }) { first, _ in first }
        let similar = VectorNeighbors(
            version: version,
            index: opened.index,
            find: { numbers[$0] },
            name: { opened.items[$0.rawValue] }
        )
        return ServedModel(version: version, similar: similar)
    }

    private static func catalog(
        _ model: sending any CatalogScorer,
        _ facts: Facts,
        _ chosen: EngineSettings
    ) -> ServedModel {
        let (version, reader) = (facts.version, facts.reader)
        let sample = reader.fullHistory
        let engine = CatalogEngine(version, model, chosen.gathering(upTo: retrieverBatch), on: facts.device)
        return ServedModel(
            version: version,
            metrics: facts.metrics,
            trainedUntil: facts.trainedUntil,
            source: CatalogSource(version: version, reader: reader, engine: engine),
            warming: { try await engine.warmUp(with: CatalogQuery(history: sample, limit: 100, hidden: [])) },
            ending: { await engine.stop() }
        )
    }

    private static func vectors(
        _ retriever: sending any VectorRetriever,
        _ facts: Facts,
        _ index: URL?,
        _ chosen: EngineSettings
    ) throws -> ServedModel {
        let (version, reader, metrics) = (facts.version, facts.reader, facts.metrics)
        let (dataset, sample) = (reader.dataset, reader.fullHistory)
        let settings = chosen.gathering(upTo: retrieverBatch)
        let items = try withoutGradients {
            let vectors = try retriever.itemVectors()
            return try ItemVectors(vectors.floats(), dimension: vectors.shape[1])
        }
        let (found, suffix) = try index.map { try checked($0, items, dataset) } ?? (FlatIndex(items), "exact")
        let engine = VectorEngine(version, retriever, settings, on: facts.device)
        let users = UserVectorCache(engine)
        let full = "\(version)+\(suffix)"
        let source = VectorSource(version: full, reader: reader, users: users, index: found)
        return ServedModel(
            version: full,
            metrics: metrics,
            trainedUntil: facts.trainedUntil,
            source: source,
            scorer: VectorScorer(version: version, reader: reader, users: users, items: items),
            similar: VectorNeighbors(version: full, index: found, find: dataset.find, name: dataset.itemID),
            warming: {
                try await engine.warmUp(with: sample)
                _ = try found.search(items.rows([0]), limit: min(100, items.count))
            },
            forgetting: { users.forget() },
            ending: { await users.stop() }
        )
    }

    private static func candidates(
        _ scoring: sending CandidateScoring,
        _ facts: Facts,
        _ chosen: EngineSettings,
        _ role: SlotConfiguration.Kind
    ) throws -> ServedModel {
        var (version, reader) = (facts.version, facts.reader)
        reader.tokenizer = scoring.tokenizer
        if scoring.tokenizer != nil { reader.contexts = ContextReader(reader.dataset) }
        var settings = chosen.gathering(upTo: rankerBatch)
        if scoring.dependsOnBatch { settings.maxBatchSize = 1 }
        let engine: ScoringEngine
        var output = ModelScorer.Output.logOdds
        if settings.scorer == .model {
            engine = ScoringEngine(version, scoring, settings, on: facts.device)
        } else {
            guard let attention = scoring.attention else {
                throw facts.wrongRole(role, "query-aware rankers have no attention that scores by itself")
            }
            version += "-attention"
            output = .relevance
            engine = ScoringEngine(version, attention: try attention(), settings, on: facts.device)
        }
        let sample = LiveRequest(
            history: reader.fullHistory,
            candidates: reader.someItems(warmUpCandidates),
            time: reader.dataset.manifest.lastTime
        )
        return ServedModel(
            version: version,
            metrics: facts.metrics,
            trainedUntil: facts.trainedUntil,
            scorer: ModelScorer(version: version, reader: reader, engine: engine, output: output),
            warming: { try await engine.warmUp(with: sample) },
            ending: { await engine.stop() }
        )
    }
}
