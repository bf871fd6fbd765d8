// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension StringProtocol {
    /// The text with everything escaped that a terminal or a reader of a log would obey instead of showing.
    ///
    /// Escaped as in JSON (`\n`, `\t`, `\u001b`): control characters, line and paragraph separators, marks that change the
    /// direction of text, and marks that cannot be seen. A JSON document stays one, with the same meaning.
    public var printable: String { printable { _ in false } }

    /// The same for a text of several lines: line feeds and tabs stay.
    public var printableLines: String { printable { $0 == "\n" || $0 == "\t" } }

    private func printable(keeping stays: (Unicode.Scalar) -> Bool) -> String {
        guard unicodeScalars.contains(where: { !$0.isPrintable && !stays($0) }) else { return String(self) }
        var result = ""
        for scalar in unicodeScalars {
            if scalar.isPrintable || stays(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                result += scalar.escaped
            }
        }
        return result
    }
}

extension Unicode.Scalar {
    /// Whether a terminal shows the character, or joins it to its neighbors, and does nothing else.
    public var isPrintable: Bool {
        switch value {
        case 0x20..<0x7F: true
        case 0x200B, 0x2060, 0x206A...0x206F, 0xFEFF, 0xFFF9...0xFFFB: false
        default:
            switch properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: false
            default: !properties.isBidiControl
            }
        }
    }

    /// The character as a JSON string spells it.
    public var escaped: String {
        switch self {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            let digits = String(value, radix: 16)
            return "\\u" + String(repeating: "0", count: Swift.max(0, 4 - digits.count)) + digits
        }
    }
}
