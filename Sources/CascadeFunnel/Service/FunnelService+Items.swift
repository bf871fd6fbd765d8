// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeStore

extension FunnelService {
    /// Changes one item as it is stored; words and popularity follow about a second later.
    public func update(
        _ item: ItemID,
        _ change: @escaping @Sendable (inout ItemRecord) throws -> Void
    ) async throws -> ItemRecord? {
        let changed = try await inFlight.run {
            try await catalog.update(item) { record in
                guard var record, !record.isWithdrawn else { return nil }
                try change(&record)
                return record
            }
        }
        if changed != nil { recountSoon() }
        return changed
    }

    /// Takes an item off all pages, and forgets what is known of it.
    public func withdraw(_ item: ItemID) async throws -> Bool {
        let wasKnown = try await inFlight.run {
            let before = catalog.records(of: [item])[item]
            _ = try await catalog.update(item) { _ in .withdrawn(item) }
            return before.map { !$0.isWithdrawn } ?? false
        }
        recountSoon()
        return wasKnown
    }
}
