// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import TestSupport
import Testing

@Suite("Snippet: CascadeStore")
struct CascadeStoreSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Appends events and reads a history")
    func shows() async throws {
        let url = folder.file("events.sqlite")
        // snippet.show
        let store = try SQLiteStore(at: url)
        let click = Event(user: "ann", item: "dune", action: .click, time: 1_700_000_000)

        // An event that is sent twice under one id is stored once.
        let first = try await store.append([NewEvent(id: "e1", event: click)])
        let second = try await store.append([NewEvent(id: "e1", event: click)])
        let history = try await store.history(of: "ann", limit: 50)
        let popular = try await store.popular(since: 0, limit: 10)
        try await store.close()
        // snippet.hide
        #expect(first == [.stored] && second == [.duplicate])
        #expect(history == [click])
        #expect(popular.map(\.item) == ["dune"] && popular.map(\.events) == [1])
    }
}
