// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Datasets
public import Evaluation
public import Foundation
public import Recommenders
import TensorFiles
public import Torch

/// What a run directory says about itself.
public struct RunManifest: Codable, Sendable {
    /// Where the run stands.
    public enum Status: String, Codable, Sendable {
        case running, interrupted, finished
    }

    /// The data that it was trained on.
    public struct Data: Codable, Sendable, Equatable {
        /// The data set's name.
        public var name: String
        /// Where it was.
        public var path: String
        /// Fingerprint of its contents.
        public var hash: String
        /// U, N and the number of events.
        public var users, items, events: Int

        /// Describes a data set.
        public init(_ dataset: Dataset) {
            (name, path, hash) = (dataset.manifest.name, dataset.url.path, dataset.manifest.contentHash)
            (users, items, events) = (dataset.userCount, dataset.itemCount, dataset.eventCount)
        }
    }

    /// Where a distilled model comes from.
    public struct Origin: Codable, Sendable {
        /// The teacher's run directory.
        public var run: String
        /// Its commit and seed.
        public var commit: String, seed: UInt64
        /// The step whose weights were its best.
        public var bestStep: Int
        /// The student's denoising steps.
        public var steps: Int
        /// How it was distilled.
        public var settings: JSONValue
        /// Validation metrics of the teacher with its own sampler, and with the student's before any distillation.
        public var teacher: [String: Double], undistilled: [String: Double]
    }

    /// Version of this layout.
    public var formatVersion = 1
    /// Everything that decides the result.
    public var experiment: Experiment
    /// The data.
    public var data: Data
    /// The seed.
    public var seed: UInt64
    /// Cascade's commit, when known.
    public var commit: String
    /// libtorch, device, threads, operating system.
    public var machine: [String: String]
    /// Where the run stands.
    public var status: Status
    /// Why it ended.
    public var reason = ""
    /// Steps and whole epochs done.
    public var step = 0, epoch = 0
    /// The step whose weights are kept.
    public var bestStep = 0
    /// Validation metrics of the kept weights.
    public var validation: [String: Double] = [:]
    /// Trained parameters.
    public var parameters = 0
    /// The teacher, for a run that `cascade distill` made.
    public var distilledFrom: Origin?
    /// Seconds spent training, all resumptions together, evaluations included.
    public var seconds = 0.0
}

/// A directory that holds one run: `weights.safetensors`, `optimizer.safetensors`, `manifest.json`, `progress.jsonl`
/// and TensorBoard event files.
///
/// Every file is replaced atomically.
public struct RunDirectory: Sendable {
    /// Where it is.
    public let url: URL

    /// Names a directory, which need not exist.
    public init(_ url: URL) { self.url = url }

    /// The kept weights.
    public var weights: URL { url.appending(path: "weights.safetensors") }
    /// The present weights and the optimiser's state: what resuming needs.
    public var optimizer: URL { url.appending(path: "optimizer.safetensors") }
    /// One JSON object a line.
    public var progress: URL { url.appending(path: "progress.jsonl") }
    private var manifestFile: URL { url.appending(path: "manifest.json") }

    /// Whether there is a run.
    public var exists: Bool { FileManager.default.fileExists(atPath: manifestFile.path) }

    /// Every run in a folder or below it, by path; what lies inside a run is not looked at.
    public static func all(below folder: URL) -> [RunDirectory] {
        let run = RunDirectory(folder)
        if FileManager.default.fileExists(atPath: folder.appending(path: "progress.jsonl").path) && run.exists {
            return [run]
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().map { folder.appending(path: $0) }.filter { url in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
        }.flatMap(all(below:))
    }

    /// Reads the manifest.
    ///
    /// - Throws: ``CheckpointError`` when there is none, or it is damaged.
    public func manifest() throws -> RunManifest {
        guard exists else {
            throw CheckpointError(
                "\(url.path): no run here (manifest.json is missing); `cascade train ... --to DIR` makes one"
            )
        }
        do {
            return try JSONDecoder().decode(RunManifest.self, from: Foundation.Data(contentsOf: manifestFile))
        } catch {
            throw CheckpointError(
                "\(manifestFile.path): not a run's manifest, or damaged; train again or restore the file"
            )
        }
    }

    /// Replaces the manifest.
    public func write(_ manifest: RunManifest) throws {
        try DurableFile.write(try JSONEncoder.stable.encode(manifest), to: manifestFile)
    }

    /// The trained model and its data, ready to answer.
    ///
    /// - Parameters:
    ///   - data: The data set; nil looks where the run found it.
    ///   - overrides: Model settings to replace, for those that do not change the weights (a sampler).
    ///   - device: Where the model goes.
    public func open(
        data: URL? = nil,
        overriding overrides: (JSONValue) throws -> JSONValue = { $0 },
        on device: Device = .cpu
    ) throws -> TrainedRun {
        let manifest = try manifest()
        guard data != nil || FileManager.default.fileExists(atPath: manifest.data.path) else {
            throw CheckpointError(
                "\(manifest.data.path): the data set of the run \(url.path) is gone; pass its present place with --data"
            )
        }
        let dataset = try Dataset(at: data ?? URL(filePath: manifest.data.path))
        guard dataset.manifest.contentHash == manifest.data.hash else {
            throw CheckpointError(
                """
                \(dataset.url.path): holds other data (\(dataset.manifest.contentHash)) than the run \(url.path) was \
                trained on (\(manifest.data.hash)); pass the original data set with --data
                """
            )
        }
        var experiment = manifest.experiment
        experiment.configuration = try Catalog.entry(experiment.model).resolve(overrides(experiment.configuration))
        let generator = try Generator(seed: 0, on: device)
        let model = try experiment.makeModel(for: dataset, using: generator)
        guard FileManager.default.fileExists(atPath: weights.path) else {
            throw CheckpointError("\(weights.path): missing; the run has not made a checkpoint yet")
        }
        try Checkpoint.load(weights, into: model)
        return TrainedRun(
            manifest: manifest,
            experiment: experiment,
            model: model,
            data: try experiment.divided(dataset),
            device: device
        )
    }
}

/// A trained model with the data that it was trained on.
public struct TrainedRun {
    /// What the run says about itself.
    public let manifest: RunManifest
    /// Its experiment, with what was overridden for inference.
    public let experiment: Experiment
    /// The model.
    public let model: any Retriever
    /// The divided data.
    public let data: SplitDataset
    /// Where the model is.
    public let device: Device

    /// Judges candidates as the experiment says, for a ranker.
    public func rankingEvaluator() throws -> RankingEvaluator {
        RankingEvaluator(
            data,
            experiment.candidates ?? CandidateSettings(),
            categories: try experiment.categories(in: data.dataset),
            on: device
        )
    }

    /// Ranks the catalogue as the experiment says, or with another policy for seen items.
    public func evaluator(seen: SeenPolicy? = nil) -> Evaluator {
        Evaluator(data, seen: seen ?? experiment.seen, on: device)
    }

    /// Diverse lists by the values of an item feature.
    ///
    /// - Throws: ``DatasetError`` when items have no such feature.
    public func diversity(weight: Double, category: String) throws -> Diversity {
        Diversity(weight: weight, categories: ItemCategories(try data.dataset.itemCategories(category)))
    }

    /// What the model recommends to a user after all of that user's events, best first.
    ///
    /// - Parameters:
    ///   - user: Somebody of the data set.
    ///   - count: Length of the list.
    ///   - diversity: Makes a diverse list of the best items, twice as many as are wanted and at least
    ///     ``Diversity/candidateCount``; nil recommends the best as they are.
    /// - Throws: ``DatasetError`` when the user is unknown.
    public func recommend(to user: UserID, count: Int, diversity: Diversity? = nil) throws -> [(
        item: ItemIndex, score: Double
    )] {
        let events = data.dataset.events(of: try data.dataset.userIndex(user))
        let example = EvaluationCase(
            user: try data.dataset.userIndex(user),
            history: events,
            target: events.upperBound - 1
        )
        guard let diversity else { return try evaluator().recommend(model, for: example, count: count) }
        let depth = max(Diversity.candidateCount, 2 * count)
        let candidates = try evaluator().recommend(model, for: example, count: depth)
        return diversity.list(of: candidates.map { ($0.item.rawValue, $0.score) }, count: count)
            .map { (ItemIndex(rawValue: $0.item), $0.score) }
    }
}

extension JSONEncoder {
    /// Sorted keys and indentation, so that two files of equal content are equal.
    public static var stable: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return encoder
    }
}
