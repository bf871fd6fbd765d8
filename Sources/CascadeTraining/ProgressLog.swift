// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import CascadeTensorBoard
import CascadeTensorFiles
import Foundation

/// `progress.jsonl` and the TensorBoard event file of a run.
final class ProgressLog {
    private let file: AppendedFile
    private let board: TensorBoardWriter

    /// Opens the log, forgetting lines beyond the step that a resumed run starts from, and notes the settings.
    init(_ run: RunDirectory, of manifest: RunManifest, after step: Int) throws {
        let lines = (try? String(contentsOf: run.progress, encoding: .utf8))?.split(separator: "\n") ?? []
        let kept = lines.filter { line in
            guard let entry = try? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8)) else { return false }
            if case .integer(let number) = entry["step"] { return number <= step }
            return false
        }
        try DurableFile.write(kept.map { $0 + "\n" }.joined(), to: run.progress)
        file = try AppendedFile(run.progress)
        board = try TensorBoardWriter(directory: run.url, wallTime: Date().timeIntervalSince1970, suffix: "cascade")
        let experiment = manifest.experiment
        var settings = try experiment.leaves()
        settings["model"] = .string(experiment.model.name)
        settings["experiment"] = .string(experiment.name)
        settings["data"] = .string(manifest.data.name)
        settings["seed"] = .number(Double(manifest.seed))
        try board.beginSession(settings, wallTime: Date().timeIntervalSince1970)
    }

    /// Notes the metrics of the weights that are kept, as `best/NAME`.
    func end(_ manifest: RunManifest) throws {
        let now = Date().timeIntervalSince1970
        for (name, value) in manifest.validation.sorted(by: { $0.key < $1.key }) {
            try board.scalar("best/\(name)", value, step: manifest.bestStep, wallTime: now)
        }
        try board.endSession(wallTime: now)
    }

    /// Adds a line of text that is a warning.
    func warn(_ text: String, step: Int, epoch: Int) throws {
        try append([
            "kind": .string("warning"), "step": .integer(step), "epoch": .integer(epoch), "text": .string(text),
        ])
    }

    private func append(_ entry: [String: JSONValue]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try file.append([UInt8](encoder.encode(JSONValue.object(entry))) + [UInt8(ascii: "\n")])
    }

    /// Adds the metrics of an evaluation, by name.
    func writeValidation(_ metrics: [String: Double], step: Int, epoch: Int) throws {
        try write("validation", step: step, epoch: epoch, metrics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// Adds a line of numbers, each also a TensorBoard scalar under `section/name`.
    func write(_ section: String, step: Int, epoch: Int, _ values: [(name: String, value: Double)]) throws {
        var entry: [String: JSONValue] = [
            "kind": .string(section), "step": .integer(step), "epoch": .integer(epoch),
        ]
        for (name, value) in values { entry[name] = .number(value) }
        try append(entry)
        for (name, value) in values {
            try board.scalar("\(section)/\(name)", value, step: step, wallTime: Date().timeIntervalSince1970)
        }
    }
}
