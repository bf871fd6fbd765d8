// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining

extension JSONValue {
    /// The object with some of its keys alone.
    func only(_ keys: [String]) -> JSONValue {
        guard case .object(let fields) = self else { return .object([:]) }
        return .object(fields.filter { keys.contains($0.key) })
    }

    /// The number, whole or not.
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Text by key; nil when there is none.
    func text(_ key: String, in place: String = "") throws -> String? {
        if self[key] == .null { return nil }
        guard let text = self[key].text else {
            throw ConfigurationError("\(place.isEmpty ? "" : place + ".")\(key): expected text; put it in quotes")
        }
        return text
    }

    /// A number from 1 by key; nil when there is none.
    func count(_ key: String) throws -> Int? {
        switch self[key] {
        case .null: return nil
        case .integer(let value) where value >= 1: return value
        default: throw ConfigurationError("\(key): expected a whole number from 1")
        }
    }

    /// A list by key; nil when there is none.
    func list(_ key: String) throws -> [JSONValue]? {
        switch self[key] {
        case .null: return nil
        case .array(let values): return values
        default: throw ConfigurationError("\(key): expected a list")
        }
    }

    /// The entries of the group under a key (or of this value); none when there is none.
    func fields(_ key: String?) throws -> [String: JSONValue] {
        switch key.map({ self[$0] }) ?? self {
        case .null: return [:]
        case .object(let fields): return fields
        default: throw ConfigurationError("\(key ?? "this"): expected a group of settings")
        }
    }

    /// The name of a metric that evaluations report.
    func metric(_ place: String) throws -> String {
        let known = TopKEvaluator.allMetricNames
        guard let text, known.contains(text) else {
            let hint = text.flatMap { nearestName(to: $0, among: known) }.map { ". Did you mean '\($0)'?" } ?? ""
            throw ConfigurationError("\(place): '\(text ?? "")' is not a metric\(hint)")
        }
        return text
    }
}
