// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
internal import GRDB

/// An event in a window of time.
public struct WindowEvent: Sendable, Equatable {
    /// What was done.
    public var event: Event
    /// The request that the event names; nil for none.
    public var request: String?
    /// The kind of that request's page; nil where it is not, or no longer, known.
    public var page: RequestKind?

    /// Describes an event.
    public init(_ event: Event, request: String? = nil, page: RequestKind? = nil) {
        self.event = event
        self.request = request
        self.page = page
    }

    /// Whether no recommended page led to it, as far as is known: it names no page, or one of a search.
    public var isOrganic: Bool { request == nil || page == .search }
}

/// What one user did before and in a window of time.
public struct UserActivity: Sendable, Equatable {
    /// Who.
    public var user: UserID
    /// Their events before the window, oldest first.
    public var history: [Event]
    /// Their events in the window, oldest first.
    public var events: [WindowEvent]

    /// Describes what a user did.
    public init(user: UserID, history: [Event], events: [WindowEvent]) {
        self.user = user
        self.history = history
        self.events = events
    }
}

/// Knows what people did in a window of time.
public protocol ActivityStore: Sendable {
    /// Users with events in a window, in an order that only their ids decide.
    ///
    /// - Parameters:
    ///   - window: Seconds since 1970-01-01 UTC.
    ///   - users: How many users at most.
    ///   - events: How many of each user's latest events before the window.
    func activity(in window: Range<Int64>, users: Int, history events: Int) async throws -> [UserActivity]
    /// The items with the most events from a time on and before another; of equally many, the lower id first.
    func popular(since: Int64, before time: Int64, limit: Int) async throws -> [(item: ItemID, events: Int)]
}

extension SQLiteStore: ActivityStore {
    /// Users with events in a window; where there are more than are wanted, a sample that only their ids decide.
    public func activity(in window: Range<Int64>, users: Int, history events: Int) async throws -> [UserActivity] {
        try await read { database in
            let found = try String.fetchAll(
                database,
                sql: "SELECT DISTINCT user FROM events WHERE time >= ? AND time < ?",
                arguments: [window.lowerBound, window.upperBound]
            )
            let chosen = found.map { user -> (order: UInt64, user: String) in
                var (user, print) = (user, Fingerprint())
                user.withUTF8 { print.add("activity", UnsafeRawBufferPointer($0)) }
                return (print.number, user)
            }.sorted { $0 < $1 }.prefix(users)
            let before = try database.cachedStatement(
                sql: """
                    SELECT \(EventRows.columns) FROM events WHERE user = ? AND row > ? AND time < ?
                    ORDER BY time DESC, row DESC LIMIT ?
                    """
            )
            let within = try database.cachedStatement(
                sql: """
                    SELECT \(EventRows.columns), (SELECT kind FROM requests WHERE id = events.request) FROM events
                    WHERE user = ? AND row > ? AND time >= ? AND time < ? ORDER BY time, row
                    """
            )
            return try chosen.compactMap { _, user in
                let last = try ErasureRows.lastEvent(of: UserID(user), in: database)
                let own = try Row.fetchAll(within, arguments: [user, last, window.lowerBound, window.upperBound])
                guard !own.isEmpty else { return nil }
                let history = try Row.fetchAll(before, arguments: [user, last, window.lowerBound, max(0, events)])
                return UserActivity(
                    user: UserID(user),
                    history: try history.reversed().map { try EventRows.event($0).event },
                    events: try own.map { row in
                        let kind: String? = try row.optional(8)
                        let own = try EventRows.event(row)
                        return WindowEvent(own.event, request: own.request, page: kind.flatMap(RequestKind.init))
                    }
                )
            }
        }
    }
}
