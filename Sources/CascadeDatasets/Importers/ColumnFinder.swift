// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
internal import Foundation

/// Finds the columns of a table by name or number.
struct ColumnFinder {
    private let names: [String]
    private let path: String
    private let ignored: Set<Int>

    /// - Parameters:
    ///   - table: The table, its header read.
    ///   - ignored: Columns that are not found by their usual names.
    init(_ table: TableReader, ignoring ignored: Set<Int> = []) {
        names = table.columns
        path = table.url.path
        self.ignored = ignored
    }

    /// The column called `wanted`, or with that number from 1; one with a usual name of the role when nothing is wanted.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when there is no such column, or when several have equally usual names.
    func find(_ role: ColumnRole, _ wanted: String?) throws -> Int? {
        if let wanted { return try named(wanted, "the \(role)") }
        let plain = names.map(ColumnName.plain)
        for group in role.usualNames {
            let found = names.indices.filter { group.contains(plain[$0]) && !ignored.contains($0) }
            guard let first = found.first else { continue }
            guard found.count == 1 else { throw ambiguous(role, found) }
            return first
        }
        return nil
    }

    /// The same for a column that must be there.
    func require(_ role: ColumnRole, _ wanted: String?) throws -> Int {
        if let column = try find(role, wanted) { return column }
        throw DatasetError(
            .badOption,
            """
            \(path): found \(list), expected one of \(role.examples) for the \(role). Say which column holds the \(role) \
            with \(role.option), by its name or its number from 1.
            """
        )
    }

    /// The column of titles in a table of items: also one called `name`.
    func title(_ wanted: String?) throws -> Int? {
        if let column = try find(.title, wanted) { return column }
        return names.indices.first {
            ["name", "artistname"].contains(ColumnName.plain(names[$0])) && !ignored.contains($0)
        }
    }

    /// The column called `wanted`, or with that number from 1.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when there is none.
    func named(_ wanted: String, _ purpose: String) throws -> Int {
        if let index = names.firstIndex(of: wanted) { return index }
        if let index = names.firstIndex(where: { ColumnName.trimmed($0) == wanted }) { return index }
        if let number = Int(wanted), names.indices.contains(number - 1) { return number - 1 }
        throw DatasetError(
            .badOption,
            "\(path): there is no column '\(wanted)' for \(purpose).\(didYouMean(wanted, names)) It has \(list)."
        )
    }

    /// Whether there is a column of that name or number.
    func has(_ wanted: String) -> Bool { (try? named(wanted, "")) != nil }

    private func ambiguous(_ role: ColumnRole, _ found: [Int]) -> DatasetError {
        DatasetError(
            .badOption,
            """
            \(path): found \(found.map(ColumnFinder.quoted(names)).joined(separator: " and ")), each of which could be \
            the \(role); expected one. Say which it is with \(role.option) NAME or a number from 1, or leave the \
            others out with --ignore-column NAME.
            """
        )
    }

    private var list: String {
        let shown = names.prefix(20).map { "'\($0.prefix(40))'" }.joined(separator: ", ")
        return "the columns \(shown)\(names.count > 20 ? " and \(names.count - 20) more" : "")"
    }

    /// Names columns for a message, each on one line.
    static func quoted(_ names: [String]) -> (Int) -> String { { RowError.quoted(names[$0]) } }
}
