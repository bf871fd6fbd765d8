// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import Hummingbird

/// Health, metrics, status and A/B tests.
struct OperationRoutes {
    let backend: Backend

    var routes: [Route] {
        let watchers: Access = backend.configuration.metrics == .open ? .everybody : .role(.metrics)
        return [
            Route(.get, "/v1/ab-tests", .role(.admin), handler: abTests),
            // Its name before version 0.2.
            Route(.get, "/v1/experiments", .role(.admin), handler: abTests),
            Route(.get, "/v1/status", watchers, handler: status),
            Route(.get, "/metrics", watchers, handler: metrics),
            Route(.get, "/health/live", .everybody, handler: live),
            Route(.get, "/health/ready", .everybody, handler: ready),
        ]
    }

    @Sendable private func abTests(_ context: RequestContext) async throws -> Response {
        _ = try context.query()
        return try JSONResponse.of(["ab_tests": await backend.service.abTests()])
    }

    @Sendable private func status(_ context: RequestContext) async throws -> Response {
        _ = try context.query()
        return try JSONResponse.of(
            StatusResponse(
                uptimeSeconds: (ContinuousClock.now - backend.started).seconds,
                obstacles: await obstacles(),
                traffic: backend.metrics.summary()
            )
        )
    }

    @Sendable private func metrics(_ context: RequestContext) async throws -> Response {
        Response.bytes(backend.metrics.render().utf8, type: PrometheusText.contentType)
    }

    /// The process runs; says nothing about whether it can answer.
    @Sendable private func live(_ context: RequestContext) async throws -> Response {
        try JSONResponse.of(["status": "live"])
    }

    @Sendable private func ready(_ context: RequestContext) async throws -> Response {
        let obstacles = await obstacles()
        guard obstacles.isEmpty else { throw Problem.unavailable(obstacles.joined(separator: "; ")) }
        return try JSONResponse.of(["status": "ready"])
    }

    private func obstacles() async -> [String] {
        backend.stopping.isSet ? ["the server is stopping"] : await backend.service.obstacles()
    }
}

/// Counts since the start of the server; two readings make a rate.
struct StatusResponse: Encodable {
    struct Traffic: Encodable {
        let requests: Int
        let clientErrors: Int
        let serverErrors: Int
        let inFlight: Int
        let eventsStored: Int
        let eventsDuplicate: Int
        /// Upper bounds of the latency buckets.
        let latencyBoundsSeconds: [Double]
        /// Responses by bucket; the last has no upper bound.
        let latencyCounts: [Int]
        /// Skipped stages.
        let degraded: [SkippedStage]

        private enum CodingKeys: String, CodingKey {
            case requests, degraded
            case clientErrors = "client_errors"
            case serverErrors = "server_errors"
            case inFlight = "in_flight"
            case eventsStored = "events_stored"
            case eventsDuplicate = "events_duplicate"
            case latencyBoundsSeconds = "latency_bounds_seconds"
            case latencyCounts = "latency_counts"
        }
    }

    /// How often a stage was skipped for one reason.
    struct SkippedStage: Encodable {
        let stage: String
        let reason: Degradation.Reason
        let count: Int
    }

    let uptimeSeconds: Double
    let obstacles: [String]
    let traffic: Traffic

    private enum CodingKeys: String, CodingKey {
        case obstacles, traffic
        case uptimeSeconds = "uptime_seconds"
    }
}
