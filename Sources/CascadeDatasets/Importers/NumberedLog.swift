// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Logs whose users, items and features are all whole numbers, one event a row, as Alibaba publishes them.
///
/// Made for hundreds of millions of rows: ids are numbered from the bytes of the row. A feature of an item is what the
/// first kept row with a value says; later kept rows that say otherwise are events all the same, and are counted in the
/// manifest.
struct NumberedLog {
    private let names: [String]  // of the features
    private let columns: [Int]  // of the features, by name
    private var features: [FeatureCollector]
    private var contradictions: [Int]

    /// - Parameter features: The name of each feature, and its column.
    init(features: [(name: String, column: Int)]) {
        names = features.map(\.name)
        columns = features.map(\.column)
        self.features = features.map { _ in FeatureCollector() }
        contradictions = [Int](repeating: 0, count: features.count)
    }

    /// Reads all rows of a file, users in its first column and items in its second.
    ///
    /// - Parameters:
    ///   - table: The file.
    ///   - session: Takes the events.
    ///   - moment: What the current row says of action and time.
    mutating func read(
        _ table: TableReader,
        into session: inout ImportSession,
        _ moment: (TableReader, TableReader.Row) throws -> (action: Action, time: Timestamp)
    ) throws {
        try session.read(table) { table, builder in
            try table.withRow { row in
                for column in [0, 1] where !row[column].isDigits {
                    throw table.error(column, expected: "a whole number")
                }
                for column in columns where !row[column].isEmpty && !row[column].wholePart.isDigits {
                    throw table.error(column, expected: "a whole number, or nothing")
                }
                let (action, time) = try moment(table, row)
                guard let item = builder.add(user: row[0], item: row[1], action: action, time: time) else { return }
                for (feature, column) in columns.enumerated() where !row[column].isEmpty {
                    if !features[feature].setFirst(row[column].wholePart, of: item) { contradictions[feature] += 1 }
                }
            }
        }
    }

    /// Gives the items of the session the features that were read.
    func finish(_ session: inout ImportSession) {
        for (index, name) in names.enumerated() {
            session.builder.itemFeatures[name] = features[index]
            session.builder.note("rows.other-\(name)", String(contradictions[index]))
        }
    }
}

extension FieldBytes {
    /// The bytes without `.0` at the end, which tables get when a column of whole numbers has gaps.
    fileprivate var wholePart: FieldBytes {
        guard count > 2, self[count - 1] == UInt8(ascii: "0"), self[count - 2] == UInt8(ascii: ".") else { return self }
        return FieldBytes(rebasing: self[..<(count - 2)])
    }

    /// Whether there are bytes, and all are digits.
    fileprivate var isDigits: Bool { !isEmpty && allSatisfy { $0 &- UInt8(ascii: "0") < 10 } }
}
