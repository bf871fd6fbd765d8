// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeFunnel
import Hummingbird

/// What an operator watches: health, metrics, experiments.
struct OperationRoutes {
    let backend: Backend

    var routes: [Route] {
        let watchers: Access = backend.configuration.metrics == .open ? .everybody : .role(.metrics)
        return [
            Route(.get, "/v1/experiments", .role(.admin), handler: experiments),
            Route(.get, "/v1/status", watchers, handler: status),
            Route(.get, "/metrics", watchers, handler: metrics),
            Route(.get, "/health/live", .everybody, handler: live),
            Route(.get, "/health/ready", .everybody, handler: ready),
        ]
    }

    @Sendable private func experiments(_ call: Call) async throws -> Response {
        _ = try call.query()
        return try Answer.json(["experiments": await backend.service.experiments()])
    }

    @Sendable private func status(_ call: Call) async throws -> Response {
        _ = try call.query()
        return try Answer.json(
            StatusAnswer(
                uptime: (ContinuousClock.now - backend.started).seconds,
                obstacles: await obstacles(),
                traffic: backend.metrics.summary()
            )
        )
    }

    @Sendable private func metrics(_ call: Call) async throws -> Response {
        Answer.bytes(backend.metrics.render().utf8, type: PrometheusText.contentType)
    }

    /// The process runs; says nothing about whether it can answer.
    @Sendable private func live(_ call: Call) async throws -> Response { try Answer.json(["status": "live"]) }

    @Sendable private func ready(_ call: Call) async throws -> Response {
        let obstacles = await obstacles()
        guard obstacles.isEmpty else { throw Problem.unavailable(obstacles.joined(separator: "; ")) }
        return try Answer.json(["status": "ready"])
    }

    private func obstacles() async -> [String] {
        backend.stopping.isSet ? ["the server is stopping"] : await backend.service.obstacles()
    }
}

/// How the server does, for the console: numbers since its start, from which two readings make a rate.
struct StatusAnswer: Encodable {
    struct Traffic: Encodable {
        let requests: Int
        let clientErrors: Int
        let serverErrors: Int
        let inFlight: Int
        let eventsStored: Int
        let eventsDuplicate: Int
        /// Upper bounds of the latency buckets, in seconds.
        let latencyBounds: [Double]
        /// Answers by bucket; the last has no upper bound.
        let latencyCounts: [Int]
        /// Stages that answers did without.
        let degraded: [LeftOut]
    }

    /// How often a stage was left out for one reason.
    struct LeftOut: Encodable {
        let stage: String
        let reason: Degradation.Reason
        let count: Int
    }

    let uptime: Double
    let obstacles: [String]
    let traffic: Traffic
}
