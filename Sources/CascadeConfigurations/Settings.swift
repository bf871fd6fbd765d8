// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
import Foundation

/// A configuration that cannot be used, with the key, what was found, and what was expected.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// The whole sentence.
    public let description: String

    /// Creates an error.
    public init(_ description: String) { self.description = description }

    /// Makes all checks, so that every fault is named at once.
    ///
    /// - Throws: The one error, or a ``ConfigurationError`` with a line for each.
    package static func requireAll(_ checks: (() throws -> Void)...) throws {
        let errors = checks.compactMap { check in
            do { try check() } catch { return error }
            return nil
        }
        guard errors.count > 1 else { return try errors.first.map { throw $0 } ?? () }
        throw ConfigurationError(errors.map { "\($0)" }.joined(separator: "\n"))
    }
}

/// Settings with defaults: a struct whose properties have initial values.
///
/// Nobody writes decoding code for it. In files the keys are the properties in snake_case; `embeddingSize` is
/// `embedding_size`. What the settings declare below refuses impossible values and documents the possible ones.
///
/// ```swift
/// struct Configuration: Settings {
///     /// Features of each item.
///     var embeddingSize = 64
///     var numHeads = 2
///     var dropout = 0.1
///
///     static var bounds: [Bound<Self>] {
///         [.atLeast(1, \.numHeads), .multiple(\.embeddingSize, of: \.numHeads), .unit(\.dropout)]
///     }
/// }
/// ```
public protocol Settings: Codable, Sendable {
    /// The defaults.
    init()
    /// What each setting may be.
    static var bounds: [Bound<Self>] { get }
    /// Names that settings had before, each with the property that has its value now.
    ///
    /// Both sides are properties; a former name may be dotted, for a setting that was in a group: `learningRate.peak`.
    static var formerNames: [String: String] { get }
    /// Values that were spelled otherwise, by property, or by former name where the value changed with the name.
    static var formerValues: [String: [String: String]] { get }
    /// What settings were that a manifest does not have, because it was written before they existed, by property.
    ///
    /// Only those whose default says otherwise: what was trained goes on as it was.
    static var formerDefaults: [String: JSONValue] { get }
    /// One sentence about each property.
    ///
    /// For Cascade's own settings, `scripts/setting-meanings.py` writes them from the documentation comments.
    static var meanings: [String: String] { get }
    /// Refuses values that cannot work together, where ``bounds`` cannot express it.
    ///
    /// - Throws: ``ConfigurationError``.
    func validate() throws
}

/// Settings that several types share: where they are a property of other settings, files have their keys among the keys of
/// those, not in a group.
public protocol InlinedSettings: Settings {}

extension Settings {
    /// Any values.
    public static var bounds: [Bound<Self>] { [] }
    /// None.
    public static var formerNames: [String: String] { [:] }
    /// None.
    public static var formerValues: [String: [String: String]] { [:] }
    /// None.
    public static var formerDefaults: [String: JSONValue] { [:] }
    /// None.
    public static var meanings: [String: String] { [:] }
    /// Accepts everything.
    public func validate() throws {}

    /// The defaults with some values replaced.
    ///
    /// - Parameters:
    ///   - overrides: The values to replace, nested as the settings are; keys in any spelling that they ever had.
    ///   - path: What the settings are called in messages, for example `model`.
    /// - Throws: ``ConfigurationError`` for an unknown key (naming the nearest), a value of the wrong type, or what
    ///   ``bounds`` and ``validate()`` refuse.
    public init(overriding overrides: JSONValue, path: String) throws {
        let layout = try SettingsLayout(Self())
        let current = try layout.respelled(overrides, path: path).tree
        let complete = try layout.coded(replacing: current, path: path)
        do {
            self = try JSONDecoder().decode(Self.self, from: JSONEncoder().encode(complete))
        } catch let error as DecodingError {
            throw ConfigurationError(describe(error, path: path))
        }
        try requireValid(path)
    }

    /// Refuses what ``bounds`` and ``validate()`` refuse, in these settings and in the groups within them.
    ///
    /// - Parameter path: What the settings are called in messages.
    /// - Throws: ``ConfigurationError``.
    public func requireValid(_ path: String) throws {
        for child in Mirror(reflecting: self).children {
            guard let label = child.label, let group = child.value as? any Settings else { continue }
            try group.requireValid(
                group is any InlinedSettings ? path : path.isEmpty ? label.snakeCased : "\(path).\(label.snakeCased)"
            )
        }
        for bound in Self.bounds { try bound.check(self, path) }
        try validate()
    }

    /// Overrides as files spell them now.
    ///
    /// - Parameters:
    ///   - overrides: Some values, keys in any spelling that they ever had; unknown keys stay as they are.
    ///   - path: What the settings are called in messages.
    /// - Returns: The same values under their present keys, and what was spelled otherwise.
    /// - Throws: ``ConfigurationError`` when a setting is given twice, under two names.
    public static func respelled(_ overrides: JSONValue, path: String) throws -> (tree: JSONValue, renamed: [Renaming])
    {
        try SettingsLayout(Self()).respelled(overrides, path: path)
    }

    /// Settings of a manifest, complete when it was written, with what its missing keys meant.
    ///
    /// - Parameter recorded: Under their keys of then.
    public static func completed(_ recorded: JSONValue) throws -> JSONValue {
        var tree = try respelled(recorded, path: "").tree
        for (property, value) in formerDefaults where tree[property.snakeCased] == .null {
            tree[property.snakeCased] = value
        }
        return tree
    }

    /// Each setting, with its default, its bounds and its meaning, in the order of the source.
    public static func descriptions() throws -> [SettingDescription] { try SettingsLayout(Self()).descriptions }
}

extension JSONValue {
    /// The settings as files have them: complete, in snake_case.
    public init(encoding settings: some Settings) throws {
        self = try SettingsLayout(settings).written(JSONValue(coding: settings))
    }
}

/// What the decoder refuses beyond the wrong types: in types with decoding code of their own.
private func describe(_ error: DecodingError, path: String) -> String {
    let context =
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context): context
        case .dataCorrupted(let context): context
        @unknown default: DecodingError.Context(codingPath: [], debugDescription: "\(error)")
        }
    let key = ([path] + context.codingPath.map(\.stringValue.snakeCased)).filter { !$0.isEmpty }.joined(separator: ".")
    return "\(key): \(context.debugDescription)"
}

extension String {
    /// `headersSeconds` as `headers_seconds`, and `userIDs` as `user_ids`.
    package var snakeCased: String {
        var result = ""
        var isUpper = true  // no underscore before the first letter
        for character in self {
            if character.isUppercase && !isUpper && !result.hasSuffix("_") { result += "_" }
            result += character.lowercased()
            isUpper = character.isUppercase || character == "."
        }
        return result
    }
}

extension ConfigurationError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .badConfiguration }
}
