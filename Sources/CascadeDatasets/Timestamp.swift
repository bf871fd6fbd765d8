// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A time to the nanosecond, as a source writes it.
///
/// Events are ordered by it. A data set stores the seconds alone.
struct Timestamp: Comparable, Hashable, Sendable {
    /// Whole seconds since 1970-01-01 UTC, rounded down.
    var seconds: Int64
    /// Nanoseconds after that second, below one billion.
    var nanoseconds: UInt32 = 0

    /// The time of sources without times.
    static let missing = Timestamp(seconds: 0)

    static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.seconds == right.seconds ? left.nanoseconds < right.nanoseconds : left.seconds < right.seconds
    }
}
