// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import HTTPTypes
import ServerTestSupport
import Testing

@testable import CascadeServer

@Suite("Routes")
struct RouteTests {
    @Test("An event is stored once, and the next page knows it")
    func events() async throws {
        try await Harness.run(people: 0) { server in
            let before = try await server.send(.get, "/v1/users/ann/recommendations?k=5")
            #expect(before.status == 200)
            let event = #"{"id":"e1","user":"ann","item":"7","action":"click","query":"sea","value":2.5}"#
            let first = try await server.send(.post, "/v1/events", json: event)
            #expect(first.status == 200)
            #expect(first.text == #"{"receipts":[{"id":"e1","status":"stored"}]}"#)
            let second = try await server.send(.post, "/v1/events", json: event)
            #expect(second.json["receipts"][0]["status"] == .string("duplicate"))
            let after = try await server.send(.get, "/v1/users/ann/recommendations?k=5")
            #expect(after.json["items"] != before.json["items"])
            let export = try await server.send(.get, "/v1/users/ann").json["events"]
            #expect(export.elements.count == 1)
            #expect(export[0]["query"] == .string("sea"))
            #expect(export[0]["value"] == .number(2.5))
        }
    }

    @Test("A batch has a receipt for each event, in order")
    func batch() async throws {
        try await Harness.run { server in
            let events = ["a", "b", "a"].map { #"{"id":"\#($0)","user":"u","item":"1","action":"view","time":5}"# }
            let reply = try await server.send(
                .post,
                "/v1/events",
                json: "{\"events\":[\(events.joined(separator: ","))]}"
            )
            let words = reply.json["receipts"].elements.map { [$0["id"], $0["status"]] }
            #expect(
                words == [
                    [.string("a"), .string("stored")], [.string("b"), .string("stored")],
                    [.string("a"), .string("duplicate")],
                ]
            )
            #expect(server.metrics.render().contains("cascade_events_total{result=\"stored\"} 2"))
        }
    }

    @Test("What may be left out may be null, as many languages write it")
    func nulls() async throws {
        try await Harness.run { server in
            let event = #"{"id":"e","user":"u","item":"1","action":"view","time":null,"query":null,"request":null}"#
            #expect(try await server.send(.post, "/v1/events", json: event).status == 200)
            let item = #"{"id":"i","title":null,"categories":null,"available":null,"created":null,"attributes":null}"#
            #expect(try await server.send(.put, "/v1/items", json: item).status == 200)
            let found = try await server.send(.get, "/v1/items/i")
            #expect(found.json["available"] == .bool(true))
        }
    }

    @Test("Items are stored and found, with their defaults")
    func items() async throws {
        try await Harness.run { server in
            let stored = try await server.send(.put, "/v1/items", json: #"{"id":"a b/ü","title":"New"}"#)
            #expect(stored.text == #"{"stored":1}"#)
            let found = try await server.send(.get, "/v1/items/a%20b%2F%C3%BC")
            #expect(found.json["title"] == .string("New"))
            #expect(found.json["available"] == .bool(true))
            let batch = try await server.send(.put, "/v1/items", json: #"{"items":[{"id":"x"},{"id":"y"}]}"#)
            #expect(batch.text == #"{"stored":2}"#)
            #expect(try await server.send(.get, "/v1/items/nobody").status == 404)
        }
    }

    @Test("Decisions about what serves are listed, the latest first")
    func promotions() async throws {
        try await Harness.run { server in
            let all = try await server.send(.get, "/v1/promotions").json["promotions"].elements
            #expect(all.map { $0["decision"].text } == ["rolled-back", "refused", "promoted"])
            #expect(all[2]["applied"] == .integer(1_749_900_005) && all[0]["applied"] == .null)
            #expect(all[1]["report"]["metrics"] == .object([:]) && all[1]["path"] == .string("models/taste-2"))
            #expect(try await server.send(.get, "/v1/promotions?limit=1").json["promotions"].elements.count == 1)
            #expect(try await server.send(.get, "/v1/promotions?slot=x").status == 400)
        }
    }

    @Test("Features of the moment reach the service")
    func context() async throws {
        try await Harness.run { server in
            let page = "/v1/users/1/recommendations?k=3&context.device=phone&context.time%20of%20day=late+evening"
            let first = try await server.send(.get, page)
            let context = await server.service.context
            #expect(first.status == 200 && context == ["device": "phone", "time of day": "late evening"])
            let second = try await server.send(.get, "/v1/search?q=river&context.device=desk")
            let other = await server.service.context
            #expect(second.status == 200 && other == ["device": "desk"])
        }
    }

    @Test("Searches, similar items and explanations")
    func pages() async throws {
        try await Harness.run { server in
            let search = try await server.send(.get, "/v1/search?q=silent+river&k=3&user=1")
            #expect(search.json["items"].elements.count == 3)
            let similar = try await server.send(.get, "/v1/items/1/similar?k=4")
            #expect(similar.json["items"].elements.count == 4)
            #expect(try await server.send(.get, "/v1/items/none/similar").status == 404)
            let request = try #require(search.json["request"].text)
            let explanation = try await server.send(.get, "/v1/explain/\(request)")
            #expect(explanation.json["page"]["request"] == .string(request))
            #expect(explanation.json["stages"].elements.count == 5)
            #expect(try await server.send(.get, "/v1/explain/unknown").status == 404)
        }
    }

    @Test("A person is exported and erased")
    func erasure() async throws {
        try await Harness.run { server in
            #expect(try await server.send(.get, "/v1/users?prefix=1").text == #"{"users":["1"]}"#)
            let export = try await server.send(.get, "/v1/users/1")
            #expect(export.headers[.cacheControl] == "no-store")
            let count = export.json["events"].elements.count
            #expect(try await server.send(.delete, "/v1/users/1").json["erased"] == .integer(count))
            #expect(try await server.send(.get, "/v1/users/1").status == 404)
            #expect(try await server.send(.delete, "/v1/users/1").json["erased"] == .integer(0))
        }
    }

    @Test("An erasure that takes longer answers 202 and says where to ask how far it is")
    func slowErasure() async throws {
        try await Harness.run { server in
            #expect(try await server.send(.get, "/v1/users/a%2Fb/erasure").status == 404)
            await server.service.set(erasesSlowly: true)
            let reply = try await server.send(.delete, "/v1/users/a%2Fb")
            #expect(reply.status == 202 && reply.json["erased"] == .integer(0))
            let place = try #require(reply.headers[.location])
            #expect(place == "/v1/users/a%2Fb/erasure")
            #expect(try await server.send(.get, place).json["status"] == .string("running"))
            await server.service.set(erasesSlowly: false)
            #expect(try await server.send(.get, place).json["status"] == .string("done"))
        }
    }

    @Test("A value keeps its double precision, there and back")
    func value() async throws {
        try await Harness.run { server in
            let event = #"{"id":"v","user":"v","item":"1","action":"purchase","value":16777217.01}"#
            #expect(try await server.send(.post, "/v1/events", json: event).status == 200)
            let export = try await server.send(.get, "/v1/users/v")
            #expect(export.text.contains(#""value":16777217.01"#))
        }
    }

    @Test("Items are listed a page at a time")
    func itemList() async throws {
        try await Harness.run { server in
            let first = try await server.send(.get, "/v1/items?prefix=1&limit=3").json
            #expect(first["items"].elements.compactMap { $0["id"].text } == ["1", "10", "100"])
            #expect(first["total"] == .integer(111))
            let next = try await server.send(.get, "/v1/items?prefix=1&limit=2&after=100").json
            #expect(next["items"].elements.compactMap { $0["id"].text } == ["101", "102"])
            #expect(try await server.send(.get, "/v1/items?limit=0").status == 400)
        }
    }

    @Test("Only a page asked for with the header counts as looked at")
    func previews() async throws {
        try await Harness.run { server in
            let header = try #require(HTTPField.Name("X-Cascade-Preview"))
            for path in ["/v1/users/1/recommendations", "/v1/search?q=river", "/v1/items/1/similar"] {
                #expect(try await server.send(.get, path).status == 200)
                #expect(try await server.send(.get, path, headers: [header: "0"]).status == 200)
                #expect(try await server.send(.get, path, headers: [header: "1"]).status == 200)
                #expect(try await server.send(.get, path, headers: [header: "true"]).status == 400)
            }
            #expect(await server.service.previews == 3)
        }
    }

    @Test("The status counts the stages that answers did without")
    func leftOut() async throws {
        try await Harness.run { server in
            _ = try await server.send(.post, "/v1/models/ranker", json: #"{"path":"models/8"}"#)
            #expect(try await server.send(.get, "/v1/status").json["traffic"]["degraded"] == .array([]))
            await server.service.empty(slot: "ranker")
            for _ in 0..<2 { _ = try await server.send(.get, "/v1/users/1/recommendations") }
            let counted = try await server.send(.get, "/v1/status").json["traffic"]["degraded"]
            #expect(
                counted
                    == .array([
                        .object(["stage": .string("ranker"), "reason": .string("missing"), "count": .integer(2)])
                    ])
            )
        }
    }

    @Test("Models are listed and replaced; a bad folder is refused")
    func models() async throws {
        try await Harness.run { server in
            #expect(try await server.send(.get, "/v1/models").json["slots"].elements.count == 4)
            let good = try await server.send(.post, "/v1/models/ranker", json: #"{"path":"models/8"}"#)
            #expect(good.json["version"]["path"] == .string("models/8"))
            #expect(try await server.send(.post, "/v1/models/ranker", json: #"{"path":"missing"}"#).status == 400)
            #expect(try await server.send(.post, "/v1/models/none", json: #"{"path":"models/8"}"#).status == 404)
            #expect(good.json["previous"]["version"] == .string("dare-c07e55"))
            let back = try await server.send(.post, "/v1/models/ranker", json: #"{"rollback":true}"#)
            #expect(back.json["version"]["version"] == .string("dare-c07e55"))
            let senseless = [
                "{}", #"{"rollback":false}"#, #"{"rollback":true,"path":"x"}"#, #"{"index":"x"}"#, #"{"path":""}"#,
            ]
            for body in senseless {
                #expect(try await server.send(.post, "/v1/models/ranker", json: body).status == 400, "\(body)")
            }
            #expect(try await server.send(.get, "/v1/ab-tests").json["ab_tests"].elements.count == 2)
        }
    }

    @Test("Health tells running from ready")
    func health() async throws {
        try await Harness.run { server in
            #expect(try await server.send(.get, "/health/ready").status == 200)
            await server.service.set(obstacles: ["slot 'ranker' is empty"])
            let reply = try await server.send(.get, "/health/ready")
            #expect(reply.status == 503)
            #expect(reply.json["detail"] == .string("slot 'ranker' is empty"))
            #expect(try await server.send(.get, "/health/live").status == 200)
            #expect(try await server.send(.get, "/v1/status").json["obstacles"].elements.count == 1)
        }
    }

    @Test("HEAD answers what GET does, without its body")
    func head() async throws {
        try await Harness.run { server in
            let get = try await server.send(.get, "/v1/items/1")
            let head = try await server.send(.head, "/v1/items/1")
            #expect(head.status == 200)
            #expect(head.text.isEmpty)
            #expect(head.headers[.contentLength] == get.headers[.contentLength])
            let missing = try await server.send(.head, "/v1/items/none")
            #expect(missing.status == 404)
            #expect(missing.text.isEmpty)
        }
    }

    @Test("The console's files carry a policy and a tag")
    func console() async throws {
        try await Harness.run { server in
            for path in ["/", "/console.css", "/console.js", "/console.svg", "/openapi.json"] {
                let reply = try await server.send(.get, path)
                #expect(reply.status == 200)
                #expect(reply.headers[.contentSecurityPolicy]?.contains("script-src 'self'") == true)
                let tag = try #require(reply.headers[.eTag])
                let again = try await server.send(.get, path, headers: [.ifNoneMatch: tag])
                #expect(again.status == 304)
                #expect(again.text.isEmpty)
            }
        }
    }
}
