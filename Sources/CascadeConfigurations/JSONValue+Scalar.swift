// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The value of a plain YAML scalar, one without quotes.
    ///
    /// A value is a number only when that loses nothing which text could need. Digits that a whole number would change
    /// (leading zeros, more digits than fit) stay text, so `0000000000013` is the id that it looks like. Numbers with a
    /// sign, a fraction or an exponent are numbers; ``text`` refuses them, because `1.10` could not be told from `1.1`.
    ///
    /// - Parameter scalar: The scalar as it is written in the file.
    public init(plain scalar: String) {
        switch scalar {
        case "", "~", "null": self = .null
        case "true": self = .bool(true)
        case "false": self = .bool(false)
        default:
            if let whole = Int(scalar), "\(whole)" == scalar {
                self = .integer(whole)
            } else if scalar.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
                self = .string(scalar)
            } else if let number = Double(scalar), number.isFinite {
                self = .number(number)
            } else {
                self = .string(scalar)
            }
        }
    }

    /// What is added to a refusal where text is expected: how to write a value that YAML takes for something else.
    package var quotingAdvice: String {
        switch self {
        case .integer, .number, .bool, .null: "; put it in quotes if it is text"
        default: ""
        }
    }
}
