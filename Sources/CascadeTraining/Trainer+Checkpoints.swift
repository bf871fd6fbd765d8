// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
import Foundation

extension Trainer {
    /// Keeps the present weights, or their moving average where there is one.
    func saveBest(_ step: TrainingStep<some Sendable>) throws {
        try withAverages(step) { try run.replace(run.weights, by: Checkpoint.writer(model), noting: &manifest) }
    }

    func withAverages<R>(_ step: TrainingStep<some Sendable>, _ body: () throws -> R) throws -> R {
        if let average = step.average { try average.withAverages(body) } else { try body() }
    }

    private func tensors(_ step: TrainingStep<some Sendable>) throws -> [Named<Tensor>] {
        let weights = try model.state().map { Named(name: "weight.\($0.name)", part: $0.part) }
        return weights + step.optimizer.state() + (step.average?.state() ?? [])
    }

    /// One file holds all that resuming needs, so that it is whole or the previous one.
    func checkpoint(_ reached: TrainingState, _ step: TrainingStep<some Sendable>) throws {
        state = reached
        state.averageUpdates = step.average?.updates ?? 0
        let encoded = try jsonText(state)
        var writer = SafetensorsWriter(metadata: ["state": encoded])
        for tensor in try tensors(step) { writer.add(tensor.name, tensor.part) }
        // Until a first evaluation there is nothing better to keep than the present weights.
        if !FileManager.default.fileExists(atPath: run.weights.path) { try saveBest(step) }
        try run.replace(run.optimizer, by: writer, noting: &manifest)
        record()
        try run.write(manifest)
    }

    func restore(_ step: TrainingStep<some Sendable>) throws {
        guard FileManager.default.fileExists(atPath: run.optimizer.path) else {
            // A run that was killed before its first checkpoint starts anew; one that made steps would lose its weights.
            guard manifest.step == 0 else {
                throw CheckpointError(
                    "\(run.optimizer.path): missing, and \(run.url.path) cannot be resumed without it: \(manifest.step) steps "
                        + "were made (a finished cell of `cascade compare` keeps weights alone); restore the file, or choose "
                        + "another --to"
                )
            }
            return try begin(step)
        }
        let file = try SafetensorsFile(run.optimizer)
        guard let text = file.metadata["state"],
            let restored = try? JSONDecoder().decode(TrainingState.self, from: Data(text.utf8))
        else {
            throw CheckpointError("\(run.optimizer.path): has no training state; it was not written by `cascade train`")
        }
        try Checkpoint.assign(file, to: tensors(step))
        state = restored
        step.optimizer.restore(step: state.step + (state.optimizerSteps ?? 0))
        step.average?.restore(updates: state.averageUpdates)
    }

    /// Begins with the weights of another run, when one is named.
    private func begin(_ step: TrainingStep<some Sendable>) throws {
        guard
            let start = try options.start
                ?? manifest.startedFrom.map({ try WarmStart(RunDirectory(URL(filePath: $0.run), models: run.models)) })
        else { return }
        var parent = start.lineage
        parent.rows = try start.begin(model, step.optimizer, experiment, on: data.dataset)
        try step.average?.reset()
        state.optimizerSteps = step.optimizer.step
        manifest.startedFrom = parent
        let counts = parent.rows.keys.sorted().compactMap { name -> String? in
            guard let rows = parent.rows[name], rows.known + rows.new > 0 else { return nil }
            return "\(name) \(rows.known) known, \(rows.new) new"
        }
        options.observe(.notice("begins with the weights of \(parent.run): \(counts.joined(separator: "; "))"))
    }

    /// Makes the directory, or checks that the run in it is the one to go on with; and sees to it that nobody else
    /// trains there.
    func prepareDirectory(_ url: URL) throws {
        if !run.exists {
            let contents = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
            guard contents.allSatisfy({ DurableFile.isTemporary($0) || $0 == run.lock.lastPathComponent }) else {
                throw CheckpointError("\(url.path): not empty, and not a run; choose another directory for --to")
            }
            do {
                try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            } catch {
                throw CheckpointError("\(url.path): cannot be created: \(error.localizedDescription)")
            }
        }
        lock = try FolderLock(run.lock, of: url, for: "trains here", waiting: options.waits)
        if run.exists {
            try takeUp()
        } else {
            try DurableFile.removeTemporaries(in: url)
            try run.write(manifest)
        }
    }

    private func takeUp() throws {
        let path = run.url.path
        let old = try run.manifest()
        guard old.distilledFrom == nil else {
            throw CheckpointError(
                "\(path): holds a distilled run, which training does not take up; choose another --to"
            )
        }
        guard options.resume else {
            throw CheckpointError(
                "\(path): holds a run already; pass --resume to go on with it, or choose another --to"
            )
        }
        guard old.data.hash == manifest.data.hash else {
            throw CheckpointError("\(path): the run was trained on other data (\(old.data.path), \(old.data.hash))")
        }
        guard old.seed == manifest.seed else {
            throw CheckpointError("\(path): the run has the seed \(old.seed), not \(manifest.seed)")
        }
        guard Self.comparable(old.experiment) == Self.comparable(experiment) else {
            throw CheckpointError(
                "\(path): the run belongs to another experiment or other settings; see its manifest.json"
            )
        }
        manifest.checksums = try run.check(run.weights, run.optimizer).checksums
        (manifest.step, manifest.sized, manifest.startedFrom) = (old.step, old.sized, old.startedFrom)
        if let start = options.start, let parent = old.startedFrom?.run, parent != start.lineage.run {
            throw CheckpointError(
                "\(path): the run began with the weights of \(parent); leave --from out to go on with it"
            )
        }
        try DurableFile.removeTemporaries(in: run.url)
    }

    /// The experiment without what may change between resumptions: how long to go on.
    private static func comparable(_ experiment: Experiment) -> Experiment {
        var copy = experiment
        let usual = TrainingSettings()
        copy.training.epochs = usual.epochs
        copy.training.patience = usual.patience
        copy.training.checkpointSeconds = usual.checkpointSeconds
        copy.training.logEverySteps = usual.logEverySteps
        return copy
    }
}
