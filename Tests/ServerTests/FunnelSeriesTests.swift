// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import Logging
import Synchronization
import Testing

@testable import CascadeServer

@Suite("What the funnel tells the log and the metrics")
struct FunnelSeriesTests {
    private struct Broken: Error {}

    /// Minutes that pass when a test says so.
    private final class Minutes: Sendable {
        private let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])

        var count: Int { waiting.withLock { $0.count } }
        func sleep() async { await withCheckedContinuation { next in waiting.withLock { $0.append(next) } } }
        func pass() {
            let all = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            for one in all { one.resume() }
        }
    }

    private let lines = Lines()
    private let registry = MetricsRegistry()
    private let minutes = Minutes()

    private func series() -> FunnelSeries {
        let lines = lines
        let logger = Logger(label: "test") { LineLogHandler(label: $0, settings: LogSettings(), write: lines.add) }
        return FunnelSeries(registry, logger: logger, rare: RareLog { [minutes] _ in await minutes.sleep() })
    }

    private func eventually(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    @Test("every swap, done or refused, is a line and a count")
    func swaps() {
        let series = series()
        series.swapped(SlotSwap(slot: "m", origin: .request, path: "/a", version: "v2", before: "v1"))
        series.swapped(SlotSwap(slot: "m", origin: .watch, path: "/b", before: "v2", problem: "no weights"))
        #expect(lines.all.count == 2)
        #expect(lines.all[0].contains(#""before":"v1""#) && lines.all[0].contains(#""version":"v2""#))
        #expect(lines.all[1].contains(#""level":"error""#) && lines.all[1].contains(#""problem":"no weights""#))
        #expect(registry.counter("cascade_replacements_total", [("slot", "m")]).total == 1)
        #expect(registry.counter("cascade_replacements_refused_total", [("slot", "m")]).total == 1)
    }

    @Test("failures of one kind are a line at once and a count a minute later; other kinds have their own")
    func failures() async {
        let series = series()
        for _ in 0..<500 { series.failed(FunnelFailure("rank", Broken(), reason: .failed)) }
        series.failed(FunnelFailure("rank", nil, reason: .deadline))
        series.failed(FunnelFailure("exposures", ServiceError(.unavailable, "the disk is full")))
        #expect(lines.all.count == 3)
        #expect(lines.all[0].contains(#""times":1}"#) && lines.all[0].contains(#""error":"Broken""#))
        #expect(lines.all[2].contains(#""error":"the disk is full""#))
        await eventually { minutes.count == 3 }
        minutes.pass()
        await eventually { lines.all.count == 4 && minutes.count == 1 }
        #expect(lines.all[3].contains(#""times":499}"#) && lines.all[3].contains(#""place":"rank""#))
        minutes.pass()
        // The kind is forgotten after a minute without one, so the next is a line at once again.
        await eventually {
            series.failed(FunnelFailure("rank", Broken(), reason: .failed))
            return lines.all.count == 5
        }
        #expect(lines.all[4].contains(#""times":"#))
        minutes.pass()
        #expect(registry.counter("cascade_background_failures_total", [("work", "exposures")]).total == 1)
    }
}
