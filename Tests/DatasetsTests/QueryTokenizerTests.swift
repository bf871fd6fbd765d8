// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import CascadeDatasets

@Suite("Query tokenizer: spelling and words")
struct QueryNormalizationTests {
    let tokenizer = QueryTokenizer()

    static let variants: [(String, String)] = [
        ("Red  SHOES\t", "red shoes"),
        ("Ｒｅｄ　Ｓｈｏｅｓ", "red shoes"),  // full width, with its own space
        ("caf\u{E9}", "cafe\u{301}"),  // composed, decomposed
        ("CAFÉ", "café"),
        ("ｶﾞ", "ガ"),  // half-width kana with its mark
        ("ﬁne ㎏ ①", "fine kg 1"),
        ("STRASSE", "straße"),
        ("ẞ", "ss"),
        ("ΟΔΟΣ", "οδος"),  // both forms of sigma
        ("\u{1100}\u{1161}", "가"),
        ("sho\u{AD}es", "shoes"),  // a soft hyphen
        ("\u{FEFF}a\u{202E}b\u{2066}c\u{200F}", "abc"),  // marks of direction
        ("می\u{200C}خواهم", "میخواهم"),
        ("a\0b\u{85}c\u{1B}d", "a b c d"),
        ("a\u{200B}b\u{2028}c", "a b c"),
        ("👍🏽", "👍"),
        ("❤\u{FE0F}", "❤"),
    ]

    @Test("variants of one spelling are equal", arguments: variants)
    func equalVariants(first: String, second: String) {
        #expect(tokenizer.normalized(first) == tokenizer.normalized(second))
        // `==` alone takes composed and decomposed text for equal, a hash does not.
        #expect(Array(tokenizer.normalized(first).utf8) == Array(tokenizer.normalized(second).utf8))
        #expect(tokenizer.tokens(first) == tokenizer.tokens(second))
    }

    @Test("accents stay, so a letter without its accent is another")
    func accents() {
        #expect(tokenizer.normalized("Café") == "café")
        #expect(tokenizer.tokens("café") != tokenizer.tokens("cafe"))
    }

    static let splits: [(String, [String])] = [
        ("", []), (" \t\n ", []), ("!?.,;", []), ("\u{301}\u{302}", []), ("\0\u{1}", []), ("$€£+=", []),
        ("Red_Shoes|men/women>Sale", ["red", "shoes", "men", "women", "sale"]),
        ("men's t-shirt, size 3.5", ["men", "s", "t", "shirt", "size", "3", "5"]),
        ("iPhone15 Pro", ["iphone15", "pro"]),
        ("手机壳for苹果15", ["手", "机", "壳", "for", "苹", "果", "15"]),
        ("カメラー・ひらがな", ["カ", "メ", "ラ", "ー", "ひ", "ら", "が", "な"]),
        ("한국어 옷", ["한", "국", "어", "옷"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("שלום\u{200F} עולם", ["שלום", "עולם"]),
        ("go👍🏽go❤️‍🔥", ["go", "👍", "go", "❤", "🔥"]),
        ("👨‍👩‍👧", ["👨", "👩", "👧"]),
        ("🇫🇷🇩🇪🇺", ["🇫🇷", "🇩🇪", "🇺"]),
        ("\u{301}e\u{301}a", ["éa"]),
        ("SELECT * FROM \"x\" WHERE a:b^2; --", ["select", "from", "x", "where", "a", "b", "2"]),
        ("NEAR(a b) OR \"c*\"", ["near", "a", "b", "or", "c"]),
    ]

    @Test("words", arguments: splits)
    func words(text: String, expected: [String]) {
        #expect(tokenizer.words(text) == expected)
    }

    @Test("only the first scalars of a text are read, more when asked for")
    func bounds() {
        let text = (0..<500).map { "w\($0)" }.joined(separator: " ")
        #expect(tokenizer.normalized(text) == String(text.prefix(256)))
        #expect(tokenizer.words(text, reading: 5000).count == 500)
        #expect(tokenizer.words(text, reading: 0).isEmpty)
        // One scalar that becomes 18.
        let long = tokenizer.normalized(String(repeating: "\u{FDFA}", count: 10_000))
        #expect(long.unicodeScalars.count <= QueryTokenizer.maximumScalars)
        #expect(tokenizer.normalized(String(repeating: " ", count: 256) + "late").isEmpty)
    }

    @Test("normalizing twice is normalizing once, and a word is one word, for random text")
    func idempotent() {
        var generator = SplitMix64(seed: 17)
        for _ in 0..<3000 {
            let text = randomText(&generator)
            let once = tokenizer.normalized(text)
            #expect(Array(tokenizer.normalized(once).utf8) == Array(once.utf8), "\(hexadecimal(text))")
            for word in tokenizer.words(text) { #expect(tokenizer.words(word) == [word], "\(hexadecimal(word))") }
        }
    }

    @Test("neither case nor composition changes random text's spelling")
    func variantsOfRandomText() {
        var generator = SplitMix64(seed: 18)
        for _ in 0..<2000 {
            // Short, because a variant that is longer would be cut elsewhere.
            let text = String(String.UnicodeScalarView(randomText(&generator).unicodeScalars.prefix(6)))
            let expected = Array(tokenizer.normalized(text).utf8)
            let variants = [
                text.precomposedStringWithCanonicalMapping, text.decomposedStringWithCanonicalMapping,
                text.precomposedStringWithCompatibilityMapping, text.decomposedStringWithCompatibilityMapping,
                text.lowercased(),
            ]
            for variant in variants {
                #expect(Array(tokenizer.normalized(variant).utf8) == expected, "\(hexadecimal(text))")
            }
        }
    }
}

@Suite("Query tokenizer: tokens")
struct QueryTokenTests {
    let tokenizer = QueryTokenizer()

    // Made once with this file's code. A change here makes trained embeddings meaningless.
    static let goldens: [(String, [Int32])] = [
        ("a", [1763]),
        (
            "red shoes",
            [
                20524, 14022, 3472, 21023, 1562, 19166, 30560, 179, 30327, 12880, 24864, 17296, 14140, 7415, 13903,
                3513,
            ]
        ),
        ("Café", [30767, 4330, 22262, 20947, 21645, 25553, 4694, 25624]),
        ("手机壳", [27644, 27101, 1875]),
        ("🇫🇷 👍", [15733, 2947, 19534, 29746]),
    ]

    @Test("tokens are the same on every machine and in every version", arguments: goldens)
    func stable(text: String, expected: [Int32]) {
        #expect(tokenizer.tokens(text) == expected)
    }

    @Test("words come first, then the runs of 3 and of 4 of each word")
    func order() {
        let big = QueryTokenizer(buckets: 1 << 30, maximumTokens: 100)
        let tokens = big.tokens("red shoe")
        // <red>: <re red ed>, <red red>; <shoe>: <sh sho hoe oe>, <sho shoe hoe>.
        #expect(tokens.count == 2 + 3 + 2 + 4 + 3)
        #expect(Set(tokens).count == tokens.count)
        #expect(tokens.prefix(2) == [big.tokens("red")[0], big.tokens("shoe")[0]])
        #expect(tokens[2..<7] == big.tokens("red")[1...])
        #expect(tokens[7...] == big.tokens("shoe")[1...])
        #expect(big.tokens("a").count == 1)
        #expect(big.tokens("ab").count == 3)  // <ab>, <ab, ab>
    }

    @Test("a limit leaves out the parts of late words first, then late words")
    func truncation() {
        let all = QueryTokenizer(maximumTokens: 1000).tokens("one three five")
        for limit in [1, 2, 3, 4, 10, 1000] {
            #expect(QueryTokenizer(maximumTokens: limit).tokens("one three five") == Array(all.prefix(limit)))
        }
        let many = (0..<50).map { "w\($0)" }.joined(separator: " ")
        #expect(tokenizer.tokens(many) == (0..<32).map { tokenizer.tokens("w\($0)")[0] })
    }

    @Test("a misspelt word shares parts with the right one, and not the word's own token")
    func typo() {
        let big = QueryTokenizer(buckets: 1 << 30, maximumTokens: 100)
        for (right, wrong) in [("sneakers", "sneekers"), ("headphones", "headphone"), ("adidas", "addidas")] {
            let shared = Set(big.tokens(right)).intersection(big.tokens(wrong))
            #expect(shared.count >= 4)
            #expect(big.tokens(right)[0] != big.tokens(wrong)[0])
        }
        #expect(Set(big.tokens("sneakers")).isDisjoint(with: big.tokens("laptop")))
    }

    @Test("every text has tokens in range, or none when it has no word")
    func total() {
        var generator = SplitMix64(seed: 19)
        for round in 0..<3000 {
            let tokenizer = QueryTokenizer(
                buckets: [1, 2, 97, 1 << 15][round % 4],
                maximumTokens: [1, 5, 32][round % 3]
            )
            let text = randomText(&generator)
            let tokens = tokenizer.tokens(text)
            #expect(tokens.count <= tokenizer.maximumTokens)
            #expect(tokens.allSatisfy { (1...Int32(tokenizer.buckets)).contains($0) })
            #expect(tokens.isEmpty == tokenizer.words(text).isEmpty)
        }
    }

    static let hostile: [String] = [
        String(repeating: "x", count: 10_000), String(repeating: "a ", count: 10_000),
        "a" + String(repeating: "\u{301}", count: 10_000), String(repeating: "\u{FDFA}", count: 10_000),
        String(repeating: "👨‍👩‍👧‍👦", count: 10_000), String(repeating: "\0", count: 10_000),
        String(repeating: "\u{202E}", count: 10_000) + "late",
        String(repeating: "\u{1100}\u{1161}\u{11A8}", count: 10_000),
        "\u{10FFFF}\u{FFFF}\u{E000}", "'; DROP TABLE queries; --", "\u{FFFD}\u{FFF9}\u{FFFB}",
    ]

    @Test("hostile text is answered within a bound of time", arguments: hostile)
    func hostileText(text: String) {
        let start = ContinuousClock.now
        for _ in 0..<10 { #expect(tokenizer.tokens(text).count <= 32) }
        // Measured: 5 ms at most. Work that grew with the length would take seconds.
        #expect(ContinuousClock.now - start < .seconds(2))
    }

    @Test("buckets are used evenly")
    func spread() {
        let small = QueryTokenizer(buckets: 64, maximumTokens: 1)
        var counts = [Int](repeating: 0, count: 65)
        for number in 0..<64_000 { counts[Int(small.tokens("word\(number)")[0])] += 1 }
        #expect(counts[0] == 0)
        // A thousand each; six standard deviations are 190.
        #expect(counts.dropFirst().allSatisfy { (810...1190).contains($0) })
    }

    @Test("settings survive JSON, and impossible ones are refused")
    func coding() throws {
        let settings = QueryTokenizer(buckets: 1000, maximumTokens: 7)
        let data = try JSONEncoder().encode(settings)
        #expect(try JSONDecoder().decode(QueryTokenizer.self, from: data) == settings)
        for (buckets, tokens) in [(0, 1), (-5, 1), (1 << 31, 1), (1, 0), (1, -1)] {
            let json = Data("{\"buckets\": \(buckets), \"maximumTokens\": \(tokens)}".utf8)
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(QueryTokenizer.self, from: json) }
        }
        #expect(QueryTokenizer() == QueryTokenizer(buckets: 32_768, maximumTokens: 32))
    }
}

/// Up to 60 scalars from the blocks where normalization does something, sometimes all of one block.
private func randomText(_ generator: inout SplitMix64) -> String {
    let blocks: [ClosedRange<UInt32>] = [
        0...0x7F, 0x80...0x24F, 0x300...0x3FF, 0x590...0x6FF, 0x900...0x97F, 0x1100...0x11FF, 0x1E00...0x1FFF,
        0x2000...0x2BFF, 0x3040...0x33FF, 0xAC00...0xACFF, 0xF900...0xFFFF, 0x1F1E6...0x1F9FF, 0...0x10FFFF,
    ]
    let only = Bool.random(using: &generator) ? blocks.randomElement(using: &generator) : nil
    var text = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: 0...60, using: &generator) {
        let block = only ?? blocks.randomElement(using: &generator) ?? 0...0
        if let scalar = Unicode.Scalar(UInt32.random(in: block, using: &generator)) { text.append(scalar) }
    }
    return String(text)
}

private func hexadecimal(_ text: String) -> String {
    text.unicodeScalars.map { String($0.value, radix: 16) }.joined(separator: " ")
}
