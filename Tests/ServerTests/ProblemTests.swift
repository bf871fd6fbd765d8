// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeFunnel
import CascadeStore
import HTTPTypes
import ServerTestSupport
import Testing

@testable import CascadeServer

@Suite("Problems")
struct ProblemTests {
    private struct Secret: Error, CustomStringConvertible { var description: String { "user 4711 looked for socks" } }

    @Test("Every problem is a document with the request's id")
    func document() async throws {
        try await Harness.run { server in
            let reply = try await server.send(.get, "/nothing", headers: [.requestID: "my-id.7"])
            #expect(reply.status == 404)
            #expect(reply.headers[.contentType] == "application/problem+json")
            #expect(reply.headers[.requestID] == "my-id.7")
            #expect(reply.json.keys == ["type", "title", "status", "detail", "instance"])
            #expect(reply.json["instance"] == .string("my-id.7"))
            #expect(reply.json["status"] == .integer(404))
        }
    }

    @Test(
        "A name that could forge a log line is replaced",
        arguments: ["", "a b", "x\"y", String(repeating: "a", count: 65)]
    )
    func foreignNames(_ name: String) async throws {
        try await Harness.run { server in
            let reply = try await server.send(.get, "/health/live", headers: [.requestID: name])
            #expect(reply.headers[.requestID]?.count == 16)
        }
    }

    @Test("A method that an address does not have names those that it has")
    func methods() async throws {
        try await Harness.run { server in
            for (path, allowed) in [("/v1/events", "POST"), ("/v1/users/7", "DELETE, GET, HEAD"), ("/", "GET, HEAD")] {
                let reply = try await server.send(.patch, path)
                #expect(reply.status == 405)
                #expect(reply.headers[.allow] == allowed)
            }
            #expect(try await server.send(.options, "/v1/events").status == 405)
        }
    }

    @Test(
        "A store that takes nothing in is not available, and its words go to the log alone",
        arguments: [
            (StoreError.Reason.full, 503), (.busy, 503), (.closed, 503), (.invalid, 400), (.corrupt, 503),
            (.missing, 503), (.readOnly, 503), (.failed, 500),
        ]
    )
    func storeErrors(_ reason: StoreError.Reason, _ status: Int) async throws {
        try await Harness.run { server in
            await server.service.set(fault: .failure(StoreError(reason, "/some/place: found a fault")))
            let event = #"{"id":"1","user":"1","item":"1","action":"click"}"#
            let reply = try await server.send(.post, "/v1/events", json: event)
            #expect(reply.status == status && !reply.text.contains("place"))
            #expect(server.lines.all.contains { $0.contains("some") } == (reason != .invalid))
        }
    }

    @Test("What the service refuses becomes a status; what it fails at stays inside")
    func serviceErrors() async throws {
        try await Harness.run { server in
            await server.service.set(fault: .failure(ServiceError(.unavailable, "store: the disk is full.")))
            let full = try await server.send(
                .post,
                "/v1/events",
                json: #"{"id":"1","user":"1","item":"1","action":"click"}"#
            )
            #expect(full.status == 503)
            #expect(full.headers[.retryAfter] == "1")
            #expect(full.json["detail"] == .string("store: the disk is full."))
            await server.service.set(fault: .failure(Secret()))
            let failed = try await server.send(.get, "/v1/users/4711/recommendations")
            #expect(failed.status == 500)
            #expect(!failed.text.contains("4711"))
            #expect(server.lines.all.contains { $0.contains("\"error\":\"Secret\"") })
            #expect(!server.lines.all.contains { $0.contains("socks") || $0.contains("4711") })
        }
    }

    @Test(
        "A body that cannot be understood is told where, and not what",
        arguments: [
            (#"{"id":"1","user":"4711","item":"1"}"#, "action: found nothing, expected a value."),
            (#"{"id":1,"user":"4711","item":"1","action":"click"}"#, "id: found another type, expected text."),
            (
                #"{"events":[{"id":"1","user":"1","item":"1","action":"4711"}]}"#,
                "events[0].action: found another word, expected one of view, click, purchase, rating, cart, favourite, dislike, hide."
            ),
            (
                #"{"id":"1","user":"1","item":"1","action":"click","4711":1}"#,
                "body: found an unknown key, expected only id, user, item, action, time, query, value, request."
            ),
            (
                #"{"id":"1","user":"1","item":"1","action":"click","value":1e4711}"#,
                "body: found what is not JSON, or a number out of"
            ),
            (#"{"events":[]}"#, "events: found 0, expected 1 to 1000."),
            (#"{"events":4711}"#, "events: found another type, expected a list."),
            ("4711", "body: found another type, expected an object."),
            ("{\"4711", "body: found what is not JSON"),
            ("", "body: found nothing, expected a JSON object."),
            (
                #"{"id":"1","user":"4711\u0000","item":"1","action":"click"}"#,
                "events[0].user: found a control character"
            ),
            (
                #"{"id":"1","user":"1","item":"1","action":"click","time":99999999999}"#,
                "events[0].time: found a time before 1970 or in the future"
            ),
            (
                #"{"id":"1","user":"1","item":"1","action":"click","time":1764000000123.5}"#,
                "events[0].time: found a time that looks like milliseconds, expected seconds since 1970"
            ),
            (
                #"{"id":"1","user":"1","item":"1","action":"click","time":"4711"}"#,
                "time: found no time, expected a number of seconds since 1970-01-01 UTC"
            ),
            (#"{"id":"1","user":"1","item":"1","action":"click","time":1e300}"#, "time: found no time"),
            (#"{"id":"1","user":"1","item":"1","action":"click","time":-0.5}"#, "events[0].time: found a time before"),
        ]
    )
    func bodies(_ body: String, _ detail: String) async throws {
        try await Harness.run { server in
            let reply = try await server.send(.post, "/v1/events", json: body)
            #expect(reply.status == 400)
            #expect(reply.json["detail"].text?.hasPrefix(detail) == true, "\(reply.text)")
            #expect(!reply.text.contains("4711"))
        }
    }

    @Test(
        "Paths and queries are read strictly",
        arguments: [
            "/v1/users/%zz/recommendations", "/v1/users/%ff/recommendations", "/v1/users/%00/recommendations",
            "/v1/users/1/recommendations?k=0", "/v1/users/1/recommendations?k=101", "/v1/users/1/recommendations?k=1e1",
            "/v1/users/1/recommendations?count=3", "/v1/users/1/recommendations?k=1&k=2", "/v1/search", "/v1/search?q=",
            "/v1/search?q=%E0%A4%A", "/v1/search?q=a&user=", "/v1/explain/r1?x=1",
            "/v1/users/1/recommendations?context.=x", "/v1/users/1/recommendations?context.a=",
            "/v1/search?q=a&context.a=1&context.a=2", "/v1/items/1/similar?context.a=1",
            "/v1/search?q=a" + (0..<17).map { "&context.f\($0)=1" }.joined(),
            "/v1/items/" + String(repeating: "a", count: 201), "/v1/search?q=" + String(repeating: "a", count: 513),
        ]
    )
    func addresses(_ uri: String) async throws {
        try await Harness.run { server in
            let reply = try await server.send(.get, uri)
            #expect(reply.status == 400)
        }
    }

    @Test(
        "Tricks with paths find nothing",
        arguments: [
            "/v1//users/1", "//", "/v1/users//recommendations", "/../etc/passwd", "/console.css/../../etc",
            "/v1/users/1/../2",
        ]
    )
    func tricks(_ uri: String) async throws {
        try await Harness.run { server in
            let reply = try await server.send(.get, uri)
            #expect(reply.status == 404)
        }
    }
}
