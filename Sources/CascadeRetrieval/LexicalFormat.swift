// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB

/// What a lexical index looks like to SQLite.
enum LexicalFormat {
    /// `CLEX`: marks a file as a lexical index of Cascade.
    private static let application = 0x434C_4558
    private static let version = 1

    /// The table of words.
    ///
    /// The texts are not kept (`content=''`), which makes it a third of the size. Positions are (`detail` is full), for
    /// what the caller takes for one word can be several to SQLite, which are then looked up side by side.
    private static let schema = """
        CREATE VIRTUAL TABLE documents USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')
        """

    /// What a file says of itself: the number of documents, and what became of the probe.
    private static let factsSchema = "CREATE TABLE facts (count INTEGER NOT NULL, probe TEXT NOT NULL)"

    /// How many bytes of words are collected before they are written.
    ///
    /// Enough for about a million titles, so that most indexes are written in one piece; merging pieces later would leave
    /// holes in the file.
    private static let collected = 64 << 20

    /// A text on which ways of splitting differ: case, accents, digits, punctuation, ideographs.
    private static let probe = "Crème-brûlée iPhone15_Pro, don't 3.5 手机壳 カメラ ＡＢＣ #1 👍"

    /// Creates the tables and fills them.
    ///
    /// - Returns: The number of documents.
    static func build(
        _ documents: some Sequence<(index: Int, text: String)>,
        words split: LexicalIndex.Splitter,
        in database: Database,
        _ place: String
    ) throws -> Int {
        try requireModule("fts5", in: database, place)
        try database.execute(sql: schema)
        try database.execute(
            sql: "INSERT INTO documents (documents, rank) VALUES ('hashsize', ?)",
            arguments: [collected]
        )
        let insert = try database.makeStatement(sql: "INSERT INTO documents (rowid, text) VALUES (?, ?)")
        // A table without contents does not notice a number that comes twice.
        var seen: Set<Int> = []
        for (index, text) in documents {
            guard index >= 0 else { throw RetrievalError.negativeIndex(place, index) }
            guard seen.insert(index).inserted else { throw RetrievalError.repeatedIndex(place, index) }
            try insert.execute(arguments: [index, storable(split(text))])
        }
        try database.execute(sql: "INSERT INTO documents (documents) VALUES ('optimize')")
        try database.execute(sql: factsSchema)
        try database.execute(
            sql: "INSERT INTO facts VALUES (?, ?)",
            arguments: [seen.count, storable(split(probe))]
        )
        try database.execute(sql: "PRAGMA application_id = \(application); PRAGMA user_version = \(version)")
        return seen.count
    }

    /// Makes sure that a file is a whole index, made with the same words.
    ///
    /// - Returns: The number of documents.
    static func check(_ database: Database, words split: LexicalIndex.Splitter, _ place: String) throws -> Int {
        guard try Int.fetchOne(database, sql: "PRAGMA application_id") == application else {
            throw RetrievalError.notAnIndex(place)
        }
        let format = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard format == version else { throw RetrievalError.otherVersion(place, found: format, expected: version) }
        try requireModule("fts5", in: database, place)
        let report = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "no answer"
        guard report == "ok" else { throw RetrievalError.corrupt(place, report) }
        let file = URL(fileURLWithPath: place).resolvingSymlinksInPath().path
        // SQLite takes a last page that was cut for one that ends in zeros.
        let size = try Int.fetchOne(
            database,
            sql: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        )
        let found = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
        guard size == found else {
            throw RetrievalError.corrupt(place, "it has \(found ?? 0) bytes and should have \(size ?? 0)")
        }
        let declared = try String.fetchAll(
            database,
            sql: "SELECT sql FROM sqlite_master WHERE name IN ('documents', 'facts') ORDER BY name"
        )
        guard declared == [schema, factsSchema],
            let facts = try Row.fetchOne(database, sql: "SELECT count, probe FROM facts"),
            let count = Int.fromDatabaseValue(facts[0]), let words = String.fromDatabaseValue(facts[1])
        else { throw RetrievalError.corrupt(place, "its tables are not those of an index") }
        guard words == storable(split(probe)) else { throw RetrievalError.otherWords(place) }
        return count
    }

    /// Fails when SQLite was built without a module, before an error of SQLite's own that says less.
    static func requireModule(_ module: String, in database: Database, _ place: String) throws {
        let isThere = try Bool.fetchOne(
            database,
            sql: "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = ?)",
            arguments: [module]
        )
        guard isThere == true else {
            let version = try String.fetchOne(database, sql: "SELECT sqlite_version()") ?? "of unknown version"
            throw RetrievalError.noFullText(place, module: module, version: version)
        }
    }

    /// The words of a query as an expression of FTS5, each between quotation marks, where nothing is an operator.
    static func expression(_ words: [String], maximum: Int) -> String {
        var seen: Set<String> = []
        var terms: [String] = []
        for word in words where terms.count < maximum && seen.insert(word).inserted {
            terms.append("\"" + storable([word]).replacing("\"", with: "\"\"") + "\"")
        }
        return terms.joined(separator: " OR ")
    }

    /// The documents of an expression, by score and then by number.
    static func matches(_ expression: String, limit: Int, in database: Database) throws -> [LexicalMatch] {
        let statement = try database.cachedStatement(
            sql: "SELECT rowid, rank FROM documents WHERE documents MATCH ? ORDER BY rank, rowid LIMIT ?"
        )
        let rows = try Row.fetchCursor(statement, arguments: [expression, limit])
        var matches: [LexicalMatch] = []
        while let row = try rows.next() {
            // SQLite's rank is BM25 below zero, so that the best come first in ascending order.
            matches.append(LexicalMatch(index: row[0], score: -(row[1] as Double? ?? 0)))
        }
        return matches
    }

    /// Words as one text for SQLite, where a text ends at a NUL.
    private static func storable(_ words: [String]) -> String {
        let text = words.joined(separator: " ")
        return text.utf8.contains(0) ? text.replacing("\0", with: " ") : text
    }
}
