// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation

/// A setting that has another spelling now.
public struct Renaming: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// As it was found, for example `training.learningRate.peak`.
    public let old: String
    /// As it is spelled now, for example `training.learning_rate`.
    public let new: String

    /// Says what became what.
    public init(_ old: String, _ new: String) {
        self.old = old
        self.new = new
    }

    /// Both, for a notice.
    public var description: String { "\(old) is \(new)" }
}

/// What a setting is, for documentation.
public struct SettingDescription: Sendable, Equatable {
    /// The dotted key in files, for example `sampler.steps`.
    public let key: String
    /// Its type in words: `whole number`, `number`, `true or false`, `text`, `list` or `choice`.
    public let type: String
    /// The default.
    public let standard: JSONValue
    /// What it may be; empty for any value of its type.
    public let bounds: [String]
    /// The values of a choice.
    public let choices: [String]
    /// One sentence; empty where nobody wrote any.
    public let meaning: String
    /// Keys that it had before.
    public let formerKeys: [String]
}

/// How settings lie in files, and how `Codable` has them: found by reflection of an instance.
struct SettingsLayout {
    /// One key of a group.
    struct Field {
        let key: String
        /// The property, dotted where its group is inlined.
        let property: String
        /// Where `Codable` has it, below the group's value.
        let coded: [String]
        let value: Any
        let standard: JSONValue
        /// The settings within; nil for a value.
        let group: SettingsLayout?
        /// The settings that declare the property, and its name there.
        let owner: (settings: any Settings, property: String)?
    }

    let fields: [Field]
    /// By former key, dotted where it was in a group: the field and its former values.
    private let former: [String: (field: String, values: [String: String])]
    private let values: [String: [String: String]]

    init(_ settings: some Settings) throws { try self.init(settings, JSONValue(coding: settings)) }

    private init(_ value: Any, _ coded: JSONValue) throws {
        var fields: [Field] = []
        let settings = value as? any Settings
        var former: [String: (String, [String: String])] = [:]
        var values: [String: [String: String]] = [:]
        for child in Mirror(reflecting: value).children {
            guard let label = child.label, case .object(let tree) = coded else { continue }
            let name = tree[label] == nil ? label.snakeCased : label
            guard let standard = tree[name] else { continue }
            var group: SettingsLayout?
            if case .object = standard, Mirror(reflecting: child.value).displayStyle == .struct {
                group = try SettingsLayout(child.value, standard)
            }
            if child.value is any InlinedSettings, let group {
                fields += group.fields.map {
                    Field(
                        key: $0.key,
                        property: "\(label).\($0.property)",
                        coded: [name] + $0.coded,
                        value: $0.value,
                        standard: $0.standard,
                        group: $0.group,
                        owner: $0.owner
                    )
                }
                former.merge(group.former.mapValues { ($0.field, $0.values) }) { $1 }
                values.merge(group.values) { $1 }
                continue
            }
            fields.append(
                Field(
                    key: label.snakeCased,
                    property: label,
                    coded: [name],
                    value: child.value,
                    standard: standard,
                    group: group,
                    owner: settings.map { ($0, label) }
                )
            )
        }
        if let settings {
            let kind = type(of: settings)
            for (old, property) in kind.formerNames {
                guard let field = fields.first(where: { $0.property == property }) else {
                    throw ConfigurationError("\(kind): formerNames: there is no property '\(property)' for '\(old)'")
                }
                former[old.snakeCased] = (field.key, kind.formerValues[old] ?? [:])
            }
            for (property, changed) in kind.formerValues where kind.formerNames[property] == nil {
                values[property.snakeCased] = changed
            }
        }
        self.fields = fields
        self.former = former.mapValues { (field: $0.0, values: $0.1) }
        self.values = values
    }

    private func field(_ key: String) -> Field? { fields.first { $0.key == key } }

    // MARK: - Spelling

    /// Overrides under their present keys; unknown ones stay as they are.
    func respelled(_ overrides: JSONValue, path: String) throws -> (tree: JSONValue, renamed: [Renaming]) {
        guard case .object(let found) = overrides else { return (overrides, []) }
        var result: [String: JSONValue] = [:]
        var sources: [String: String] = [:]
        var renamed: [Renaming] = []
        func full(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
        func put(_ value: JSONValue, at field: Field, from old: String, _ changes: [String: String]) throws {
            if let other = sources[field.key] {
                throw ConfigurationError(
                    "\(full(old)): '\(full(other))' is the same setting; keep one of them, \(full(field.key))"
                )
            }
            sources[field.key] = old
            var value = value
            var spelled = (old: full(old), new: full(field.key))
            if let text = value.word, let new = changes[text] ?? values[field.key]?[text], new != text {
                spelled.old += ": \(text)"
                spelled.new += ": \(new)"
                value = .string(new)
            }
            if spelled.old != spelled.new { renamed.append(Renaming(spelled.old, spelled.new)) }
            if let group = field.group {
                let inner = try group.respelled(value, path: full(field.key))
                value = inner.tree
                renamed += inner.renamed
            }
            result[field.key] = value
        }
        for (key, value) in found.sorted(by: { $0.key < $1.key }) {
            let spelled = key.first?.isUppercase == true ? key : key.snakeCased  // camelCase begins small
            let target = field(spelled)
            // A group of before, where there is a value or nothing now.
            if case .object(let parts) = value, target?.group == nil,
                former.keys.contains(where: { $0.hasPrefix("\(spelled).") })
            {
                for (part, value) in parts.sorted(by: { $0.key < $1.key }) {
                    guard let (name, changes) = former["\(spelled).\(part.snakeCased)"], let field = field(name) else {
                        let known = former.keys.filter { $0.hasPrefix("\(spelled).") }
                            .map { String($0.dropFirst(spelled.count + 1)) }
                        throw ConfigurationError(unknownKey(part, among: known, path: full(key)))
                    }
                    try put(value, at: field, from: "\(key).\(part)", changes)
                }
            } else if let target {
                try put(value, at: target, from: key, [:])
            } else if let (name, changes) = former[spelled], let field = field(name) {
                try put(value, at: field, from: key, changes)
            } else {
                result[key] = value
            }
        }
        return (.object(result), renamed)
    }

    // MARK: - Codable

    /// What `Codable` reads: the defaults with some values replaced, each of the type that its default has.
    func coded(replacing overrides: JSONValue, path: String) throws -> JSONValue {
        var result = JSONValue.object([:])
        for field in fields {
            result = result.placing(field.standard, at: field.coded)
        }
        switch overrides {
        case .null: return result
        case .object(let changes):
            for (key, value) in changes.sorted(by: { $0.key < $1.key }) {
                guard let field = field(key) else {
                    throw ConfigurationError(
                        unknownKey(key, among: fields.map(\.key), former: former.mapValues(\.field), path: path)
                    )
                }
                let place = path.isEmpty ? key : "\(path).\(key)"
                let value =
                    try field.group?.coded(replacing: value, path: place) ?? fitted(value, to: field.value, path: place)
                result = result.placing(value, at: field.coded)
            }
            return result
        default:
            throw ConfigurationError(
                "\(path): found \(overrides.shown), expected a group of settings: \(listed(fields.map(\.key)))"
            )
        }
    }

    /// The tree of files for what `Codable` made.
    func written(_ coded: JSONValue) -> JSONValue {
        .object(
            fields.reduce(into: [:]) { result, field in
                let value = field.coded.reduce(coded) { $0[$1] }
                result[field.key] = field.group?.written(value) ?? value
            }
        )
    }

    // MARK: - Documentation

    /// The keys that lead to a property, which is dotted where it is in a group.
    static func keys(of property: String, in root: some Any) -> [String] {
        var value: Any? = root
        return property.split(separator: ".").compactMap { part in
            value = value.flatMap { current in
                Mirror(reflecting: current).children.first { $0.label == String(part) }?.value
            }
            return value is any InlinedSettings ? nil : String(part).snakeCased
        }
    }

    var descriptions: [SettingDescription] { descriptions(prefix: "", bounds: [:]) }

    private func descriptions(prefix: String, bounds: [String: [String]]) -> [SettingDescription] {
        var all = bounds
        var seen: [String] = []
        for owner in fields.compactMap(\.owner?.settings) where !seen.contains("\(type(of: owner))") {
            seen.append("\(type(of: owner))")
            for (key, words) in owner.boundWords { all[prefix + key, default: []] += words }
        }
        return fields.flatMap { field -> [SettingDescription] in
            let key = prefix + field.key
            if let group = field.group { return group.descriptions(prefix: "\(key).", bounds: all) }
            let old = former.filter { $0.value.field == field.key }.map { prefix + $0.key }.sorted()
            return [
                SettingDescription(
                    key: key,
                    type: typeWords(field.value),
                    standard: field.standard,
                    bounds: all[key] ?? [],
                    choices: (field.value as? any CaseIterable & RawRepresentable<String>).map { choices($0) } ?? [],
                    meaning: field.owner.flatMap { type(of: $0.settings).meanings[$0.property] } ?? "",
                    formerKeys: old
                )
            ]
        }
    }
}

extension Settings {
    /// What each setting may be, by its key.
    fileprivate var boundWords: [String: [String]] {
        Self.bounds.flatMap(\.rules).reduce(into: [:]) { result, rule in
            let key = SettingsLayout.keys(of: rule.property, in: self).joined(separator: ".")
            let condition = rule.condition.map { " (for \(keyed($0, self)))" } ?? ""
            result[key, default: []].append(keyed(rule.words, self) + condition)
        }
    }
}

private func typeWords(_ value: Any) -> String {
    switch value {
    case is Int, is UInt64: "whole number"
    case is Double: "number"
    case is Bool: "true or false"
    case is String: "text"
    case is any CaseIterable & RawRepresentable<String>: "choice"
    default: "list"
    }
}

private func listed(_ keys: some Sequence<String>) -> String { keys.sorted().joined(separator: ", ") }

/// The refusal of a key, with the nearest one; where that is a former one, with what it is called now.
private func unknownKey(_ key: String, among known: [String], former: [String: String] = [:], path: String) -> String {
    let place = path.isEmpty ? "" : " in '\(path)'"
    let names = known + former.keys.sorted()
    if let nearest = nearestName(to: key, among: names) ?? nearestName(to: key.snakeCased, among: names) {
        return "unknown key '\(key)'\(place). Did you mean '\(former[nearest] ?? nearest)'?"
    }
    return "unknown key '\(key)'\(place); there are: \(listed(known))"
}

/// A value as the type of its default needs it: whole numbers become the text that they are where text is expected.
///
/// What does not fit is refused here, because the decoder's own messages name neither keys nor choices.
private func fitted(_ found: JSONValue, to standard: Any, path: String) throws -> JSONValue {
    func require(_ fits: Bool, _ wanted: String) throws {
        guard fits else { throw ConfigurationError("\(path): found \(found.shown), expected \(wanted)") }
    }
    switch standard {
    case is Int: try require(found.whole != nil, "a whole number")
    case is UInt64: try require(found.whole.map { $0 >= 0 } ?? false, "a whole number from 0")
    case is Double: try require(found.isNumber, "a number")
    case is Bool: try require(found.isBool, "true or false")
    case is String:
        try require(found.text != nil, "text\(found.quotingAdvice)")
        return found.text.map(JSONValue.string) ?? found
    // By its type: an empty list of anything would pass for a list of texts.
    case is [String] where type(of: standard) == [String].self:
        guard case .array(let values) = found else { break }
        return .array(try values.enumerated().map { try fitted($1, to: "", path: "\(path)[\($0 + 1)]") })
    case let choice as any CaseIterable & RawRepresentable<String>:
        let names = choices(choice)
        let hint = found.text.flatMap { nearestName(to: $0, among: names) }.map { ". Did you mean '\($0)'?" } ?? ""
        try require(found.text.map(names.contains) ?? false, "one of \(names.joined(separator: ", "))\(hint)")
    default: break
    }
    return found
}

private func choices<Choice: CaseIterable & RawRepresentable<String>>(_: Choice) -> [String] {
    Choice.allCases.map(\.rawValue)
}

extension JSONValue {
    /// The tree that `Codable` makes.
    init(coding value: some Encodable) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
    }

    /// This tree with a value at a path of keys.
    fileprivate func placing(_ value: JSONValue, at path: some Collection<String>) -> JSONValue {
        guard let first = path.first else { return value }
        var copy = self
        copy[first] = self[first].placing(value, at: path.dropFirst())
        return copy
    }

    /// What former values are looked up by: a text, or `true` and `false`.
    fileprivate var word: String? { if case .bool(let value) = self { "\(value)" } else { text } }
}
