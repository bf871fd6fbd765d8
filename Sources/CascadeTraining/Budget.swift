// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeRecommenders

/// How much a training may take, in one of four measures: `300s`, `600cpu-s`, `2M-examples` or `5000-steps`.
public enum Budget: Sendable, Equatable, CustomStringConvertible {
    /// Seconds by the clock on the wall, evaluations included.
    case seconds(Double)
    /// Seconds of processor time of all threads, evaluations included; the same on a busy machine.
    case cpuSeconds(Double)
    /// Examples: targets for a model that ranks the catalog, candidates for one that scores requests.
    case examples(Double)
    /// Steps of the optimizer.
    case steps(Double)

    /// What a training has taken so far.
    struct Spent {
        var seconds = 0.0, cpuSeconds = 0.0, examples = 0.0, steps = 0.0
    }

    private static let forms =
        "300s (wall time), 600cpu-s (processor time), 2M-examples or 5000-steps; k and M stand for thousands and millions"

    /// Reads a budget.
    ///
    /// - Parameters:
    ///   - text: For example `2M-examples`.
    ///   - place: What the text is called in messages.
    /// - Throws: ``ConfigurationError`` that says the forms.
    public init(_ text: String, in place: String = "--budget") throws {
        let digits = text.prefix { $0.isNumber || $0 == "." }
        var rest = text.dropFirst(digits.count)
        let factor = rest.first == "k" ? 1e3 : rest.first == "M" ? 1e6 : 1
        if factor > 1 { rest = rest.dropFirst() }
        guard let number = Double(digits), number > 0, number.isFinite else { throw Self.refusal(text, place) }
        switch rest {
        case "s": self = .seconds(number * factor)
        case "cpu-s": self = .cpuSeconds(number * factor)
        case "-examples": self = .examples((number * factor).rounded(.up))
        case "-steps": self = .steps((number * factor).rounded(.up))
        default: throw Self.refusal(text, place)
        }
    }

    /// Reads the key `budget` of a file; nil when there is none.
    ///
    /// - Throws: ``ConfigurationError`` that says the forms.
    public init?(_ value: JSONValue, in place: String = "budget") throws {
        if value == .null { return nil }
        guard let text = value.text else { throw Self.refusal(value.shown, place) }
        try self.init(text, in: place)
    }

    private static func refusal(_ found: String, _ place: String) -> ConfigurationError {
        ConfigurationError("\(place): found \(found), expected an amount with its unit: \(forms)")
    }

    /// The budget as it is written, so that reading it gives the same.
    public var description: String {
        func text(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }
        return switch self {
        case .seconds(let amount): "\(text(amount))s"
        case .cpuSeconds(let amount): "\(text(amount))cpu-s"
        case .examples(let amount): "\(text(amount))-examples"
        case .steps(let amount): "\(text(amount))-steps"
        }
    }

    /// Whether nothing is left.
    func isSpent(_ spent: Spent) -> Bool {
        switch self {
        case .seconds(let amount): spent.seconds >= amount
        case .cpuSeconds(let amount): spent.cpuSeconds >= amount
        case .examples(let amount): spent.examples >= amount
        case .steps(let amount): spent.steps >= amount
        }
    }
}

extension Budget: Codable {
    /// Reads the text of ``description``.
    public init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the text of ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
