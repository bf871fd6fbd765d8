// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Lists every model with its paper, or one model's settings with meanings, defaults and bounds.",
        discussion: """
            What is printed of a model is YAML: a file to begin with. `training`, `candidates` and `distillation` print the \
            settings that all models share.
            """
    )

    @Argument(help: "A model's name, or training, candidates or distillation.") var name: String?
    @Flag(help: "Print JSON.") var json = false

    /// Settings that belong to no model.
    private static let shared: [String: @Sendable () throws -> [SettingDescription]] = [
        "training": { try TrainingSettings.descriptions() }, "candidates": { try CandidateSettings.descriptions() },
        "distillation": { try DistillationSettings.descriptions() },
    ]

    func run() throws {
        guard let name else { return try list() }
        if let settings = try Self.shared[name]?() {
            if json { return try print(settings) }
            Terminal.out(([("\(name):")] + SettingLines(settings, indent: "  ").lines).joined(separator: "\n"))
            return
        }
        let entry = try ModelRegistry.builtin.entry(name)
        let settings = try entry.descriptions()
        if json { return try print(settings) }
        Terminal.out(
            "# \(entry.card.name): \(entry.card.summary)\n# \(entry.card.paper)\nmodel:\n  name: \(entry.card.name)"
        )
        let lines = SettingLines(settings, indent: "  ").lines
        if !lines.isEmpty { Terminal.out(lines.joined(separator: "\n")) }
    }

    private func list() throws {
        if json {
            let cards = ModelRegistry.builtin.entries.map { entry in
                JSONValue.object([
                    "name": .string(entry.card.name), "summary": .string(entry.card.summary),
                    "paper": .string(entry.card.paper),
                ])
            }
            return try write(.array(cards))
        }
        let width = ModelRegistry.builtin.entries.map(\.card.name.count).max() ?? 0
        for entry in ModelRegistry.builtin.entries {
            let padded = entry.card.name.padding(toLength: width + 2, withPad: " ", startingAt: 0)
            Terminal.out(
                "\(padded)\(entry.card.summary)\n\(String(repeating: " ", count: width + 2))\(entry.card.paper)"
            )
        }
    }

    private func print(_ settings: [SettingDescription]) throws {
        try write(
            .array(
                settings.map { setting in
                    .object([
                        "key": .string(setting.key), "type": .string(setting.type), "default": setting.standard,
                        "bounds": .array(setting.bounds.map(JSONValue.string)),
                        "choices": .array(setting.choices.map(JSONValue.string)),
                        "meaning": .string(setting.meaning),
                        "former_keys": .array(setting.formerKeys.map(JSONValue.string)),
                    ])
                }
            )
        )
    }

    private func write(_ value: JSONValue) throws {
        Terminal.out(try jsonText(value))
    }
}

/// Settings as YAML, each below what it means and what it may be.
struct SettingLines {
    private(set) var lines: [String] = []

    init(_ settings: [SettingDescription], indent: String) {
        var groups: [String] = []
        for setting in settings {
            let path = setting.key.split(separator: ".").map(String.init)
            for (depth, group) in path.dropLast().enumerated() where groups.count <= depth || groups[depth] != group {
                groups = Array(groups.prefix(depth)) + [group]
                lines.append("\(indent)\(String(repeating: "  ", count: depth))\(group):")
            }
            groups = Array(path.dropLast())
            let space = indent + String(repeating: "  ", count: groups.count)
            let range = ([setting.type] + setting.bounds).joined(separator: ", ")
            let kind = setting.choices.isEmpty ? range : setting.choices.joined(separator: ", ")
            let meaning = setting.meaning.isEmpty ? "" : "\(setting.meaning) "
            lines += wrapped("\(meaning)[\(kind)]", before: "\(space)# ")
            lines.append("\(space)\(path[path.count - 1]): \(text(setting.standard))")
        }
    }

    private func wrapped(_ text: String, before prefix: String) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty && prefix.count + line.count + 1 + word.count > 100 {
                lines.append(prefix + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + (line.isEmpty ? [] : [prefix + line])
    }

    private func text(_ value: JSONValue) -> String {
        switch value {
        case .null, .object: ""
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): value.isEmpty ? "''" : value
        case .array(let values): "[\(values.map { self.text($0) }.joined(separator: ", "))]"
        }
    }
}
