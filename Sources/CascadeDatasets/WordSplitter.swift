// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Finds the words of a normalized text.
enum WordSplitter {
    /// What a scalar does to the word before it.
    private enum Role {
        /// Goes on with a word of letters and digits, or starts one.
        case letter
        /// Goes on with whatever word is before it; alone it is nothing.
        case mark
        /// Is a word of its own.
        case single
        /// Half of a flag, which is a word of two.
        case flag
        /// Ends the word.
        case separator
    }

    static func words(_ scalars: String.UnicodeScalarView) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var last = Role.separator  // of what `word` began with
        func finish() {
            if !word.isEmpty { words.append(String(word)) }
            word = String.UnicodeScalarView()
        }
        for scalar in scalars {
            let role = role(of: scalar)
            switch role {
            case .mark where last != .separator: break
            case .letter where last == .letter: break
            case .flag where last == .flag && word.count == 1: break
            default:
                finish()
                last = role == .mark ? .separator : role
            }
            if last != .separator { word.append(scalar) }
        }
        finish()
        return words
    }

    private static func role(of scalar: Unicode.Scalar) -> Role {
        if scalar.isASCII { return ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) ? .letter : .separator }
        if regionalIndicators.contains(scalar) { return .flag }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .lowercaseLetter, .uppercaseLetter, .titlecaseLetter: return .letter
        case .otherLetter, .modifierLetter, .letterNumber, .decimalNumber, .otherNumber:
            return properties.isIdeographic || syllables.contains { $0.contains(scalar) } ? .single : .letter
        case .nonspacingMark, .spacingMark, .enclosingMark: return .mark
        case .otherSymbol: return properties.isEmoji ? .single : .separator
        default: return .separator
        }
    }

    private static let regionalIndicators: ClosedRange<Unicode.Scalar> = "\u{1F1E6}"..."\u{1F1FF}"

    /// The blocks of hangul and kana, from Unicode's Blocks.txt.
    private static let syllables: [ClosedRange<Unicode.Scalar>] = [
        "\u{1100}"..."\u{11FF}",  // Hangul Jamo
        "\u{3040}"..."\u{30FF}",  // Hiragana, Katakana
        "\u{3130}"..."\u{318F}",  // Hangul Compatibility Jamo
        "\u{31F0}"..."\u{31FF}",  // Katakana Phonetic Extensions
        "\u{A960}"..."\u{A97F}",  // Hangul Jamo Extended-A
        "\u{AC00}"..."\u{D7FF}",  // Hangul Syllables, Hangul Jamo Extended-B
        "\u{1AFF0}"..."\u{1B16F}",  // further kana
    ]
}
