// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CoreMetrics
import HTTPTypes
import ServerTestSupport
import Testing

@testable import CascadeServer

@Suite("Metrics")
struct MetricsTests {
    @Test("Counters, gauges and histograms in Prometheus's text")
    func rendering() {
        let registry = MetricsRegistry()
        Counter(label: "jobs.done", dimensions: [("kind", "a\"b\\c\nd"), ("2nd", "ü")], factory: registry).increment(
            by: 3
        )
        Counter(label: "jobs.done", dimensions: [("2nd", "ü"), ("kind", "a\"b\\c\nd")], factory: registry).increment()
        Gauge(label: "depth", factory: registry).record(2.5)
        let timer = Timer(label: "wait", factory: registry)
        timer.recordNanoseconds(3_906_250)
        timer.recordSeconds(64)
        let text = registry.render()
        #expect(text.contains("# TYPE jobs_done counter\njobs_done{_2nd=\"ü\",kind=\"a\\\"b\\\\c\\nd\"} 4\n"))
        #expect(text.contains("# TYPE depth gauge\ndepth 2.5\n"))
        #expect(text.contains("wait_bucket{le=\"0.002\"} 0\nwait_bucket{le=\"0.005\"} 1\n"))
        #expect(
            text.contains("wait_bucket{le=\"10\"} 1\nwait_bucket{le=\"+Inf\"} 2\nwait_sum 64.00390625\nwait_count 2\n")
        )
    }

    @Test("Numbers and names as the format has them")
    func words() {
        #expect(
            [1, 0.5, .infinity, -.infinity, .nan].map(PrometheusText.number) == ["1", "0.5", "+Inf", "-Inf", "NaN"]
        )
        #expect(["a.b", "9", "", "a:b"].map { PrometheusText.name($0) } == ["a_b", "_9", "_", "a:b"])
    }

    @Test("Series beyond the limit are counted and not kept")
    func bounded() {
        let registry = MetricsRegistry(maximumSeries: 3)
        for number in 0..<10 { registry.counter("c", [("n", "\(number)")]).increment(by: 1.0) }
        let text = registry.render()
        #expect(text.contains("c{n=\"2\"} 1"))
        #expect(!text.contains("c{n=\"3\"}"))
        #expect(text.contains("cascade_metrics_dropped_total 7"))
    }

    @Test("Requests are counted by pattern, method and status; what callers invent is one label")
    func requests() async throws {
        try await Harness.run { server in
            for id in 0..<20 { _ = try await server.send(.get, "/v1/items/invented-\(id)") }
            for id in 0..<20 { _ = try await server.send(.trace, "/invented/\(id)") }
            await server.service.set(fault: nil)
            let reply = try await server.send(.get, "/metrics")
            #expect(reply.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
            let lines = reply.text.split(separator: "\n").filter { $0.hasPrefix("cascade_http_requests_total") }
            #expect(
                lines == [
                    #"cascade_http_requests_total{method="GET",route="/v1/items/{id}",status="404"} 20"#,
                    #"cascade_http_requests_total{method="other",route="unmatched",status="404"} 20"#,
                ]
            )
            #expect(reply.text.contains("cascade_http_requests_in_flight 1\n"))
            let traffic = try await server.send(.get, "/v1/status").json["traffic"]
            #expect(traffic["requests"] == .integer(41))
            #expect(traffic["client_errors"] == .integer(40))
        }
    }
}
