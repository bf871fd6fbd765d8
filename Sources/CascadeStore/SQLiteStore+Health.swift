// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

extension SQLiteStore {
    /// Why nothing can be stored or trusted now; empty when all is well.
    ///
    /// Looks at the files' paths and the room on their disk. After a write that failed it writes again, to see whether the
    /// cause is gone. The sentences name no path: they are shown to everybody.
    public func obstacles() async -> [String] {
        if condition.isDamaged { return [Self.sentence(.corrupt)] }
        do { try files.check() } catch { return [Self.sentence(.missing)] }
        if let reason = files.obstacle { return [Self.sentence(reason)] }
        guard condition.failure != nil else { return [] }
        do {
            try await write { try $0.execute(sql: "UPDATE facts SET value = value WHERE name = 'items'") }
            return []
        } catch {
            return [Self.sentence((error as? StoreError)?.reason ?? .failed)]
        }
    }

    /// Reads the whole file without comparing its indexes, and remembers what it finds for ``obstacles()``.
    ///
    /// - Throws: ``StoreError`` `.corrupt`.
    /// - Complexity: Linear in the size of the store.
    public func examine() async throws {
        try await read { [place] database in
            guard let finding = try String.fetchOne(database, sql: "PRAGMA quick_check(1)"), finding != "ok" else {
                return
            }
            throw StoreError.damaged(place, finding)
        }
    }

    /// How often others than this object have written, at least; nil when that cannot be told at this moment.
    public func foreignChanges() -> Int? { watch.changes() }

    /// How often items were changed and people erased, whoever did it.
    public func changeCounts() async throws -> ChangeCounts {
        try await read { ChangeCounts(items: try Fact.items.number($0), erasures: try Fact.erased.number($0)) }
    }

    private static func sentence(_ reason: StoreError.Reason) -> String {
        switch reason {
        case .missing:
            "the store's file was moved, removed or replaced: put it back, or restore a backup, and start the server again"
        case .full: "no room is left on the store's disk: free some space"
        case .readOnly:
            "the store's file cannot be written: check its permissions, and whether its disk is mounted read-only"
        case .corrupt: "the store is damaged: stop the server and restore a backup with 'cascade store restore'"
        case .busy: "another process holds the store: end it"
        case .closed: "the store is closed"
        default: "the store cannot be written: the server's log says why"
        }
    }
}
