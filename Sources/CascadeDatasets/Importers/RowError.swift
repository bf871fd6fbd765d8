// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What is wrong with one row of a source file, which an import may stop at or leave out.
struct RowError: Error {
    let url: URL
    let line: Int
    /// What was found and what was expected.
    let finding: String
    /// What to do, where it is more than to fix the line.
    var advice: String?

    /// File name, line and finding, for a list of what was left out.
    var summary: String { "\(url.lastPathComponent):\(line): \(finding)" }

    /// The error with which an import stops.
    var asDatasetError: DatasetError {
        DatasetError(.badRow, "\(url.path):\(line): \(finding); \(advice ?? "fix the line or pass --on-error skip")")
    }

    /// The error that the header is wrong, without which no row can be read.
    var asHeaderError: DatasetError {
        DatasetError(.badRow, "\(url.path):\(line): \(finding); \(advice ?? "fix the line")")
    }

    /// The same for a text.
    static func quoted(_ text: String) -> String {
        var text = text
        return text.withUTF8 { quoted($0) }
    }

    /// A source's value for a message: on one line and cut to 40 characters.
    static func quoted(_ field: FieldBytes) -> String {
        let text = String(decoding: field.prefix(200), as: UTF8.self)
        let printable = text.unicodeScalars.map { scalar in
            scalar == "\t" ? "\\t" : scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : String(scalar)
        }
        .joined()
        return "'\(printable.prefix(40))\(printable.count > 40 || field.count > 200 ? "…" : "")'"
    }
}
