// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeRecommenders
import CascadeTraining
import Foundation
import Yams

/// Reads configuration as people write it.
enum ConfigurationFile {
    /// The tree in a YAML (or JSON) file.
    static func read(_ url: URL) throws -> JSONValue {
        guard let text = try? String(contentsOf: url, encoding: .utf8) else {
            throw ConfigurationError("\(url.path): cannot be read; check the path and that it is a text file")
        }
        do {
            return try parse(text)
        } catch let error as YamlError {
            throw ConfigurationError("\(url.path): not valid YAML: \(error)")
        }
    }

    /// The value that a piece of YAML stands for.
    static func parse(_ text: String) throws -> JSONValue {
        guard let node = try Yams.compose(yaml: text) else { return .object([:]) }
        return value(of: node)
    }

    private static func value(of node: Node) -> JSONValue {
        switch node {
        case .mapping(let mapping):
            return .object(
                Dictionary(mapping.map { ($0.key.string ?? "", value(of: $0.value)) }, uniquingKeysWith: { $1 })
            )
        case .sequence(let sequence): return .array(sequence.map(value))
        case .alias: return .null
        case .scalar(let scalar):
            guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
            return JSONValue(plain: scalar.string)
        }
    }

    /// The tree that `key=value` settings with dotted keys make, whatever the keys.
    static func tree(_ settings: [String]) throws -> JSONValue {
        try settings.reduce(.object([:])) { tree, setting in
            let (key, value) = try parse(setting: setting)
            return tree.placing(value, at: key.split(separator: ".").map(String.init)[...])
        }
    }

    /// Applies `key=value` settings in order.
    static func apply(_ settings: [String], to tree: JSONValue, model: String?) throws -> JSONValue {
        var renamed: [Renaming] = []
        let result = try settings.reduce(tree) { tree, setting in
            let (key, value) = try parse(setting: setting)
            let name = tree["model"]["name"].text ?? model
            let path = try Experiment.path(key, model: name).joined(separator: ".")
            // A short key stands for the whole path; only another name is worth a word.
            if path != key && !path.hasSuffix(".\(key)") { renamed.append(Renaming(key, path)) }
            return try tree.setting(key, to: value, model: model)
        }
        Terminal.notice(renamed, in: "--set")
        return result
    }

    private static func parse(setting: String) throws -> (key: String, value: JSONValue) {
        guard let equals = setting.firstIndex(of: "=") else {
            throw ConfigurationError("--set \(setting): expected key=value, for example --set model.embedding_size=128")
        }
        do {
            return (String(setting[..<equals]), try parse(String(setting[setting.index(after: equals)...])))
        } catch is YamlError {
            throw ConfigurationError("--set \(setting): what follows '=' is not valid YAML; put text in quotes")
        }
    }
}

/// The commit that this program was built from, when it still lies in its repository.
enum Build {
    /// By semantic versioning.
    static let version = "0.2.0"

    static func commit() -> String {
        if let given = ProcessInfo.processInfo.environment["CASCADE_COMMIT"] { return given }
        guard let program = Bundle.main.executableURL else { return "unknown" }
        let folder = program.deletingLastPathComponent().path
        guard let head = output(of: "git", "-C", folder, "rev-parse", "HEAD") else { return "unknown" }
        let changes = output(of: "git", "-C", folder, "status", "--porcelain", "--untracked-files=no") ?? ""
        return changes.isEmpty ? head : head + "-dirty"
    }

    /// What a command prints, without space around it; nil when there is no such command, or it fails.
    static func output(of command: String...) -> String? {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return process.terminationStatus == 0
            ? String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }
}
