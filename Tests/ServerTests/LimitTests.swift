// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import HTTPTypes
import ServerTestSupport
import Testing

@testable import CascadeServer

@Suite("Limits")
struct LimitTests {
    @Test("Ten thousand levels of JSON are refused before anybody descends")
    func depth() async throws {
        try await Harness.run { server in
            for unit in ["[", "{\"a\":"] {
                let body = String(repeating: unit, count: 10_000)
                let reply = try await server.send(.post, "/v1/events", json: body)
                #expect(reply.status == 400)
                #expect(reply.json["detail"].text?.contains("too deeply") == true)
            }
        }
    }

    @Test("Brackets in texts are no levels")
    func brackets() {
        #expect(JSONDepth.isAtMost(1, Array(#"{"a":"[[[\"[[\"}"#.utf8)))
        #expect(JSONDepth.isAtMost(2, Array("[[],[],[]]".utf8)))
        #expect(!JSONDepth.isAtMost(2, Array("[[[]]]".utf8)))
    }

    @Test("Too many bytes, too many events")
    func sizes() async throws {
        try await Harness.run({ ($0.limits.bodyBytes, $0.limits.batch) = (2_048, 2) }) { server in
            let long = try await server.send(.post, "/v1/events", json: String(repeating: " ", count: 2_049))
            #expect(long.status == 413)
            #expect(long.headers[.connection] == "close")
            let event = #"{"id":"1","user":"1","item":"1","action":"click"}"#
            let many = try await server.send(.post, "/v1/events", json: "{\"events\":[\(event),\(event),\(event)]}")
            #expect(many.json["detail"] == .string("events: found 3, expected 1 to 2."))
        }
    }

    @Test(
        "An answer that takes too long is given up, whether the service can be stopped or not",
        arguments: [true, false]
    )
    func slowService(_ stoppable: Bool) async throws {
        try await Harness.run({ $0.timeouts.responseSeconds = 0.1 }) { server in
            await server.service.set(fault: stoppable ? .hang : .hangForever)
            let reply = try await server.send(.get, "/v1/users/1/recommendations")
            #expect(reply.status == 503)
            #expect(reply.json["type"] == .string("urn:cascade:problem:timeout"))
        }
    }

    @Test("A caller's rate is its own")
    func rate() async throws {
        try await Harness.run(tokens: true, { ($0.rate.requestsPerSecond, $0.rate.burst) = (0.001, 2) }) { server in
            for _ in 0..<2 { #expect(try await server.send(.get, "/v1/models", as: .read).status == 200) }
            let reply = try await server.send(.get, "/v1/models", as: .read)
            #expect(reply.status == 429)
            #expect(reply.headers[.retryAfter].flatMap { Int($0) } ?? 0 >= 1)
            #expect(try await server.send(.get, "/v1/models", as: .admin).status == 200)
            for _ in 0..<2 { #expect(try await server.send(.get, "/v1/models").status == 401) }
            #expect(try await server.send(.get, "/v1/models").status == 429)
            #expect(try await server.send(.get, "/health/live").status == 200)
        }
    }

    @Test("A bucket refills, and the memory for buckets is bounded")
    func buckets() throws {
        var settings = RateSettings()
        (settings.requestsPerSecond, settings.burst, settings.callers) = (10, 2, 16)
        let limiter = try #require(RateLimiter(settings))
        let start = ContinuousClock.now
        #expect(limiter.take("a", now: start) == nil)
        #expect(limiter.take("a", now: start) == nil)
        #expect(abs(try #require(limiter.take("a", now: start)) - 0.1) < 1e-9)
        #expect(limiter.take("a", now: start + .milliseconds(101)) == nil)
        for number in 0..<1_000 { _ = limiter.take("caller \(number)", now: start + .milliseconds(101)) }
        #expect(limiter.count <= settings.callers + 1)
        #expect(limiter.take("another", now: start + .milliseconds(102)) != nil)
        #expect(limiter.take("another", now: start + .seconds(5)) == nil)
        #expect(limiter.count <= 2)
        settings.requestsPerSecond = 0
        #expect(RateLimiter(settings) == nil)
    }

    @Test("A clock that is put back stands still; one that was an hour wrong is followed")
    func clockJumps() {
        let calendar = Calendar()
        let readings: [Int64] = [10_000, 10_001, 9_500, 10_000, 10_002, 99_999, 10_010, 10_005]
        #expect(readings.map(calendar.present) == [10_000, 10_001, 10_001, 10_001, 10_002, 99_999, 10_010, 10_010])
    }
}
