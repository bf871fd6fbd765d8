// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension ImportSession {
    /// Opens a table of a format that says how it is written, whose first row names the columns.
    func table(_ url: URL, _ delimiter: String, quote: QuoteStyle = .double) throws -> TableReader {
        try TableReader(
            SourceText(url, encoding: TextEncoding(named: options.encoding)),
            TableSyntax(delimiter: delimiter, quote: quote)
        )
    }

    /// Opens such a table without quotes and without a header.
    ///
    /// - Parameters:
    ///   - url: The file.
    ///   - delimiter: What stands between fields.
    ///   - columns: The names of the columns.
    ///   - usual: The encoding where the options name none.
    func table(
        _ url: URL,
        _ delimiter: String,
        columns: [String],
        usual: TextEncoding = .utf8
    ) throws -> TableReader {
        let encoding = try options.encoding == nil ? usual : TextEncoding(named: options.encoding)
        return try TableReader(
            SourceText(url, encoding: encoding),
            TableSyntax(delimiter: delimiter, quote: .literal),
            columns: columns
        )
    }

    /// Opens a table that is written as the options say or, where they do not, as the file itself shows.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the header has one column and another delimiter parts it.
    mutating func delimitedTable(_ url: URL, hasHeader: Bool) throws -> TableReader {
        let text = try SourceText(url, encoding: TextEncoding(named: options.encoding))
        let first = text.firstLine(comment: options.comment)
        let separator = first.withUnsafeBufferPointer { SeparatorLine.delimiter($0) }
        let isTabbed = url.lastPathComponent.lowercased().split(separator: ".").contains("tsv")
        var syntax = TableSyntax(delimiter: separator ?? (isTabbed ? "\t" : ","))
        if let wanted = options.delimiter { syntax.delimiter = try Delimiter(named: wanted).text }
        (syntax.escape, syntax.comment) = (options.escape, options.comment)
        syntax.skipsSeparatorLine = separator != nil
        if options.comment == nil, first.first == UInt8(ascii: "#") {
            say(
                "\(url.lastPathComponent): the first line begins with '#' and is read; --comment '#' passes such lines over"
            )
        }
        if separator == nil { try Delimiter.checkHeader(first, syntax.delimiter, url) }
        syntax.quote = try options.quote ?? quoteStyle(text, syntax)
        return try TableReader(text, syntax, hasHeader: hasHeader)
    }

    /// What quotes mean where nobody says it: in files with tabs they are letters if they do not fit around fields.
    mutating func quoteStyle(_ text: SourceText, _ syntax: TableSyntax) throws -> QuoteStyle {
        guard syntax.delimiter == "\t" else { return .double }
        let name = text.url.lastPathComponent
        guard text.isRegularFile else {
            say(
                "\(name): quotes are letters, since the file can be read only once; --quote double puts fields in quotes"
            )
            return .literal
        }
        guard let line = try QuoteScan.misfit(text.url, text.encoding, syntax) else { return .double }
        builder.note("quotes.\(name)", "letters")
        say("\(name): quotes are letters, since those of line \(line) do not fit around a field; see --quote")
        return .literal
    }

    /// Records and says what was passed over or read in another way than the rest of a table.
    mutating func remarkOnReading(_ table: TableReader) {
        let name = table.url.lastPathComponent
        if table.commentCount > 0 {
            builder.note("comments.\(name)", String(table.commentCount))
            say("\(name): \(table.commentCount) lines are comments and were passed over")
        }
        if table.latin1Count > 0 {
            builder.note("latin1.\(name)", String(table.latin1Count))
            say("\(name): \(table.latin1Count) fields are no UTF-8 and were read as Latin-1; see --encoding")
        }
    }
}

extension SourceText {
    /// Whether the file can be read again from its beginning, which a pipe cannot.
    fileprivate var isRegularFile: Bool {
        var status = stat()
        return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The first line that is neither blank nor a comment, as far as it is among the first bytes.
    fileprivate func firstLine(comment: String?) -> [UInt8] {
        let lines = head.lazy.split(whereSeparator: \.isLineBreak)
        return lines.first { line in comment.map { !line.starts(with: $0.utf8) } ?? true }.map { Array($0) } ?? []
    }
}
