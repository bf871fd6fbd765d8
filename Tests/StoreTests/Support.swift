// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

/// A folder with a store in it, whose clock stands at 1,000.
struct StoreFixture {
    let folder: TemporaryFolder
    var url: URL { folder.file("store.sqlite") }

    init() throws { folder = try TemporaryFolder() }

    func open(creating: Bool = true, busyTimeout: TimeInterval = 5, groupLimit: Int = 256) throws -> SQLiteStore {
        try SQLiteStore(
            at: url,
            creating: creating,
            busyTimeout: busyTimeout,
            groupLimit: groupLimit,
            clock: { 1000 }
        )
    }

    /// The error that opening the file ends with, which must name it.
    func errorOnOpening(creating: Bool = true, busyTimeout: TimeInterval = 5) throws -> StoreError {
        let error = #expect(throws: StoreError.self) { try open(creating: creating, busyTimeout: busyTimeout) }
        let found = try #require(error)
        #expect(found.description.contains(url.path))
        return found
    }
}

func event(
    _ id: String,
    user: UserID = "ann",
    item: ItemID = "i",
    _ action: Action = .click,
    time: Int64 = 0,
    query: String? = nil,
    value: Double? = nil,
    request: String? = nil
) -> NewEvent {
    let event = Event(user: user, item: item, action: action, time: time, query: query, value: value)
    return NewEvent(id: id, event: event, request: request)
}

/// The error that a call ends with.
func storeError<R>(
    at location: SourceLocation = #_sourceLocation,
    _ body: () async throws -> R
) async throws -> StoreError {
    let error = await #expect(throws: StoreError.self, sourceLocation: location) { _ = try await body() }
    return try #require(error, sourceLocation: location)
}

extension SQLiteStore {
    /// Keeps the writer busy until `body` has put so many calls in the queue, so that they share a transaction.
    func gathering<R: Sendable>(
        _ count: Int,
        _ body: @escaping @Sendable () async throws -> R
    ) async throws -> R {
        let gate = DispatchSemaphore(value: 0)
        async let first: Void = write { _ in gate.wait() }
        async let others = body()
        while await writer.waitingCount < count { try await Task.sleep(for: .milliseconds(1)) }
        gate.signal()
        try await first
        return try await others
    }
}
