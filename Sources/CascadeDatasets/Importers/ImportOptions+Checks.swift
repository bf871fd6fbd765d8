// Part of Cascade. SPDX-License-Identifier: Apache-2.0

extension ImportOptions {
    /// Refuses options that the format would not follow, and values that mean nothing.
    ///
    /// - Throws: ``DatasetError`` `.badOption`.
    func check(for format: ImportFormat) throws {
        _ = try TextEncoding(named: encoding)
        if let delimiter { _ = try Delimiter(named: delimiter) }
        if let comment, comment.isEmpty || comment.contains(where: \.isNewline) {
            throw DatasetError(
                .badOption,
                "--comment: found nothing or a line end, expected the mark that comments start with, such as #. Name one."
            )
        }
        if tabs != nil, format != .kuairand {
            throw DatasetError(
                .badOption,
                "--tabs: found with --from \(format.rawValue), expected with --from kuairand alone. Leave it out."
            )
        }
        guard format != .csv, itemFeatures.isEmpty, userFeatures.isEmpty else { return }
        let given = [
            ("--delimiter", delimiter != nil), ("--quote", quote != nil), ("--escape", escape != nil),
            ("--comment", comment != nil), ("--no-header", !hasHeader),
        ].filter(\.1).map(\.0)
        guard given.isEmpty else {
            throw DatasetError(
                .badOption,
                """
                \(given.joined(separator: ", ")): found with --from \(format.rawValue), whose files are all written in \
                the same way; expected with --from csv. Leave it out, or read the file with --from csv.
                """
            )
        }
    }
}
