// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// A tree of configuration values: what YAML and JSON have in common.
public enum JSONValue: Codable, Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Reads any value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// Writes the value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The tree that an encodable value encodes to.
    public init(encoding value: some Encodable) throws {
        try self.init(coding: value)
    }

    /// A value by key; null when there is none.
    public subscript(key: String) -> JSONValue {
        get { if case .object(let fields) = self { fields[key] ?? .null } else { .null } }
        set {
            var fields: [String: JSONValue] = if case .object(let old) = self { old } else { [:] }
            fields[key] = newValue
            self = .object(fields)
        }
    }

    /// This tree with the values of another on top; keys may be new.
    public func merged(with other: JSONValue) -> JSONValue {
        guard case .object(let mine) = self, case .object(let theirs) = other else {
            return other == .null ? self : other
        }
        return .object(mine.merging(theirs) { $0.merged(with: $1) })
    }

    /// Everything in this tree that is no group, by the dotted path of its keys, which begins with `path`.
    public func leaves(_ path: String) -> [String: JSONValue] {
        guard case .object(let fields) = self else { return [path: self] }
        return fields.reduce(into: [:]) { $0.merge($1.value.leaves("\(path).\($1.key)")) { $1 } }
    }

    /// The text of a string, or the digits of a whole number: where text is expected, `2048` is the text "2048".
    ///
    /// A number with a sign, a fraction or an exponent is no text: its spelling is not kept, so it must be put in quotes.
    public var text: String? {
        switch self {
        case .string(let value): value
        case .integer(let value) where value >= 0: "\(value)"
        default: nil
        }
    }

    /// The number, when it has no fraction.
    var whole: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// Whether the value is a number.
    var isNumber: Bool {
        switch self {
        case .integer, .number: true
        default: false
        }
    }

    /// Whether the value is true or false.
    var isBool: Bool { if case .bool = self { true } else { false } }

    /// What the value is, for messages.
    var kind: String {
        switch self {
        case .null: "nothing"
        case .bool: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "text"
        case .array: "a list"
        case .object: "a group of settings"
        }
    }

    /// The value as one would write it.
    package var shown: String {
        switch self {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): "'\(value)'"
        case .array, .object: kind
        }
    }
}
