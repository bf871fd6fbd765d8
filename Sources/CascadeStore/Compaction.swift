// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import GRDB

/// Removes from the files what erased rows have left there; calls that wait together share the work.
actor Compaction {
    private let scrubber: Scrubber
    private var latest: Task<Void, any Error>?
    private var hasBegun = false

    init(_ scrubber: Scrubber) { self.scrubber = scrubber }

    /// Returns when a pass that began after the call is done.
    func run() async throws {
        if let latest, !hasBegun { return try await latest.value }
        let previous = latest
        hasBegun = false
        let task = Task {
            _ = await previous?.result
            hasBegun = true
            try await scrubber.run()
        }
        latest = task
        try await task.value
    }
}
