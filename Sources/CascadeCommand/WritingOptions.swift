// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import CascadeDatasets

extension QuoteStyle: ExpressibleByArgument {}
extension EscapeStyle: ExpressibleByArgument {}

/// How the files of an import are written: encoding, delimiter, quotes and the like.
struct WritingOptions: ParsableArguments {
    @Option(help: "Text encoding of all files: utf-8 (default), latin1, cp1252, gbk, utf-16, or another name of iconv.")
    var encoding: String?
    @Option(
        help:
            "csv: the field delimiter: tab, comma, semicolon, pipe, or the character itself; by default tab for .tsv files, the one in a first line such as sep=;, else comma."
    )
    var delimiter: String?
    @Option(
        help:
            "csv: double (a quoted field may contain delimiters and line breaks; \"\" is one quote) or none (quotes are ordinary characters); by default double, and none for tab-separated files whose quotes do not enclose fields."
    )
    var quote: QuoteStyle?
    @Option(
        help:
            "csv: backslash: the character after a backslash belongs to the field; \\n, \\r and \\t are line breaks and tabs, \\N is an empty field."
    )
    var escape: EscapeStyle?
    @Option(help: "csv: skip lines that start with this, such as #.") var comment: String?
    @Flag(help: "csv: the first row is data; columns are numbers from 1.") var noHeader = false

    /// Writes the options into those of an import.
    func apply(to options: inout ImportOptions) {
        (options.encoding, options.delimiter, options.quote) = (encoding, delimiter, quote)
        (options.escape, options.comment, options.hasHeader) = (escape, comment, !noHeader)
    }
}
