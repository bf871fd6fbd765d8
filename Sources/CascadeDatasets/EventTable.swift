// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// Events as batches read them, row by row; rows of one history lie together in the order of time.
///
/// They are those of a data set, or those that came in with requests: what is laid out from either is the same.
struct EventTable: Sendable {
    /// Dense indices of items.
    let items: Column<Int32>
    /// Seconds since 1970-01-01 UTC.
    let times: Column<Int64>
    /// Raw values of ``Action``.
    let actions: Column<UInt8>
    /// Numbers of queries, -1 without one.
    let queries: Column<Int32>
}

extension Dataset {
    /// All events.
    var eventTable: EventTable { EventTable(items: items, times: times, actions: actions, queries: queries) }
}
