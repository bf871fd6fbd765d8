// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import Synchronization
import Testing

/// A clock that stands still until it is told to go on.
final class TestClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var next = 0
        var sleepers: [Int: (end: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .zero }

    /// The funnel's view, on the first day of 2026 unless ``calendar`` is changed.
    var funnel: FunnelClock { FunnelClock(self) { self.calendar.withLock { $0 } } }
    let calendar = Mutex(TestClock.today)
    static let today: Int64 = 1_767_225_600

    func sleep(until end: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if state.now >= end { return .success(()) }
                    state.sleepers[id] = (end, continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                if state.sleepers[id] == nil { state.cancelled.insert(id) }
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Goes on, and wakes whoever is due.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.end <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    /// Waits until somebody sleeps for just so long from now.
    func sleeper(lasting duration: Duration) async throws {
        try await eventually {
            self.state.withLock { state in
                state.sleepers.values.contains { $0.end == state.now.advanced(by: duration) }
            }
        }
    }
}

/// Waits until something holds, ten seconds at most.
func eventually(_ holds: @Sendable () async -> Bool, _ place: SourceLocation = #_sourceLocation) async throws {
    for _ in 0..<10_000 {
        if await holds() { return }
        try await Task.sleep(for: .milliseconds(1))
    }
    Issue.record("it never came true", sourceLocation: place)
}

/// Lets everybody pass while it is open, which it is at first; who waits takes no notice of being cancelled.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((true, []))

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func close() { state.withLock { $0.isOpen = false } }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
