// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
internal import GRDB

/// Tells which events of a data set a store has already: by who did what with which item when, and by how often.
///
/// Whatever ids the stored events have, a data set's third event of one user, item, action and second is new exactly when
/// the store has two. So the same data adds nothing, a data set that has grown adds what has grown, and what came by HTTP
/// before is not stored again.
struct EventIdentity {
    private struct Key: Hashable {
        let item: Int32
        let action: UInt8
        let time: Int64
    }

    private let userDigits: String
    private var stored: [Key: Int] = [:]
    private var met: [Key: Int] = [:]

    /// Counts what is stored of a user.
    ///
    /// - Parameter items: The places of the data set's items within it.
    init(of user: UserID, items: [ItemID: Int32], in database: Database) throws {
        userDigits = Self.digits(user.rawValue)
        let select = try database.cachedStatement(
            sql: "SELECT item, action, time, count(*) FROM events WHERE user = ? GROUP BY item, action, time"
        )
        let rows = try Row.fetchCursor(select, arguments: [user.rawValue])
        while let row = try rows.next() {
            guard let item = items[ItemID(try row.value(0))] else { continue }
            stored[Key(item: item, action: try row.value(1), time: try row.value(2))] = try row.value(3)
        }
    }

    /// The id under which an event of the data set is stored; nil when it is stored already.
    ///
    /// Ids of one user begin alike, so that an import by user changes few pages of the index of ids.
    mutating func id(item place: Int32, _ item: ItemID, action: UInt8, time: Int64) -> String? {
        let key = Key(item: place, action: action, time: time)
        let number = met[key, default: 0]
        met[key] = number + 1
        guard number >= stored[key, default: 0] else { return nil }
        return
            "event:\(userDigits)\(Self.digits("\(item.rawValue.utf8.count):\(item.rawValue)\(action):\(time)")):\(number)"
    }

    /// Eight bytes of a text's hash.
    private static func digits(_ text: String) -> String {
        SHA256.hash(text.utf8).prefix(8).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
