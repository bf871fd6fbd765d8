// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import Foundation
import Testing

@Suite("Lexical index: what is found, and in which order")
struct LexicalIndexTests {
    @Test("scores are BM25's, computed by hand")
    func bm25() throws {
        // Lengths 2, 4, 3 and 3; the mean is 3. 'red' is in two of the four documents, 'hat' in one.
        let index = try lexicalIndex(["red hat", "red shoe red sole", "blue coat warm", "green coat warm"])
        func part(of idf: Double, occurrences: Double, length: Double) -> Double {
            idf * occurrences * 2.2 / (occurrences + 1.2 * (0.25 + 0.75 * length / 3))
        }
        let hat = log((4 - 1 + 0.5) / (1 + 0.5))
        let found = try index.search("hat", limit: 10)
        #expect(found.map(\.index) == [0])
        #expect(abs(found[0].score - part(of: hat, occurrences: 1, length: 2)) < tolerance)

        let coat = log((5 - 2 + 0.5) / (2 + 0.5))
        let five = try lexicalIndex(["red hat", "red shoe red sole", "blue coat warm", "green coat warm", "a b c"])
        let coats = try five.search("coat sole", limit: 10)
        let sole = log((5 - 1 + 0.5) / (1 + 0.5))
        #expect(coats.map(\.index) == [1, 2, 3])
        #expect(abs(coats[0].score - part(of: sole, occurrences: 1, length: 4)) < tolerance)
        #expect(abs(coats[1].score - part(of: coat, occurrences: 1, length: 3)) < tolerance)
    }

    @Test("a document with the rare word comes before one with the frequent word")
    func rareBeforeFrequent() throws {
        let texts =
            ["shoe lace", "shoe box"] + (0..<20).map { "shoe number\($0)" } + (0..<40).map { "other thing\($0)" }
        let found = try lexicalIndex(texts).search("shoe lace", limit: 3)
        #expect(found.map(\.index) == [0, 1, 2])
        #expect(found[0].score > 2 * found[1].score)
    }

    @Test("equal scores are ordered by index, whatever the order of building")
    func ties() throws {
        let texts = Dictionary(uniqueKeysWithValues: (0..<50).map { ($0, "same words here") })
        let index = try LexicalIndex(
            texts.keys.shuffled().map { (index: $0, text: texts[$0] ?? "") } + [(index: 99, text: "unlike")],
            words: spaced
        )
        #expect(try index.search("words", limit: 10).map(\.index) == Array(0..<10))
        #expect(index.count == 51)
    }

    @Test("case and accents do not count")
    func folding() throws {
        let index = try lexicalIndex(["Crème BRÛLÉE", "other"])
        #expect(try index.search("creme", limit: 5).map(\.index) == [0])
        #expect(try index.search("brûlée", limit: 5).map(\.index) == [0])
    }

    @Test("a limit of nothing gives nothing, and a large one gives all")
    func limits() throws {
        let index = try lexicalIndex(["a", "a", "b"])
        for limit in [0, -1, Int.min] { #expect(try index.search("a", limit: limit).isEmpty) }
        #expect(try index.search("a", limit: .max).count == 2)
        #expect(try index.search("", limit: 5).isEmpty)
        #expect(try index.search("   ", limit: 5).isEmpty)
        #expect(try lexicalIndex([]).search("a", limit: 5).isEmpty)
    }

    @Test("only the first words of a long query are looked up, and repeated ones count once")
    func manyWords() throws {
        let index = try lexicalIndex((0..<100).map { "word\($0)" })
        let query = String(repeating: "word7 ", count: 40) + (0..<100).map { "word\($0)" }.joined(separator: " ")
        let found = try index.search(query, limit: 100)
        #expect(found.count == LexicalIndex.maximumWords)
        #expect(Set(found.map(\.score)).count == 1)
    }

    @Test("the words of QueryTokenizer find ideographs inside of a text")
    func tokenizerWords() throws {
        let tokenizer = QueryTokenizer()
        let texts = ["苹果手机壳", "红色连衣裙", "iPhone_15 case|phone"]
        let index = try LexicalIndex(
            texts.enumerated().map { (index: $0, text: $1) },
            words: { tokenizer.words($0) }
        )
        #expect(try index.search("手机", limit: 5).map(\.index) == [0])
        #expect(try index.search("裙 🎉", limit: 5).map(\.index) == [1])
        #expect(try index.search("ＣＡＳＥ", limit: 5).map(\.index) == [2])
    }

    @Test("numbers must be from 0, and different")
    func badNumbers() throws {
        let negative = #expect(throws: RetrievalError.self) {
            try LexicalIndex([(index: -3, text: "a")], words: spaced)
        }
        #expect(negative?.reason == .badDocument)
        #expect(negative?.description.contains("-3") == true)
        let twice = #expect(throws: RetrievalError.self) {
            try LexicalIndex([(index: 8, text: "a"), (index: 1, text: "b"), (index: 8, text: "c")], words: spaced)
        }
        #expect(twice?.reason == .badDocument)
        #expect(twice?.description.contains("8") == true)
    }

    @Test("agrees with BM25 computed from its definition on random texts")
    func reference() throws {
        var generator = SplitMix64(seed: 5)
        let words = (0..<60).map { "w\($0)" }
        let texts = (0..<300).map { _ in
            // Squares make low numbers frequent, yet none is in half of the texts, where SQLite bounds the weight.
            (0..<Int.random(in: 0..<12, using: &generator)).map { _ in
                words[Int.random(in: 0..<60, using: &generator) * Int.random(in: 20..<60, using: &generator) / 60]
            }
        }
        let index = try lexicalIndex(texts.map { $0.joined(separator: " ") })
        for _ in 0..<50 {
            let query = (0..<3).map { _ in words[Int.random(in: 0..<60, using: &generator)] }
            let found = try index.search(query.joined(separator: " "), limit: 1000)
            let expected = referenceScores(texts, query)
            #expect(found.count == expected.count)
            for match in found { #expect(abs(match.score - (expected[match.index] ?? .nan)) < tolerance) }
            #expect(
                zip(found, found.dropFirst()).allSatisfy {
                    $0.score > $1.score || ($0.score == $1.score && $0.index < $1.index)
                }
            )
        }
    }
}

/// Room for double precision in another order of additions; scores are below 100.
private let tolerance = 1e-9

private func referenceScores(_ texts: [[String]], _ query: [String]) -> [Int: Double] {
    let count = Double(texts.count)
    let mean = Double(texts.map(\.count).reduce(0, +)) / count
    var scores: [Int: Double] = [:]
    for word in Set(query) {
        let holding = Double(texts.count { $0.contains(word) })
        let weight = log((count - holding + 0.5) / (holding + 0.5))
        for (index, text) in texts.enumerated() where text.contains(word) {
            let occurrences = Double(text.count { $0 == word })
            let length = 0.25 + 0.75 * Double(text.count) / mean
            scores[index, default: 0] += weight * occurrences * 2.2 / (occurrences + 1.2 * length)
        }
    }
    return scores
}
