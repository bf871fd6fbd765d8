// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import GRDB
internal import Synchronization

/// How the connections of a store wait for the lock that another process holds.
///
/// SQLite's own waiting sleeps up to a tenth of a second between two tries, and so hardly ever meets the moment between two
/// transactions of a busy server. These tries come every one to three milliseconds.
final class BusyWait: Sendable {
    /// The longest pause between two tries, in microseconds.
    private static let pause: UInt32 = 3_000

    private let tries: Int
    private let brief = Atomic<Int>(.max)

    /// Waits about so many seconds.
    init(upTo seconds: TimeInterval) { tries = Int(seconds * 1_000_000 / Double(Self.pause) * 1.5) }

    /// For the configuration of a connection.
    var mode: Database.BusyMode {
        .callback { count in
            guard count < min(self.tries, self.brief.load(ordering: .relaxed)) else { return false }
            usleep(.random(in: Self.pause / 3...Self.pause))
            return true
        }
    }

    /// Runs the body with fewer tries; for the writer's connection, of which there is one.
    func briefly<R>(_ tries: Int, _ body: () throws -> R) rethrows -> R {
        brief.store(tries, ordering: .relaxed)
        defer { brief.store(.max, ordering: .relaxed) }
        return try body()
    }
}
