// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeRecommenders
public import CascadeTensorFiles
public import CascadeTorch
public import Foundation

/// A directory that holds one run: `weights.safetensors`, `optimizer.safetensors`, `manifest.json`, `progress.jsonl`
/// and TensorBoard event files.
///
/// Every file is replaced atomically.
public struct RunDirectory: Sendable {
    /// Where it is.
    public let url: URL
    /// The models that its experiment may be about.
    public let models: ModelRegistry

    /// Names a directory, which need not exist.
    public init(_ url: URL, models: ModelRegistry = .builtin) {
        self.url = url
        self.models = models
    }

    /// The kept weights.
    public var weights: URL { url.appending(path: "weights.safetensors") }
    /// The present weights and the optimizer's state: what resuming needs.
    public var optimizer: URL { url.appending(path: "optimizer.safetensors") }
    /// One JSON object a line.
    public var progress: URL { url.appending(path: "progress.jsonl") }
    /// Held by the one process that trains here; there at other times only when it was killed.
    public var lock: URL { url.appending(path: ".lock") }
    private var manifestFile: URL { url.appending(path: "manifest.json") }

    /// Whether there is a run.
    public var exists: Bool { FileManager.default.fileExists(atPath: manifestFile.path) }

    /// Every run in a folder or below it, by path; what lies inside a run is not looked at.
    public static func all(below folder: URL, models: ModelRegistry = .builtin) -> [RunDirectory] {
        let run = RunDirectory(folder, models: models)
        if FileManager.default.fileExists(atPath: folder.appending(path: "progress.jsonl").path) && run.exists {
            return [run]
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().map { folder.appending(path: $0) }.filter { url in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
        }.flatMap { all(below: $0, models: models) }
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
            return try JSONDecoder(models: models).decode(
                RunManifest.self,
                from: Foundation.Data(contentsOf: manifestFile)
            )
        } catch let error as ConfigurationError {
            throw CheckpointError("\(manifestFile.path): \(error.description)")
        } catch {
            throw CheckpointError(
                "\(manifestFile.path): not a run's manifest, or damaged; train again or restore the file"
            )
        }
    }

    /// Replaces the manifest.
    public func write(_ manifest: RunManifest) throws {
        try DurableFile.write(try JSONEncoder.readable.encode(manifest), to: manifestFile)
    }

    /// The trained model and its data, ready to answer.
    ///
    /// - Parameters:
    ///   - data: The data set; nil looks where the run found it.
    ///   - overrides: Model settings to replace, for those that do not change the weights (a sampler).
    ///   - device: Where the model goes.
    ///   - loading: Whether the data set is mapped, or copied for a process that must outlive changes of its files.
    public func open(
        data: URL? = nil,
        overriding overrides: (ModelSpec) throws -> ModelSpec = { $0 },
        on device: Device = .cpu,
        loading: FileLoading = .mapped
    ) throws -> TrainedRun {
        let manifest = try check(weights)
        guard data != nil || FileManager.default.fileExists(atPath: manifest.data.path) else {
            throw CheckpointError(
                "\(manifest.data.path): the data set of the run \(url.path) is gone; pass its present place with --data"
            )
        }
        let dataset = try Dataset(at: data ?? URL(filePath: manifest.data.path), loading: loading)
        guard dataset.manifest.contentHash == manifest.data.hash else {
            throw CheckpointError(
                """
                \(dataset.url.path): holds other data (\(dataset.manifest.contentHash)) than the run \(url.path) was \
                trained on (\(manifest.data.hash)); pass the original data set with --data
                """
            )
        }
        var experiment = manifest.experiment
        experiment.model = try overrides(experiment.model)
        let generator = try Generator(seed: 0, on: device)
        let model = try experiment.makeModel(for: dataset, using: generator)
        guard FileManager.default.fileExists(atPath: weights.path) else {
            throw CheckpointError("\(weights.path): missing; the run has not made a checkpoint yet")
        }
        try Checkpoint.load(weights, into: model)
        let task = try experiment.task(of: model, on: experiment.divided(dataset), device: device)
        return TrainedRun(manifest: manifest, experiment: experiment, task: task)
    }
}
