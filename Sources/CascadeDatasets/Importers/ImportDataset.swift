// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// What an import did.
public struct ImportReport: Sendable {
    /// Rows read from all files, those left out among them; headers and blank lines do not count.
    public let rowsRead: Int
    /// Rows that were left out because they were not what the format says.
    public let rowsSkipped: Int
    /// Why, for the first 10 of them: file, line, what was found and what was expected.
    public let skippedReasons: [String]
    /// What the import made of the source, and what looks wrong in it, in the order in which it was said.
    public let remarks: [ImportRemark]
    /// The data set that was written.
    public let dataset: Dataset
}

/// Reads source files and writes a data set directory.
///
/// Events keep the order of the files, which breaks ties of time. When anything fails nothing is left behind.
///
/// - Parameters:
///   - format: The name of an ``ImportFormat``.
///   - paths: Files, or the folder that holds them.
///   - target: Where to create the directory; nothing may exist there.
///   - options: Columns, units, filters and what to do with bad rows.
///   - name: The name that people will see; nil takes the first path's.
///   - progress: Is told the number of rows read so far, now and then and at the end.
///   - remark: Is told what the import makes of the source, as soon as it is known.
/// - Returns: What was read and left out, and the data set.
/// - Throws: ``DatasetError`` `.unknownFormat`, `.notFound`, `.alreadyExists`, `.badOption`, `.badRow` with file and
///   line, or `.empty`; `FileError` when a file is missing, truncated or damaged, or the disk is full.
public func importDataset(
    from format: String,
    paths: [URL],
    to target: URL,
    options: ImportOptions = ImportOptions(),
    name: String? = nil,
    progress: ((Int) -> Void)? = nil,
    remark: ((ImportRemark) -> Void)? = nil
) throws -> ImportReport {
    let format = try ImportFormat(named: format)
    guard let first = paths.first else {
        throw DatasetError(.notFound, "no source file is given; '\(format.rawValue)' takes \(format.summary).")
    }
    guard !FileManager.default.fileExists(atPath: target.path) else {
        throw DatasetError(
            .alreadyExists,
            "\(target.path): something exists there and is not overwritten. Remove it or choose another path."
        )
    }
    try options.check(for: format)
    let baseName = first.lastPathComponent.prefix { $0 != "." }
    var session = try ImportSession(
        format,
        name: name ?? (baseName.isEmpty ? format.rawValue : String(baseName)),
        options: options,
        remark: remark,
        progress: progress
    )
    session.builder.note("format", format.rawValue)
    do {
        try format.read(paths, into: &session)
        try session.readFeatureFiles()
    } catch let error as RowError {  // a header: without it no row can be read
        throw error.asHeaderError
    }
    return try (consume session).finish(at: target)
}
