// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import HTTPTypes
import ServerTestSupport
import Testing

@testable import CascadeServer

@Suite("X-Cascade-Time")
struct SimulatedTimeTests {
    private static let event = #"{"id":"e","user":"1","item":"1","action":"view"}"#

    private static func header(_ value: String) -> HTTPFields { [.simulatedTime: value] }

    @Test("Unless the configuration allows it, the header is refused")
    func off() async throws {
        try await Harness.run { server in
            for (method, path, body) in [
                (HTTPRequest.Method.get, "/v1/users/1/recommendations", String?.none),
                (.get, "/v1/search?q=river", nil),
                (.get, "/v1/items/1/similar", nil), (.post, "/v1/events", Self.event),
                (.put, "/v1/items", #"{"id":"n"}"#),
            ] {
                let reply = try await server.send(method, path, json: body, headers: Self.header("1000"))
                #expect(reply.status == 400, "\(path)")
                #expect(reply.json["detail"].text?.contains("server.simulated_time is off") == true)
                #expect(try await server.send(method, path, json: body).status == 200)
            }
            #expect(await server.service.time == nil)
        }
    }

    @Test("Where it is allowed, it is the time of pages, and of events that have none")
    func on() async throws {
        try await Harness.run(people: 0) {
            $0.simulatedTime = true
        } _: { server in
            let paths = ["/v1/users/1/recommendations", "/v1/search?q=river", "/v1/items/1/similar"]
            for (path, time) in zip(paths, [1_000_000, 2_000_000, 3_000_000] as [Int64]) {
                #expect(try await server.send(.get, path, headers: Self.header("\(time)")).status == 200)
                #expect(await server.service.time == time)
                #expect(try await server.send(.get, path).status == 200)
                #expect(await server.service.time == nil)
            }
            let stored = try await server.send(.post, "/v1/events", json: Self.event, headers: Self.header("4000000"))
            #expect(stored.status == 200)
            let events = try await server.send(.get, "/v1/users/1").json["events"]
            #expect(events[0]["time"] == .integer(4_000_000))
            // A day ahead of the simulation is too far, though long ago for the machine.
            let ahead = #"{"id":"f","user":"1","item":"1","action":"view","time":5000000}"#
            let refused = try await server.send(.post, "/v1/events", json: ahead, headers: Self.header("4000000"))
            #expect(refused.status == 400)
            for value in ["", "-1", "1.5", "soon", "+5", "99999999999999999999", "253402300800"] {
                let reply = try await server.send(.get, paths[0], headers: Self.header(value))
                #expect(reply.status == 400, "'\(value)'")
            }
        }
    }
}
