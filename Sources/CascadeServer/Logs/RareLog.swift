// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets through the first of each kind of message at once, and then a count once a minute, for as long as more come.
final class RareLog: Sendable {
    /// How long further messages of a kind are only counted.
    static let pause = Duration.seconds(60)

    private let counts = Mutex<[String: Int]>([:])
    private let sleep: @Sendable (Duration) async throws -> Void

    init(sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }) {
        self.sleep = sleep
    }

    /// Writes a message of a kind, or counts it.
    ///
    /// - Parameters:
    ///   - kind: What is counted together.
    ///   - write: Writes the message; it is told how often it happened since it was written last.
    func note(_ kind: String, _ write: @escaping @Sendable (Int) -> Void) {
        let isFirst = counts.withLock { counts in
            if let count = counts[kind] {
                counts[kind] = count + 1
                return false
            }
            counts[kind] = 0
            return true
        }
        guard isFirst else { return }
        write(1)
        Task { await count(kind, write) }
    }

    private func count(_ kind: String, _ write: @Sendable (Int) -> Void) async {
        while (try? await sleep(Self.pause)) != nil {
            let count = counts.withLock { counts in
                let count = counts[kind] ?? 0
                counts[kind] = count > 0 ? 0 : nil
                return count
            }
            guard count > 0 else { return }
            write(count)
        }
    }
}
