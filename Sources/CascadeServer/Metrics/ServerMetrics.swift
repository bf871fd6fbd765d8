// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import CascadeStore
import Foundation
import HTTPTypes
import Synchronization

/// What the server counts of itself.
struct ServerMetrics: Sendable {
    let registry: MetricsRegistry
    private let inFlight: GaugeSeries
    private let connections: GaugeSeries
    private let crowded: CounterSeries
    private let droppedLines: CounterSeries
    private let latency: HistogramSeries
    private let responses: ResponseCounters
    private let stored: CounterSeries
    private let duplicates: CounterSeries
    private let skipped = SkippedStageCounts()

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        inFlight = registry.gauge("cascade_http_requests_in_flight")
        connections = registry.gauge("cascade_connections")
        crowded = registry.counter("cascade_connections_over_limit_total")
        droppedLines = registry.counter("cascade_log_lines_dropped_total")
        latency = HistogramSeries(bounds: HistogramSeries.seconds)
        responses = ResponseCounters(registry)
        stored = registry.counter("cascade_events_total", [("result", Receipt.stored.rawValue)])
        duplicates = registry.counter("cascade_events_total", [("result", Receipt.duplicate.rawValue)])
        registry.gauge("process_start_time_seconds").set(Date().timeIntervalSince1970)
    }

    func connectionOpened(isOrdinary: Bool) {
        connections.increment(by: 1)
        if !isOrdinary { crowded.increment(by: Int64(1)) }
    }

    func connectionClosed() { connections.decrement(by: 1) }

    func begin() { inFlight.increment(by: 1) }

    func end(method: HTTPRequest.Method, route: String, status: Int, duration: Duration) {
        inFlight.decrement(by: 1)
        latency.record(duration.seconds)
        responses.count(.init(method: Self.known(method), route: route, status: status), seconds: duration.seconds)
    }

    func count(_ receipts: [Receipt]) {
        let duplicate = receipts.count { $0 == .duplicate }
        duplicates.increment(by: Int64(duplicate))
        stored.increment(by: Int64(receipts.count - duplicate))
    }

    func count(_ degraded: [Degradation]) {
        for one in degraded {
            let labels = [("stage", one.stage), ("reason", one.reason.rawValue)]
            registry.counter("cascade_degraded_total", labels).increment(by: Int64(1))
            skipped.add(one)
        }
    }

    /// Everything, for Prometheus.
    func render() -> String {
        droppedLines.raise(to: Double(LogOutput.standardError.droppedLines))
        if let bytes = Self.residentBytes() { registry.gauge("process_resident_memory_bytes").set(bytes) }
        return registry.render()
    }

    /// Everything that the console draws.
    func summary() -> StatusResponse.Traffic {
        let counts = latency.current
        let classes = responses.byClass()
        return .init(
            requests: counts.buckets.reduce(0, +),
            clientErrors: classes[4] ?? 0,
            serverErrors: classes[5] ?? 0,
            inFlight: Int(inFlight.current),
            eventsStored: Int(stored.total),
            eventsDuplicate: Int(duplicates.total),
            latencyBoundsSeconds: latency.bounds,
            latencyCounts: counts.buckets,
            degraded: skipped.all
        )
    }

    /// Methods that the server answers; all others are one, so that callers cannot invent labels.
    private static func known(_ method: HTTPRequest.Method) -> String {
        [.get, .head, .post, .put, .patch, .delete, .options].contains(method) ? method.rawValue : "other"
    }

    private static func residentBytes() -> Int64? {
        guard let fields = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " "),
            fields.count > 1, let pages = Int64(fields[1])
        else { return nil }
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// How often each stage was skipped, by reason.
final class SkippedStageCounts: Sendable {
    private let counts = Mutex<[String: (stage: Degradation, count: Int)]>([:])

    func add(_ stage: Degradation) {
        counts.withLock { $0["\(stage.stage) \(stage.reason.rawValue)", default: (stage, 0)].count += 1 }
    }

    /// In the order of their names.
    var all: [StatusResponse.SkippedStage] {
        counts.withLock { $0 }.sorted { $0.key < $1.key }.map {
            .init(stage: $0.value.stage.stage, reason: $0.value.stage.reason, count: $0.value.count)
        }
    }
}

/// The counters of responses by method, route and status, kept at hand: finding one by name costs more than counting.
final class ResponseCounters: Sendable {
    struct Key: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    private let registry: MetricsRegistry
    private let counters = Mutex<[Key: (responses: CounterSeries, seconds: HistogramSeries)]>([:])

    init(_ registry: MetricsRegistry) { self.registry = registry }

    func count(_ key: Key, seconds: Double) {
        let series = counters.withLock { counters in
            if let found = counters[key] { return found }
            let labels = [("method", key.method), ("route", key.route), ("status", "\(key.status)")]
            let made = (
                responses: registry.counter("cascade_http_requests_total", labels),
                seconds: registry.histogram("cascade_http_request_seconds", [("route", key.route)])
            )
            counters[key] = made
            return made
        }
        series.responses.increment(by: Int64(1))
        series.seconds.record(seconds)
    }

    /// Responses by the first digit of their status.
    func byClass() -> [Int: Int] {
        counters.withLock { counters in
            counters.reduce(into: [:]) { $0[$1.key.status / 100, default: 0] += Int($1.value.responses.total) }
        }
    }
}
