// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation

/// The settings that a search varies, each with the values that it may take.
///
/// In files a group `search_space` of an experiment: `training.learning_rate: {log: [1e-4, 1e-2]}`,
/// `model.dropout: {uniform: [0, 0.5]}`, `model.num_layers: {integer: [1, 3]}`, `model.embedding_size: {choice: [32, 64]}`.
public struct SearchSpace: Sendable, Equatable {
    /// What a setting may be.
    public enum Range: Sendable, Equatable {
        /// Any number between two, all equally likely.
        case uniform(Double, Double)
        /// Any number between two, all magnitudes equally likely.
        case log(Double, Double)
        /// Any whole number from one to another.
        case integer(Int, Int)
        /// One of a list.
        case choice([JSONValue])

        /// A value of the range.
        func draw(using random: inout SplitMix64) -> JSONValue {
            switch self {
            case .uniform(let low, let high): .number(rounded(Double.random(in: low...high, using: &random)))
            case .log(let low, let high):
                .number(rounded(exp(Double.random(in: Foundation.log(low)...Foundation.log(high), using: &random))))
            case .integer(let low, let high): .integer(Int.random(in: low...high, using: &random))
            case .choice(let values): values[Int.random(in: 0..<values.count, using: &random)]
            }
        }

        /// Three significant digits: enough for a setting, and readable.
        private func rounded(_ value: Double) -> Double { Double(String(format: "%.3g", value)) ?? value }
    }

    /// The varied settings by dotted key, in alphabetical order.
    public let ranges: [(key: String, range: Range)]

    /// Whether two spaces vary the same settings in the same ranges.
    public static func == (a: SearchSpace, b: SearchSpace) -> Bool {
        a.ranges.elementsEqual(b.ranges) { $0.key == $1.key && $0.range == $1.range }
    }

    /// Reads the group `search_space`, its keys in any spelling that they ever had.
    ///
    /// - Throws: ``ConfigurationError`` that names the setting, what was found and what was expected.
    public init(_ tree: JSONValue) throws {
        let fields = try tree.fields(nil)
        guard !fields.isEmpty else {
            throw ConfigurationError(
                "search_space: the experiment declares no ranges; add for example search_space: {training.learning_rate: {log: [1e-4, 1e-2]}}"
            )
        }
        ranges = try fields.sorted { $0.key < $1.key }.map {
            ($0.key, try Self.range($0.value, "search_space.\($0.key)"))
        }
    }

    private static func range(_ tree: JSONValue, _ place: String) throws -> Range {
        let kinds = ["uniform", "log", "integer", "choice"]
        guard case .object(let fields) = tree, let (kind, value) = fields.first, fields.count == 1,
            kinds.contains(kind)
        else {
            throw ConfigurationError(
                "\(place): expected one of \(kinds.map { "{\($0): [...]}" }.joined(separator: ", "))"
            )
        }
        guard case .array(let values) = value, !values.isEmpty else {
            throw ConfigurationError("\(place).\(kind): expected a list")
        }
        if kind == "choice" { return .choice(values) }
        let numbers = values.compactMap(\.double)
        guard numbers.count == 2, values.count == 2, numbers[0] <= numbers[1] else {
            throw ConfigurationError("\(place).\(kind): expected two numbers, the lower first")
        }
        switch kind {
        case "uniform": return .uniform(numbers[0], numbers[1])
        case "log":
            guard numbers[0] > 0 else { throw ConfigurationError("\(place).log: expected numbers above 0") }
            return .log(numbers[0], numbers[1])
        default:
            guard let low = Int(exactly: numbers[0]), let high = Int(exactly: numbers[1]) else {
                throw ConfigurationError("\(place).integer: expected whole numbers")
            }
            return .integer(low, high)
        }
    }

    /// The settings of a trial; trial 0 has none: the experiment as it is.
    ///
    /// The same seed and number always give the same settings, however many trials there are.
    public func settings(trial: Int, seed: UInt64) -> [(key: String, value: JSONValue)] {
        guard trial > 0 else { return [] }
        var random = SplitMix64(seed: SplitMix64.mix(seed, UInt64(trial)))
        return ranges.map { ($0.key, $0.range.draw(using: &random)) }
    }
}

/// Which trials train for how long: the better ones longer.
///
/// - Source: Jamieson and Talwalkar 2016, Non-stochastic best arm identification, AISTATS (successive halving).
public struct Halving: Sendable, Equatable {
    /// A round: how many trials take part, and to which epoch they train.
    public struct Round: Sendable, Equatable {
        /// The number of trials.
        public let trials: Int
        /// The epoch at which they are evaluated.
        public let epochs: Int
    }

    /// The rounds, in order; the last trains to the end.
    public let rounds: [Round]

    /// Plans the rounds.
    ///
    /// - Parameters:
    ///   - trials: In the first round, at least 1.
    ///   - epochs: In the last round, at least 1.
    ///   - factor: How many times fewer trials, and more epochs, the next round has; 1 means one round (random search).
    public init(trials: Int, epochs: Int, factor: Int) {
        precondition(trials >= 1 && epochs >= 1 && factor >= 1, "a search needs a trial and an epoch")
        var counts = [trials]
        if factor > 1 {
            // Later rounds keep at least one trial, and the first keeps at least one epoch.
            var shortest = epochs
            while let last = counts.last, last >= factor, shortest >= factor {
                counts.append(last / factor)
                shortest /= factor
            }
        }
        rounds = counts.enumerated().map { number, trials in
            let divisor = (number + 1..<counts.count).reduce(1) { product, _ in product * factor }
            return Round(trials: trials, epochs: max(1, epochs / divisor))
        }
    }
}
