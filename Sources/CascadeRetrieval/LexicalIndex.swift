// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation
internal import GRDB

/// Finds the documents that share words with a query, the best by BM25 first.
///
/// SQLite's full-text search (FTS5) holds the words, in memory or in a file; the texts themselves are not kept. Case and
/// accents do not count. What a word is, the caller says once, for documents and queries alike. Words that SQLite sees no
/// letter or digit in, such as emoji, are never found.
///
/// An index never changes. Any number of threads may search it: in a file they search at the same time, in memory one
/// after the other.
///
/// - Source: BM25 with k1 = 1.2 and b = 0.75, of Robertson and Zaragoza 2009, The Probabilistic Relevance Framework,
///   section 3.
public final class LexicalIndex: Sendable {
    /// Splits a text into its words, in their order.
    public typealias Splitter = @Sendable (_ text: String) -> [String]

    /// How many different words of a query are looked up: the first 32.
    public static let maximumWords = 32

    /// How many documents the index holds, those without a word among them.
    public let count: Int

    private let place: String
    private let split: Splitter
    private let connections: ReadConnections

    /// Builds an index in memory.
    ///
    /// - Parameters:
    ///   - documents: Numbers from 0, each at most once, in any order, with a text for each.
    ///   - split: Splits a text into words.
    /// - Throws: ``RetrievalError`` when a number is negative or comes twice, or when SQLite lacks full-text search.
    public init(_ documents: some Sequence<(index: Int, text: String)>, words split: @escaping Splitter) throws {
        place = "lexical index in memory"
        self.split = split
        (connections, count) = try DatabaseFailure.writing(place) { [place] in
            let queue = try DatabaseQueue()
            let count = try queue.write { try LexicalFormat.build(documents, words: split, in: $0, place) }
            return (ReadConnections([queue]), count)
        }
    }

    /// Builds an index in a file, which replaces what was at `url`, and opens it.
    ///
    /// The file takes its name only when it is whole, so that a kill leaves what was there before.
    ///
    /// - Parameters:
    ///   - documents: Numbers from 0, each at most once, in any order, with a text for each.
    ///   - url: Where the file goes; its folder must exist.
    ///   - split: Splits a text into words.
    /// - Throws: ``RetrievalError`` when a number is negative or comes twice, when SQLite lacks full-text search or
    ///   when the file cannot be written.
    public convenience init(
        _ documents: some Sequence<(index: Int, text: String)>,
        writingTo url: URL,
        words split: @escaping Splitter
    ) throws {
        let temporary = url.deletingLastPathComponent().appendingPathComponent(".cascade-\(UUID().uuidString).tmp")
        defer {
            // Where all went well the first has moved away; the second is SQLite's journal of a failed build.
            unlink(temporary.path)
            unlink(temporary.path + "-journal")
        }
        try DatabaseFailure.writing(url.path) {
            let queue = try DatabaseQueue(path: temporary.path)
            _ = try queue.write { try LexicalFormat.build(documents, words: split, in: $0, url.path) }
            try queue.close()
            // SQLite has synced the bytes. Should the new name be lost in a crash, the old file is still there.
            guard rename(temporary.path, url.path) == 0 else {
                throw RetrievalError.writeFailed(url.path, String(cString: strerror(errno)))
            }
        }
        try self.init(contentsOf: url, words: split)
    }

    /// Opens an index that was built in a file.
    ///
    /// - Parameters:
    ///   - url: The file. It must not be written to while the index is in use, but may be replaced or removed.
    ///   - split: Splits a text into words, as it did when the index was built.
    /// - Throws: ``RetrievalError`` when there is no file, when it is not an index, when it is damaged, or when `split`
    ///   splits a text otherwise than when it was built.
    /// - Complexity: Linear in the size of the file, whose structure is checked.
    public init(contentsOf url: URL, words split: @escaping Splitter) throws {
        place = url.path
        self.split = split
        (connections, count) = try DatabaseFailure.reading(place) { [place] in
            guard FileManager.default.fileExists(atPath: place) else { throw RetrievalError.notFound(place) }
            var configuration = Configuration()
            configuration.readonly = true
            // A file made by somebody else may hold anything, so nothing in its schema is run.
            configuration.prepareDatabase { try $0.execute(sql: "PRAGMA trusted_schema = OFF") }
            let queues = try (0..<max(1, ProcessInfo.processInfo.activeProcessorCount)).map { _ in
                try DatabaseQueue(path: place, configuration: configuration)
            }
            let connections = ReadConnections(queues)
            return (connections, try connections.read { try LexicalFormat.check($0, words: split, place) })
        }
    }

    /// The documents that share at least one word with the query, the best first.
    ///
    /// The query is text, never an expression: operators and quotation marks have no meaning. The time grows with the
    /// number of documents that have one of its words, so frequent words cost most.
    ///
    /// - Parameters:
    ///   - query: Any text; empty gives nothing.
    ///   - limit: How many documents at most; 0 or less gives nothing.
    /// - Returns: Scores from high to low; of equal ones the lower index first.
    /// - Throws: ``RetrievalError`` when the file cannot be read or proves to be damaged.
    public func search(_ query: String, limit: Int) throws -> [LexicalMatch] {
        let expression = LexicalFormat.expression(split(query), maximum: Self.maximumWords)
        guard limit > 0, !expression.isEmpty else { return [] }
        return try DatabaseFailure.reading(place) {
            try connections.read { try LexicalFormat.matches(expression, limit: limit, in: $0) }
        }
    }
}
