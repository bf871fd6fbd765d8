// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization

/// Stores impressions in the background.
///
/// When the store is too slow, the oldest waiting impressions are dropped and counted.
final class ExposureLog: Sendable {
    private struct State {
        var waiting: [Exposure] = []
        /// Writes one batch, and then starts the next.
        var writer: Task<Void, Never>?
    }

    /// How many exposures may wait.
    private let capacity: Int
    private let settings: ExposureSettings
    private let store: any EventStore
    private let metrics: any FunnelMetrics
    private let state = Mutex(State())

    init(
        _ settings: ExposureSettings = ExposureSettings(),
        capacity: Int = 20_000,
        store: any EventStore,
        metrics: any FunnelMetrics
    ) {
        self.settings = settings
        self.capacity = capacity
        self.store = store
        self.metrics = metrics
    }

    /// Takes what one request showed, or leaves it out of the sample; returns at once.
    func add(_ exposures: [Exposure]) {
        guard let request = exposures.first?.request, settings.keeps(request) else { return }
        let lost = state.withLock { state in
            state.waiting += exposures
            let excess = max(0, state.waiting.count - capacity)
            state.waiting.removeFirst(excess)
            if state.writer == nil { startWriting(&state) }
            return excess
        }
        if lost > 0 { metrics.exposuresLost(lost) }
    }

    /// Removes what was shown too long ago.
    func expire(now: Int64) async throws {
        _ = try await store.removeExposures(before: now - Int64(settings.keepDays) * 86_400)
    }

    /// Waits until all that was taken is written, or lost.
    func flush() async {
        while let writer = state.withLock({ $0.writer }) { await writer.value }
    }

    /// Waits until what was taken of a user is written, or lost.
    func flush(_ user: UserID) async {
        while let writer = state.withLock({ state in
            state.waiting.contains { $0.user == user } ? state.writer : nil
        }) { await writer.value }
        await state.withLock { $0.writer }?.value
    }

    /// Gives up what waits of a user, and waits for what is being written.
    func forget(_ user: UserID) async {
        let writer = state.withLock { state in
            state.waiting.removeAll { $0.user == user }
            return state.writer
        }
        await writer?.value
    }

    private func startWriting(_ state: inout State) {
        guard !state.waiting.isEmpty else {
            state.writer = nil
            return
        }
        let batch = state.waiting
        state.waiting = []
        state.writer = Task { await self.write(batch) }
    }

    private func write(_ batch: [Exposure]) async {
        do {
            try await store.log(batch)
        } catch {
            metrics.exposuresLost(batch.count)
            metrics.failed(FunnelFailure("exposures", error))
        }
        state.withLock { startWriting(&$0) }
    }
}
