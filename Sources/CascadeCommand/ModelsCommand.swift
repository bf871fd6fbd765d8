// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeRecommenders
import Foundation

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "Lists every model with its paper, or one model's settings with their defaults."
    )

    @Argument(help: "A model's name.") var name: String?

    func run() throws {
        guard let name else {
            let width = ModelRegistry.builtin.entries.map(\.card.name.count).max() ?? 0
            for entry in ModelRegistry.builtin.entries {
                let padded = entry.card.name.padding(toLength: width + 2, withPad: " ", startingAt: 0)
                Terminal.out(
                    "\(padded)\(entry.card.summary)\n\(String(repeating: " ", count: width + 2))\(entry.card.paper)"
                )
            }
            return
        }
        let entry = try ModelRegistry.builtin.entry(name)
        Terminal.out(
            "# \(entry.card.name): \(entry.card.summary)\n# \(entry.card.paper)\nmodel:\n  name: \(entry.card.name)"
        )
        Terminal.out(lines(try entry.specification().settings, indent: "  ").joined(separator: "\n"))
    }

    private func lines(_ value: JSONValue, indent: String) -> [String] {
        guard case .object(let fields) = value else { return [] }
        return fields.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
            switch value {
            case .object: ["\(indent)\(key):"] + lines(value, indent: indent + "  ")
            case .bool(let value): ["\(indent)\(key): \(value)"]
            case .integer(let value): ["\(indent)\(key): \(value)"]
            case .number(let value): ["\(indent)\(key): \(value)"]
            case .string(let value): ["\(indent)\(key): \(value)"]
            case .null, .array: []
            }
        }
    }
}
