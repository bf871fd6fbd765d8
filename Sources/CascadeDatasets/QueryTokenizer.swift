// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Turns the text of a query into numbers for an embedding table: its words, then the parts of its words.
///
/// A word is hashed to one of ``buckets`` rows, and so is every run of 3 and 4 scalars of `<word>`, where the brackets
/// mark its ends. Words that nobody saw in training, and misspelt ones, share runs with known words. Nothing is learned
/// and no vocabulary is stored: equal settings give equal numbers on every machine and in every run.
///
/// Every text has an answer, and the work is bounded: ``maximumScalars`` are read, whatever the length. Scalars newer than
/// the Unicode tables of the Swift runtime are no letters yet; they lie between words.
///
/// - Source: the parts of words are those of Bojanowski et al. 2017, Enriching Word Vectors with Subword Information,
///   TACL 5, section 3.2.
/// - Deviation: words are hashed like their parts, and runs are of 3 and 4 scalars instead of 3 to 6; queries are short.
public struct QueryTokenizer: Sendable, Equatable {
    /// How many Unicode scalars of a query are read: the first 256.
    public static let maximumScalars = 256

    /// Size of the hashed table: tokens are in `1...buckets`, and 0 is padding.
    public let buckets: Int
    /// How many tokens a query has at most; parts of the last words are left out first.
    public let maximumTokens: Int

    /// Chooses the sizes.
    ///
    /// - Parameters:
    ///   - buckets: Size of the hashed table, in `1..<2^31`; an embedding needs one more row, for padding.
    ///   - maximumTokens: Tokens of a query at most, from 1.
    public init(buckets: Int = 1 << 15, maximumTokens: Int = 32) {
        if let problem = Self.problem(buckets, maximumTokens) { preconditionFailure(problem) }
        self.buckets = buckets
        self.maximumTokens = maximumTokens
    }

    /// The words of a text, then the runs of 3 and of 4 scalars of each, as numbers in `1...buckets`.
    ///
    /// Empty for a text without a word. Not padded; there are at most ``maximumTokens``.
    public func tokens(_ text: String) -> [Int32] {
        let words = words(text).prefix(maximumTokens).map { Array("<\($0)>".unicodeScalars) }
        var tokens = words.map { token($0[...]) }
        for word in words {
            // All runs of 3 first, so that a long word that is cut is still covered to its end. A run as long as the
            // word with its brackets would be the word's own token again.
            for length in 3...4 where length < word.count {
                for start in 0...(word.count - length) {
                    guard tokens.count < maximumTokens else { return tokens }
                    tokens.append(token(word[start..<start + length]))
                }
            }
        }
        return tokens
    }

    /// The words of a text in their order, normalized.
    ///
    /// A word is a run of letters and digits with the accents on them. Ideographs, kana, hangul syllables and emoji are
    /// words of their own, for no space separates them. Everything else lies between words.
    ///
    /// - Parameters:
    ///   - text: Any text.
    ///   - scalars: How many Unicode scalars are read; an item's description may be longer than a query.
    public func words(_ text: String, reading scalars: Int = QueryTokenizer.maximumScalars) -> [String] {
        WordSplitter.words(normalized(text, reading: scalars).unicodeScalars)
    }

    /// The text in the one spelling that all its variants share; normalizing it again changes nothing.
    ///
    /// Unicode's NFKC (full-width letters, ligatures, composed and decomposed accents) in lower case (`ß` is `ss`),
    /// without invisible characters (marks of direction, joiners, variation selectors, skin tones), and with one space
    /// where there was white space or a control character. Accents stay: `é` in either spelling is one letter, not `e`.
    ///
    /// - Parameters:
    ///   - text: Any text.
    ///   - scalars: How many Unicode scalars are read, and kept at most.
    public func normalized(_ text: String, reading scalars: Int = QueryTokenizer.maximumScalars) -> String {
        var text = Self.cleaned(text.unicodeScalars.prefix(scalars), keeping: scalars)
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
        // Each step can make work for another: `ẞ` becomes `ß` becomes `ss`, and an accent whose joiner was removed
        // meets its letter. One round is nearly always enough; the second sees that nothing changes any more.
        for _ in 0..<Self.maximumRounds {
            // Decomposed first: the upper case of a Greek iota below a letter stands after it, between it and later marks.
            let folded = text.decomposedStringWithCanonicalMapping.uppercased().lowercased()
                .precomposedStringWithCompatibilityMapping
            let next = Self.cleaned(folded.unicodeScalars.prefix(scalars), keeping: scalars)
            // Not `==`, which takes composed and decomposed accents for equal.
            if next.utf8.elementsEqual(text.utf8) { break }
            text = next
        }
        return text
    }

    /// A bound on the work, above what any tested text needs.
    private static let maximumRounds = 8

    /// Without invisible scalars, and with one space for each run of white space and control characters.
    private static func cleaned(_ scalars: some Sequence<Unicode.Scalar>, keeping limit: Int) -> String {
        var result = String.UnicodeScalarView()
        var count = 0
        var isAfterSpace = false
        for scalar in scalars {
            if isSpace(scalar) {
                isAfterSpace = count > 0
            } else if !isInvisible(scalar) {
                let needed = isAfterSpace ? 2 : 1
                guard count + needed <= limit else { break }
                if isAfterSpace { result.append(" ") }
                result.append(scalar)
                count += needed
                isAfterSpace = false
            }
        }
        return String(result)
    }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        // The zero-width space marks the end of a word in scripts that write none.
        scalar.value <= 0x20 || scalar.value == 0x200B || scalar.properties.isWhitespace
            || scalar.properties.generalCategory == .control
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x80 else { return false }
        let properties = scalar.properties
        return properties.isDefaultIgnorableCodePoint || properties.generalCategory == .format
            || properties.isEmojiModifier
    }

    /// The row of a piece of text.
    private func token(_ scalars: ArraySlice<Unicode.Scalar>) -> Int32 {
        var text = String(String.UnicodeScalarView(scalars))
        let hash = text.withUTF8 { Fingerprint.hash(UnsafeRawBufferPointer($0)) }
        return Int32(1 + hash % UInt64(buckets))
    }

    private static func problem(_ buckets: Int, _ maximumTokens: Int) -> String? {
        guard buckets >= 1, buckets <= Int(Int32.max) else {
            return "QueryTokenizer: 'buckets' is \(buckets), but must be from 1 to 2^31 - 1"
        }
        guard maximumTokens >= 1 else {
            return "QueryTokenizer: 'maximumTokens' is \(maximumTokens), but must be at least 1"
        }
        return nil
    }
}

extension QueryTokenizer: Codable {
    private enum CodingKeys: String, CodingKey { case buckets, maximumTokens }

    /// Reads the settings.
    ///
    /// - Throws: `DecodingError` when one is missing or outside its range.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let buckets = try container.decode(Int.self, forKey: .buckets)
        let maximumTokens = try container.decode(Int.self, forKey: .maximumTokens)
        if let problem = Self.problem(buckets, maximumTokens) {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: problem))
        }
        self.init(buckets: buckets, maximumTokens: maximumTokens)
    }
}
