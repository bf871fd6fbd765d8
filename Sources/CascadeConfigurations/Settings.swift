// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation

/// A configuration that cannot be used, with the key, what was found, and what was expected.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// The whole sentence.
    public let description: String

    /// Creates an error.
    public init(_ description: String) { self.description = description }
}

/// Settings with defaults: a struct whose properties have initial values.
///
/// Nobody writes decoding code for it.
public protocol Settings: Codable, Sendable {
    /// The defaults.
    init()
    /// Refuses values that cannot work together.
    ///
    /// - Throws: ``ConfigurationError``.
    func validate() throws
}

extension Settings {
    /// Accepts everything.
    public func validate() throws {}

    /// The defaults with some values replaced.
    ///
    /// - Parameters:
    ///   - overrides: The values to replace, nested as the settings are.
    ///   - path: What the settings are called in messages, for example `model`.
    /// - Throws: ``ConfigurationError`` for an unknown key (naming the nearest), a value of the wrong type, or what
    ///   ``validate()`` refuses.
    public init(overriding overrides: JSONValue, path: String) throws {
        let defaults = Self()
        let merged = try fitted(
            JSONValue(encoding: defaults).overlaid(with: overrides, path: path),
            to: defaults,
            path: path
        )
        do {
            self = try JSONDecoder().decode(Self.self, from: JSONEncoder().encode(merged))
        } catch let error as DecodingError {
            throw ConfigurationError(describe(error, path: path))
        }
        try validate()
    }
}

extension JSONValue {
    /// This tree with the values of another in place of its own; every key must exist here.
    func overlaid(with other: JSONValue, path: String) throws -> JSONValue {
        guard case .object(let fields) = self else { return other }
        switch other {
        case .null: return self
        case .object(let changes):
            var result = fields
            for (key, value) in changes.sorted(by: { $0.key < $1.key }) {
                guard let old = fields[key] else {
                    throw ConfigurationError(unknownKey(key, among: Array(fields.keys), path: path))
                }
                result[key] = try old.overlaid(with: value, path: path.isEmpty ? key : "\(path).\(key)")
            }
            return .object(result)
        default:
            throw ConfigurationError(
                "\(path): found \(other.shown), expected a group of settings: \(keys(fields.keys))"
            )
        }
    }
}

private func keys(_ keys: some Sequence<String>) -> String { keys.sorted().joined(separator: ", ") }

private func unknownKey(_ key: String, among known: [String], path: String) -> String {
    let place = path.isEmpty ? "" : " in '\(path)'"
    if let nearest = nearestName(to: key, among: known) {
        return "unknown key '\(key)'\(place). Did you mean '\(nearest)'?"
    }
    return "unknown key '\(key)'\(place); there are: \(keys(known))"
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
    default:
        guard case .object(var fields) = found else { break }
        for child in Mirror(reflecting: standard).children {
            guard let label = child.label else { continue }
            let key = fields[label] == nil ? label.inSnakeCase : label
            guard let value = fields[key] else { continue }
            fields[key] = try fitted(value, to: child.value, path: path.isEmpty ? key : "\(path).\(key)")
        }
        return .object(fields)
    }
    return found
}

private func choices<Choice: CaseIterable & RawRepresentable<String>>(_: Choice) -> [String] {
    Choice.allCases.map(\.rawValue)
}

/// What the decoder refuses beyond that: in types with decoding code of their own.
private func describe(_ error: DecodingError, path: String) -> String {
    let context =
        switch error {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context): context
        case .dataCorrupted(let context): context
        @unknown default: DecodingError.Context(codingPath: [], debugDescription: "\(error)")
        }
    let key = ([path] + context.codingPath.map(\.stringValue)).filter { !$0.isEmpty }.joined(separator: ".")
    return "\(key): \(context.debugDescription)"
}

extension String {
    /// `headersSeconds` as `headers_seconds`, as configurations have it.
    fileprivate var inSnakeCase: String { map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined() }
}
