// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
public import Foundation

extension Table {
    /// Comma-separated values: a line with the columns' names, then the rows; numbers with all their digits.
    ///
    /// - Source: RFC 4180, with line feeds alone.
    public var csv: String {
        let lines = [columns.map { Cell.text($0.name) }] + rows
        return lines.map { $0.map(\.csv).joined(separator: ",") + "\n" }.joined()
    }

    /// A table of Markdown with units and rounded numbers; of a long one the first rows.
    func markdown(limit: Int = 60) -> String {
        func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |\n" }
        func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
        var text = line(columns.map { escaped($0.label) })
        let isNumber = columns.indices.map { column in rows.contains { $0[column].number != nil } }
        text += line(isNumber.map { $0 ? "---:" : "---" })
        for row in rows.prefix(limit) { text += line(row.map { escaped($0.shown) }) }
        let rest = rows.count - limit
        return rest > 0 ? text + "\n… and \(rest) more rows in `\(name).csv`\n" : text
    }
}

extension Cell {
    fileprivate var csv: String {
        switch self {
        case .none: return ""
        case .number(let value) where !value.isFinite: return ""
        case .number(let value): return Int(exactly: value).map { "\($0)" } ?? "\(value)"
        case .text(let text):
            let isPlain = !text.contains { $0 == "," || $0 == "\"" || $0.isNewline }
            return isPlain ? text : "\"\(text.replacing("\"", with: "\"\""))\""
        }
    }

    /// Four significant digits; whole numbers whole.
    fileprivate var shown: String {
        switch self {
        case .none: ""
        case .text(let text): text
        case .number(let value): Int(exactly: value).map { "\($0)" } ?? String(format: "%.4g", value)
        }
    }
}

extension Figure {
    /// Title, picture, caption and tables.
    public var markdown: String {
        let tables = tables.map { $0.markdown() }.joined(separator: "\n")
        return "# \(title)\n\n![\(title)](\(name).svg)\n\n\(caption)\n\n\(tables)"
    }

    /// Writes `NAME.md` and one CSV file per table into a folder that exists; older files of these names are replaced.
    ///
    /// - Returns: The files' names.
    /// - Throws: ``FileError``.
    public func writeTables(to folder: URL) throws -> [String] {
        try DurableFile.write(markdown, to: folder.appending(path: "\(name).md"))
        for table in tables { try DurableFile.write(table.csv, to: folder.appending(path: "\(table.name).csv")) }
        return tables.map { "\($0.name).csv" } + ["\(name).md"]
    }
}
