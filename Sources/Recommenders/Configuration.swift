// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation

/// A configuration that cannot be used, with the key, what was found, and what was expected.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    /// The whole sentence.
    public let description: String

    /// Creates an error.
    public init(_ description: String) { self.description = description }
}

/// Settings with defaults: a struct whose properties have initial values. Nobody writes decoding code for it.
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
        let merged = try JSONValue(encoding: Self()).overlaid(with: overrides, path: path)
        do {
            self = try JSONDecoder().decode(Self.self, from: JSONEncoder().encode(merged))
        } catch let error as DecodingError {
            throw ConfigurationError(describe(error, in: merged, path: path))
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
            throw ConfigurationError("\(path): found \(other.shown), expected a group of settings: \(keys(fields.keys))")
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

private func describe(_ error: DecodingError, in tree: JSONValue, path: String) -> String {
    let (context, wanted): (DecodingError.Context, String) =
        switch error {
        case .typeMismatch(let type, let context): (context, name(of: type))
        case .valueNotFound(let type, let context): (context, name(of: type))
        case .keyNotFound(let key, let context): (context, "the key '\(key.stringValue)'")
        case .dataCorrupted(let context): (context, context.debugDescription)
        @unknown default: (.init(codingPath: [], debugDescription: ""), "another value")
        }
    let found = context.codingPath.reduce(tree) { $0[$1.stringValue] }
    let key = ([path] + context.codingPath.map(\.stringValue)).filter { !$0.isEmpty }.joined(separator: ".")
    return "\(key): found \(found.shown), expected \(wanted)"
}

private func name(of type: any Any.Type) -> String {
    switch type {
    case is Int.Type, is UInt64.Type: "a whole number"
    case is Double.Type: "a number"
    case is Bool.Type: "true or false"
    case is String.Type: "text"
    default: "\(type)"
    }
}

/// The known name that a misspelt one most likely meant: within a third of its length in edits.
public func nearestName(to name: String, among known: [String]) -> String? {
    known.map { (name: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
        .filter { $0.distance <= max(2, name.count / 3) }
        .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
}

private func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
            diagonal = above
        }
    }
    return row[b.count]
}
