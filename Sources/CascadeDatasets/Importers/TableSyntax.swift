// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a quote at the start of a field means.
public enum QuoteStyle: String, Sendable, Codable, CaseIterable {
    /// The field ends at the next quote; within it the delimiter and line ends stand for themselves, and `""` for one.
    case double
    /// Nothing: quotes are letters like others.
    case literal = "none"
}

/// What makes the next letter of a field stand for itself.
public enum EscapeStyle: String, Sendable, Codable, CaseIterable {
    /// A backslash; `\n`, `\r` and `\t` are a line feed, a carriage return and a tab, and a field that is `\N` is empty.
    case backslash
}

/// How a table of text is written.
struct TableSyntax {
    /// One or more letters that stand between two fields.
    var delimiter: String
    var quote = QuoteStyle.double
    var escape: EscapeStyle?
    /// Lines that start with it are passed over.
    var comment: String?
    /// Whether a first line such as `sep=;` is passed over.
    var skipsSeparatorLine = false
}
