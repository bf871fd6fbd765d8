// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Sequences that were published with their own division: a table with the columns split, session_id and item_id, one
/// event a line, each sequence in its order.
///
/// A sequence is a user with the id `split:session_id`, so that the same number in two parts is two users; the part is
/// the user's feature `split`, which ``Split/given`` reads. A column time or timestamp (seconds) orders the events of
/// a sequence where it is not empty.
struct SequenceFile {
    private let url: URL

    init(_ path: URL) throws { url = try path.sourceFile(named: ["sequences.csv", "sequences.tsv"]) }

    func read(into session: inout ImportSession) throws {
        let isTabbed = url.lastPathComponent.split(separator: ".").contains("tsv")
        let text = try SourceText(url, encoding: TextEncoding(named: session.options.encoding))
        var syntax = TableSyntax(delimiter: isTabbed ? "\t" : ",")
        syntax.quote = try session.quoteStyle(text, syntax)
        let table = try TableReader(text, syntax)
        try session.readSequences(table, action: .click)
    }
}

extension ImportSession {
    /// Reads all rows of a table as events of sequences.
    ///
    /// - Parameters:
    ///   - table: The table, its header read.
    ///   - value: The column with an event's grade or amount; nil finds it by its usual names.
    ///   - action: What users did.
    mutating func readSequences(_ table: TableReader, value: String? = nil, action: Action) throws {
        var options = ImportOptions()
        func first(_ names: String...) -> String? { table.columns.first { names.contains($0.lowercased()) } }
        (options.columns.user, options.columns.item) = ("session_id", "item_id")
        (options.columns.value, options.columns.time) = (value ?? first("rating", "value"), first("timestamp", "time"))
        options.columns.query = first("query")
        options.action = action
        var layout = try EventLayout(of: table, options)
        layout.allowsMissingTimes = true
        let split = try ColumnFinder(table).named(GivenPart.feature, "the part")
        try read(table) { [layout] table, builder in
            guard let read = try layout.event(table) else { return }
            var event = read.event
            let part = try table.identifier(split)
            guard !part.utf8.contains(UInt8(ascii: ":")) else {
                throw table.error(split, expected: "the name of a part, without ':'")
            }
            event.user = UserID("\(part):\(event.user)")
            builder.add(event, nanoseconds: read.nanoseconds)
            builder.setUserFeature(GivenPart.feature, [part], for: event.user)
        }
    }
}
