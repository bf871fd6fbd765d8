// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// One import while it runs: what was read so far, and what to do with a bad row.
struct ImportSession {
    let options: ImportOptions
    private let format: ImportFormat
    var builder: DatasetBuilder
    /// What the words of actions stand for, in all files.
    let words: ActionWords
    private let progress: ((Int) -> Void)?
    private let tell: ((ImportRemark) -> Void)?
    private var remarks: [ImportRemark] = []
    private var latestColumns = ""  // what was said of them last
    /// The columns of all tables.
    private(set) var seenColumns: Set<ByteString> = []
    private var files: [String] = []
    private var rowsRead = 0
    private var rowsSkipped = 0
    private var skippedReasons: [String] = []

    private static let maximumReasons = 10
    private static let rowsBetweenReports = 1 << 16

    init(
        _ format: ImportFormat,
        name: String,
        options: ImportOptions,
        remark tell: ((ImportRemark) -> Void)?,
        progress: ((Int) -> Void)?
    ) throws {
        self.format = format
        self.options = options
        self.progress = progress
        self.tell = tell
        words = try ActionWords(options.actionWords)
        builder = DatasetBuilder(name: name)
        builder.filter.leastValue = options.minValue
        builder.filter.actions = options.actions
        builder.filter.times = try Self.times(options, usual: nil)
    }

    /// Reads all rows of a file; `addRow` must find a row good before it adds anything of it.
    mutating func read(
        _ table: TableReader,
        _ addRow: (TableReader, inout DatasetBuilder) throws -> Void
    ) throws {
        files.append(table.url.lastPathComponent)
        table.isTrimming = options.trims
        table.reads = ColumnReads()
        defer { remarkOnLeftOut(table) }
        seenColumns.formUnion(table.columns.map { ByteString(ColumnName.trimmed($0)) })
        while true {
            do {
                guard try table.next() else { return remarkOnReading(table) }
                try addRow(table, &builder)
            } catch let error as RowError {
                guard options.onError == .skip else { throw error.asDatasetError }
                rowsSkipped += 1
                if skippedReasons.count < Self.maximumReasons { skippedReasons.append(error.summary) }
            }
            rowsRead += 1
            if rowsRead % Self.rowsBetweenReports == 0 { progress?(rowsRead) }
        }
    }

    /// Reads all rows of a file as events.
    mutating func readEvents(_ table: TableReader, _ layout: EventLayout) throws {
        try read(table) { table, builder in
            guard let (event, nanoseconds) = try layout.event(table) else { return }
            let title = try layout.title.map { try table.text($0) } ?? ""
            builder.add(event, nanoseconds: nanoseconds)
            if !title.isEmpty { builder.setTitle(title, for: event.item) }
        }
    }

    /// Whether the options say which column is what.
    var readsFreeColumns: Bool { format == .csv || format == .recbole }

    /// Says what the import does.
    mutating func say(_ text: String) { remark(ImportRemark(.note, text)) }

    /// Says what will probably lead to wrong results.
    mutating func warn(_ text: String) { remark(ImportRemark(.warning, text)) }

    /// Says what the columns of a table were taken for, unless it is the same as of the table before.
    mutating func say(columns: String, of table: TableReader) {
        builder.note("columns.\(table.url.lastPathComponent)", columns)
        if columns != latestColumns { say("\(table.url.lastPathComponent): \(columns)") }
        latestColumns = columns
    }

    private mutating func remark(_ remark: ImportRemark) {
        remarks.append(remark)
        tell?(remark)
    }

    /// Writes the data set, with a record of where it came from.
    consuming func finish(at target: URL) throws -> ImportReport {
        progress?(rowsRead)
        let isEmpty = builder.eventCount + builder.requestCount == 0
        if isEmpty, let reason = skippedReasons.first {
            throw DatasetError(
                .empty,
                "none of the \(rowsRead) rows is an event; \(rowsSkipped) were skipped, the first because of \(reason)"
            )
        }
        if isEmpty, let advice = builder.filter.advice {
            throw DatasetError(.empty, "none of the \(rowsRead) rows is an event that is kept: \(advice).")
        }
        remarkOnContents()
        for (key, value) in builder.filter.notes { builder.note(key, value) }
        if let count = options.latestUsers { builder.note("latest-users", String(count)) }
        builder.note("files", files.joined(separator: ", "))
        builder.note("rows.read", String(rowsRead))
        builder.note("rows.skipped", String(rowsSkipped))
        builder.note("on-error", options.onError.rawValue)
        for (number, reason) in skippedReasons.enumerated() {
            builder.note("rows.skipped.\(number < 9 ? "0" : "")\(number + 1)", reason)
        }
        let dataset = try takeBuilder().write(
            to: target,
            minUserEvents: options.minUserEvents ?? format.usualMinimum(options),
            minItemEvents: options.minItemEvents ?? format.usualMinimum(options),
            latestUsers: options.latestUsers
        )
        return ImportReport(
            rowsRead: rowsRead,
            rowsSkipped: rowsSkipped,
            skippedReasons: skippedReasons,
            remarks: remarks,
            dataset: dataset
        )
    }

    /// Hands over what was read without keeping it, since it may be most of the memory.
    private mutating func takeBuilder() -> DatasetBuilder {
        let taken = builder
        builder = DatasetBuilder(name: taken.name)
        return taken
    }

    /// The times between those that the options name, or else those that are usual for the format; nil for all.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the first lies after the last.
    static func times(_ options: ImportOptions, usual: ClosedRange<Int64>?) throws -> ClosedRange<Int64>? {
        guard options.firstTime != nil || options.lastTime != nil || usual != nil else { return nil }
        let first = options.firstTime ?? usual?.lowerBound ?? .min
        let last = options.lastTime ?? usual?.upperBound ?? .max
        guard first <= last else {
            throw DatasetError(
                .badOption,
                "the first time, \(first), is after the last, \(last); exchange or widen them."
            )
        }
        return first...last
    }
}
