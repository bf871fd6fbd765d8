// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import CascadeRetrieval

@Suite("Lexical index: files, damage and threads")
struct LexicalFileTests {
    let folder: TemporaryFolder
    var url: URL { folder.file("titles.index") }

    init() throws { folder = try TemporaryFolder() }

    /// Writes an index of texts numbered by their position.
    @discardableResult
    func write(_ texts: [String]) throws -> LexicalIndex {
        try LexicalIndex(texts.enumerated().map { (index: $0, text: $1) }, writingTo: url, words: spaced)
    }

    func errorOnOpening() throws -> RetrievalError {
        let error = #expect(throws: RetrievalError.self) { try LexicalIndex(contentsOf: url, words: spaced) }
        let found = try #require(error)
        #expect(found.description.contains(url.path))
        return found
    }

    static let texts = (0..<500).map { "item\($0) group\($0 % 7) \($0 % 3 == 0 ? "red" : "blue")" }

    @Test("a file answers like memory, when written and when opened again")
    func roundTrip() throws {
        let memory = try lexicalIndex(Self.texts)
        let written = try write(Self.texts)
        let opened = try LexicalIndex(contentsOf: url, words: spaced)
        #expect(opened.count == 500)
        for query in ["red", "group3 item40", "blue group1", "nothing", ""] {
            let expected = try memory.search(query, limit: 40)
            #expect(try written.search(query, limit: 40) == expected)
            #expect(try opened.search(query, limit: 40) == expected)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["titles.index"])
    }

    @Test("a link to an index opens it")
    func link() throws {
        try write(Self.texts)
        let link = folder.file("current")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: url)
        #expect(try LexicalIndex(contentsOf: link, words: spaced).count == 500)
    }

    @Test("equal documents make equal files")
    func reproducible() throws {
        try write(Self.texts)
        let first = try Data(contentsOf: url)
        try write(Self.texts)
        #expect(try Data(contentsOf: url) == first)
    }

    @Test("an open index goes on answering from its file when that is replaced or removed")
    func replaced() throws {
        let old = try write(["red hat", "blue"])
        let new = try write(["green", "red", "red"])
        #expect(try old.search("red", limit: 5).map(\.index) == [0])
        #expect(try new.search("red", limit: 5).map(\.index) == [1, 2])
        try FileManager.default.removeItem(at: url)
        // More threads than connections, so that every connection is asked.
        let answers = Mutex<[[Int]]>([])
        DispatchQueue.concurrentPerform(iterations: 64) { _ in
            let found = try? old.search("hat", limit: 5).map(\.index)
            answers.withLock { $0.append(found ?? []) }
        }
        #expect(answers.withLock { $0 } == Array(repeating: [0], count: 64))
    }

    @Test("a build that fails leaves the file that was there, and nothing else")
    func failedBuild() throws {
        try write(["red"])
        #expect(throws: RetrievalError.self) {
            try LexicalIndex([(index: 0, text: "a"), (index: 0, text: "b")], writingTo: url, words: spaced)
        }
        #expect(try LexicalIndex(contentsOf: url, words: spaced).search("red", limit: 1).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["titles.index"])
        let nowhere = folder.file("missing/titles.index")
        let error = #expect(throws: RetrievalError.self) {
            try LexicalIndex([(index: 0, text: "a")], writingTo: nowhere, words: spaced)
        }
        #expect(error?.reason == .writeFailed)
        #expect(error?.description.contains(nowhere.path) == true)
    }

    @Test("what is not an index is called that")
    func foreign() throws {
        #expect(try errorOnOpening().reason == .notFound)
        for content in [Data(), Data("user,item\n1,2\n".utf8), Data(repeating: 0, count: 8192)] {
            try content.write(to: url)
            #expect(try errorOnOpening().reason == .notAnIndex)
        }
        try FileManager.default.removeItem(at: url)
        let other = try DatabaseQueue(path: url.path)
        try other.write { try $0.execute(sql: "CREATE TABLE documents (text TEXT)") }
        try other.close()
        #expect(try errorOnOpening().reason == .notAnIndex)
        try FileManager.default.removeItem(at: url)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        #expect(try errorOnOpening().reason == .readFailed)
    }

    @Test("an index of another format, or with other tables, is refused")
    func otherFormat() throws {
        try write(Self.texts)
        let queue = try DatabaseQueue(path: url.path)
        try queue.write { try $0.execute(sql: "PRAGMA user_version = 7") }
        let error = try errorOnOpening()
        #expect(error.reason == .otherVersion)
        #expect(error.description.contains("7"))
        try queue.write { try $0.execute(sql: "PRAGMA user_version = 1; DROP TABLE facts") }
        #expect(try errorOnOpening().reason == .corrupt)
        try queue.close()
    }

    @Test("an index is opened only with the words that it was made with")
    func otherWords() throws {
        try write(Self.texts)
        let tokenizer = QueryTokenizer()
        let error = #expect(throws: RetrievalError.self) {
            try LexicalIndex(contentsOf: url, words: { tokenizer.words($0) })
        }
        #expect(error?.reason == .otherWords)
    }

    @Test("a file that was cut is refused")
    func truncated() throws {
        try write(Self.texts)
        let whole = try Data(contentsOf: url)
        for size in [10, 100, 5000, whole.count / 2, whole.count - 1] {
            try whole.prefix(size).write(to: url)
            #expect([.corrupt, .notAnIndex].contains(try errorOnOpening().reason))
        }
    }

    @Test("damage gives an answer or an error, never a crash")
    func damaged() throws {
        try write(Self.texts)
        let whole = try Data(contentsOf: url)
        var generator = SplitMix64(seed: 4)
        var refused = 0
        for _ in 0..<200 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1..<200, using: &generator) {
                damaged[Int.random(in: 0..<whole.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            try damaged.write(to: url)
            do {
                let index = try LexicalIndex(contentsOf: url, words: spaced)
                for query in ["red", "item40 group3", "blue"] { _ = try index.search(query, limit: 40) }
            } catch let error as RetrievalError {
                refused += 1
                #expect(!error.description.contains("group3"), "an error must not quote a query")
            }
        }
        #expect(refused > 100)
    }

    @Test("a SQLite without full-text search is named", arguments: ["fts99"])
    func missingModule(module: String) throws {
        let queue = try DatabaseQueue()
        let error = #expect(throws: RetrievalError.self) {
            try queue.read { try LexicalFormat.requireModule(module, in: $0, "here") }
        }
        #expect(error?.reason == .noFullText)
        #expect(error?.description.contains(module) == true)
    }

    @Test("many threads get the answers that one gets", arguments: [true, false])
    func threads(inFile: Bool) throws {
        let index = inFile ? try write(Self.texts) : try lexicalIndex(Self.texts)
        let queries = (0..<50).map { "item\($0 * 9) group\($0 % 7)" }
        let expected = try queries.map { try index.search($0, limit: 20) }
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 32) { thread in
            for step in queries.indices {
                let at = (step + thread * 7) % queries.count
                if (try? index.search(queries[at], limit: 20)) != expected[at] { wrong.withLock { $0 += 1 } }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }
}
