// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles

/// A group of a configuration while it is read, for what ``Settings`` cannot hold: lists of groups, groups by name,
/// settings without a default.
///
/// Each key is named once, where it is read; ``finish()`` refuses the keys that nobody asked for.
public struct SettingsGroup {
    /// What the group is called in messages; empty for the whole file.
    public let path: String
    private let fields: [String: JSONValue]
    private var asked: Set<String> = []

    /// Begins to read a group; nothing counts as an empty one.
    ///
    /// - Throws: ``ConfigurationError`` when the value is no group.
    public init(_ value: JSONValue, path: String) throws {
        self.path = path
        switch value {
        case .null: fields = [:]
        case .object(let fields): self.fields = fields
        default: throw ConfigurationError("\(path): found \(value.shown), expected a group of settings")
        }
    }

    /// The keys of the group, in order.
    public var keys: [String] { fields.keys.sorted() }

    /// The full name of a key of this group, for messages.
    public func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// A value of any kind; null when there is none.
    public mutating func value(_ key: String) -> JSONValue {
        asked.insert(key)
        return fields[key] ?? .null
    }

    /// Text that is not empty; nil when there is none.
    public mutating func text(_ key: String) throws -> String? {
        let value = value(key)
        if value == .null { return nil }
        guard let text = value.text, !text.isEmpty else { throw refusal(key, value, "text\(value.quotingAdvice)") }
        return text
    }

    /// Text that must be there.
    public mutating func requiredText(_ key: String, _ meaning: String) throws -> String {
        guard let text = try text(key) else { throw refusal(key, .null, meaning) }
        return text
    }

    /// A whole number from `least` to 1,000,000,000; nil when there is none.
    public mutating func whole(_ key: String, from least: Int) throws -> Int? {
        let value = value(key)
        if value == .null { return nil }
        guard let number = value.whole, (least...1_000_000_000).contains(number) else {
            throw refusal(key, value, "a whole number from \(least) to 1000000000")
        }
        return number
    }

    /// A number from `least` to 1,000,000; nil when there is none.
    public mutating func number(_ key: String, from least: Double) throws -> Double? {
        let value = value(key)
        let number: Double? =
            switch value {
            case .integer(let whole): Double(whole)
            case .number(let number): number
            default: nil
            }
        if value == .null { return nil }
        guard let number, (least...1_000_000).contains(number) else {
            throw refusal(key, value, "a number from \(least) to 1000000")
        }
        return number
    }

    /// True or false; nil when there is none.
    public mutating func flag(_ key: String) throws -> Bool? {
        switch value(key) {
        case .null: return nil
        case .bool(let value): return value
        case let other: throw refusal(key, other, "true or false")
        }
    }

    /// One of several words; nil when there is none.
    public mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: String,
        of _: Choice.Type
    ) throws -> Choice? {
        let value = value(key)
        if value == .null { return nil }
        guard let choice = value.text.flatMap(Choice.init) else {
            let names = Choice.allCases.map(\.rawValue)
            let hint = value.text.flatMap { nearestName(to: $0, among: names) }.map { ". Did you mean '\($0)'?" } ?? ""
            throw refusal(key, value, "one of \(names.joined(separator: ", "))\(hint)")
        }
        return choice
    }

    /// Texts in a list; nil when there is none.
    ///
    /// The digits of a whole number are text, because ids are often written so; see ``JSONValue/text``.
    public mutating func texts(_ key: String) throws -> [String]? {
        let place = name(key)
        return try list(key, "a list of texts")?.enumerated().map { number, value in
            guard let text = value.text else {
                throw ConfigurationError(
                    "\(place)[\(number + 1)]: found \(value.shown), expected text\(value.quotingAdvice)"
                )
            }
            return text
        }
    }

    /// A group within this one; nil when there is none.
    public mutating func group(_ key: String) throws -> SettingsGroup? {
        let value = value(key)
        return value == .null ? nil : try SettingsGroup(value, path: name(key))
    }

    /// The groups of a list; nil when there is none.
    public mutating func groups(_ key: String) throws -> [SettingsGroup]? {
        let place = name(key)
        return try list(key, "a list of groups")?.enumerated().map { number, value in
            try SettingsGroup(value, path: "\(place)[\(number + 1)]")
        }
    }

    /// Refuses keys that were not asked for.
    ///
    /// - Throws: ``ConfigurationError`` that names the key and the nearest known one.
    public func finish() throws {
        guard let unknown = keys.first(where: { !asked.contains($0) }) else { return }
        let place = path.isEmpty ? "" : " in '\(path)'"
        let hint = nearestName(to: unknown, among: asked.sorted()).map { ". Did you mean '\($0)'?" }
        let known = asked.sorted().joined(separator: ", ")
        throw ConfigurationError("unknown key '\(unknown)'\(place)\(hint ?? "; there are: \(known)")")
    }

    /// The error for a value that does not fit.
    public func refusal(_ key: String, _ found: JSONValue, _ expected: String) -> ConfigurationError {
        ConfigurationError("\(name(key)): found \(found.shown), expected \(expected)")
    }

    private mutating func list(_ key: String, _ expected: String) throws -> [JSONValue]? {
        switch value(key) {
        case .null: return nil
        case .array(let values): return values
        case let other: throw refusal(key, other, expected)
        }
    }
}
