// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import Foundation
import Testing

@Suite("Lexical index: a query is text, whatever it looks like")
struct LexicalHostileTests {
    static let queries = [
        "red AND hat", "red OR hat", "red NOT hat", "NOT red", "AND", "OR OR OR", "NEAR(red hat, 2)", "NEAR",
        "red NEAR hat",
        "\"red", "\"red hat\"", "red\"\"hat\"", "\"", "\"\"\"", "''", "red' OR '1'='1", "(red", "red)", "((((", "()",
        "red*", "*", "* red", "re*d", "text:red", "documents:red", "- red", "-red", "{text} : red", "{text title}: red",
        "^red", "^", "red + hat", "+", "red:hat", ":", "red, hat; blue", "\\", "\\\"", "%", "_", "?1", ":name", "@red",
        "$red",
        "'; DROP TABLE documents; --", "red\"); DELETE FROM facts; --", "red\" OR rank MATCH 'bm25(0)", "/* red */",
        "--",
        "👍", "👨‍👩‍👧 🇫🇷", "red 👍🏽", "שלום \u{200F}red", "\u{202E}red\u{202C}", "مرحبا", "हिन्दी", "手机壳", "\u{301}", "\u{FEFF}",
        "\0", "red\0hat", "\0red", "\u{1}\u{2}\u{7F}\u{85}", "\n\r\t", "\u{FFFD}", "\u{10FFFF}", "\u{E000}",
        String(repeating: "red hat ", count: 1250), String(repeating: "r", count: 10_000),
        String(repeating: "\"", count: 10_000), String(repeating: "( ", count: 5_000),
        String(repeating: "a b.c ", count: 2_000), "e" + String(repeating: "\u{301}", count: 10_000),
        String(repeating: "👨‍👩‍👧", count: 2_000),
    ]

    static let texts = ["red hat", "red shoe", "blue hat near", "not and or", "text documents rank", "手机壳 שלום मुझे"]

    @Test("every query has an answer, split at spaces or by QueryTokenizer", arguments: queries)
    func answers(query: String) throws {
        let tokenizer = QueryTokenizer()
        for words: LexicalIndex.Splitter in [spaced, { tokenizer.words($0) }, { [$0] }] {
            let index = try LexicalIndex(Self.texts.enumerated().map { (index: $0, text: $1) }, words: words)
            let found = try index.search(query, limit: 100)
            #expect(found.allSatisfy { (0..<6).contains($0.index) && $0.score >= 0 })
            #expect(try index.search("hat", limit: 5).map(\.index).sorted() == [0, 2])
        }
    }

    @Test("an operator is a word like any other")
    func operators() throws {
        let index = try lexicalIndex(Self.texts)
        #expect(try index.search("NOT", limit: 5).map(\.index) == [3])
        #expect(try Set(index.search("shoe NOT red", limit: 9).map(\.index)) == [0, 1, 3])
        #expect(try Set(index.search("shoe AND blue", limit: 9).map(\.index)) == [1, 2, 3])
        #expect(try index.search("text:red", limit: 9).isEmpty)
        #expect(try index.search("sho*", limit: 9).isEmpty)
        #expect(try Set(index.search("^hat", limit: 9).map(\.index)) == [0, 2])
    }

    @Test("random text has an answer and leaves the index as it was")
    func randomText() throws {
        let index = try lexicalIndex(Self.texts)
        let before = try index.search("red hat", limit: 9)
        var generator = SplitMix64(seed: 11)
        let syntax = Array("\"'()*:^+-{}\\ \0%_;,ANDORNOTNEARred hat\u{301}é手👍")
        for _ in 0..<2_000 {
            let query = String(
                (0..<Int.random(in: 0..<30, using: &generator)).map { _ in
                    syntax.randomElement(using: &generator) ?? " "
                }
            )
            _ = try index.search(query, limit: 9)
        }
        #expect(try index.search("red hat", limit: 9) == before)
    }

    @Test("hostile documents are taken in, and found by their words")
    func documents() throws {
        let index = try lexicalIndex(Self.queries)
        #expect(index.count == Self.queries.count)
        #expect(try index.search("drop", limit: 100).count == 1)
        let afterNul = try #require(Self.queries.firstIndex(of: "red\0hat"))
        #expect(try index.search("hat", limit: 100).map(\.index).contains(afterNul))
    }
}
