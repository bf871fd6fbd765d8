// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Which columns of a table were read, kept so that it costs next to nothing for each field.
struct ColumnReads {
    private var first: UInt64 = 0  // a bit for each of the first 64 columns
    private var others: Set<Int> = []
    private var isEverything = false

    /// Notes that a field of the column was read.
    @inline(__always)
    mutating func add(_ column: Int) {
        if column < 64 { first |= 1 << UInt64(column) } else { others.insert(column) }
    }

    /// Notes that all columns may have been read.
    mutating func addAll() { isEverything = true }

    /// Whether no field of the column was read.
    func lacks(_ column: Int) -> Bool {
        guard !isEverything else { return false }
        return column < 64 ? first & 1 << UInt64(column) == 0 : !others.contains(column)
    }
}

extension ImportSession {
    /// Says which columns of a table nothing was read of, unless that was said before.
    mutating func remarkOnLeftOut(_ table: TableReader) {
        guard table.isFinished, !table.isExamined else { return }
        let ignored = options.columns.ignored(in: table)
        let left = table.columns.indices.filter { table.reads.lacks($0) && !ignored.contains($0) }
        guard !left.isEmpty, left.count < table.columns.count else { return }
        let names = left.map(ColumnFinder.quoted(table.columns)).joined(separator: ", ")
        builder.note("left-out.\(table.url.lastPathComponent)", names)
        say("\(table.url.lastPathComponent): left out the columns \(names)")
    }
}
