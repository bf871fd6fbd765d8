// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import HTTPTypes
import Logging
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

@Suite("Security")
struct SecurityTests {
    @Test(
        "Each route needs its role",
        arguments: [
            ("GET", "/v1/users/1/recommendations", Role.read), ("GET", "/v1/search?q=a", .read),
            ("GET", "/v1/items/1/similar", .read), ("GET", "/v1/explain/r", .read), ("GET", "/v1/items/1", .read),
            ("GET", "/v1/models", .read), ("POST", "/v1/events", .write), ("PUT", "/v1/items", .write),
            ("GET", "/v1/users/1", .admin), ("DELETE", "/v1/users/1", .admin), ("GET", "/v1/users", .admin),
            ("POST", "/v1/models/ranker", .admin), ("GET", "/v1/ab-tests", .admin), ("GET", "/metrics", .metrics),
            ("GET", "/v1/status", .metrics), ("PATCH", "/v1/items/1", .write), ("DELETE", "/v1/items/1", .write),
        ]
    )
    func roles(_ method: String, _ uri: String, _ needed: Role) async throws {
        try await Harness.run(tokens: true) { server in
            let method = try #require(HTTPRequest.Method(method))
            let anonymous = try await server.send(method, uri)
            #expect(anonymous.status == 401)
            #expect(anonymous.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
            for role in Role.allCases {
                let status = try await server.send(method, uri, as: role).status
                #expect((status == 403) == (!role.includes(needed)))
                #expect(status != 401)
            }
        }
    }

    @Test("Health, the console and the description need no token")
    func openRoutes() async throws {
        try await Harness.run(tokens: true) { server in
            for uri in ["/", "/console.js", "/openapi.json", "/health/live", "/health/ready"] {
                let reply = try await server.send(.get, uri)
                #expect(reply.status == 200)
            }
        }
        try await Harness.run(tokens: true, { $0.metrics = .open }) { server in
            let metrics = try await server.send(.get, "/metrics")
            #expect(metrics.status == 200)
            #expect(try await server.send(.get, "/v1/ab-tests").status == 401)
        }
    }

    @Test(
        "What is no known token is refused",
        arguments: [
            "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "Bearer a b", "bearer \u{FC}",
            "Bearer " + String(repeating: "x", count: 600),
        ]
    )
    func badTokens(_ header: String) async throws {
        try await Harness.run(tokens: true) { server in
            let reply = try await server.send(.get, "/v1/models", headers: [.authorization: header])
            #expect(reply.status == 401)
        }
    }

    @Test("A new token is known by its hash alone")
    func newToken() throws {
        let token = AccessToken()
        #expect(token.text.hasPrefix("cascade_") && token.text.count == 51)
        #expect(token.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
        #expect(token.text != AccessToken().text)
        let table = TokenTable([CallerSettings(name: "shop", role: .write, sha256: token.sha256.uppercased())])
        #expect(table.caller(of: token.text) == .init(name: "shop", role: .write))
        #expect(table.caller(of: token.sha256) == nil)
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(TokenHash(of: "abc").hexadecimal == abc)
    }

    @Test(
        "Without tokens only requests to this machine are answered",
        arguments: [
            ("localhost", true), ("localhost:8080", true), ("127.0.0.1:1", true), ("[::1]:80", true), ("[::1]", true),
            ("evil.example", false), ("evil.example:8080", false), ("127.0.0.1.evil.example", false), ("::1", false),
        ]
    )
    func hosts(_ authority: String, _ answered: Bool) {
        #expect(AuthMiddleware.isThisMachine(authority) == answered)
        #expect(!AuthMiddleware.isThisMachine(nil))
    }

    @Test("A body that is not declared as JSON is refused, as a foreign web page would send it")
    func contentType() async throws {
        try await Harness.run { server in
            let event = #"{"id":"1","user":"1","item":"1","action":"click"}"#
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
                let reply = try await server.send(.post, "/v1/events", json: event, headers: [.contentType: type])
                #expect(reply.status == 415)
            }
            let reply = try await server.send(
                .post,
                "/v1/events",
                json: event,
                headers: [.contentType: "Application/JSON; charset=utf-8"]
            )
            #expect(reply.status == 200)
        }
    }

    @Test("Answers forbid guessing types, sending referrers, caching and framing")
    func headers() async throws {
        try await Harness.run { server in
            for uri in ["/v1/users/1/recommendations", "/nothing"] {
                let headers = try await server.send(.get, uri).headers
                #expect(headers[.xContentTypeOptions] == "nosniff")
                #expect(headers[.referrerPolicy] == "no-referrer")
                #expect(headers[.cacheControl] == "no-store")
                #expect(headers[.contentSecurityPolicy] == "default-src 'none'; frame-ancestors 'none'")
            }
        }
    }

    @Test("Roles include those below them; metrics stands alone under admin")
    func includedRoles() {
        let included = Role.allCases.map { role in Role.allCases.filter(role.includes) }
        #expect(included == [[.read], [.read, .write], [.read, .write, .admin, .metrics], [.metrics]])
    }

    @Test("Every call that needs an admin has its line, at every level: who, what, of whom, and the result")
    func audit() async throws {
        try await Harness.run(tokens: true, { $0.logs.level = .critical }) { server in
            _ = try await server.send(.delete, "/v1/users/ann", as: .admin)
            _ = try await server.send(.get, "/v1/users/ann", as: .write)
            _ = try await server.send(.post, "/v1/models/ranker", as: .admin, json: #"{"path":"missing"}"#)
            _ = try await server.send(.get, "/v1/users/%1b%5b2Jann")
            _ = try await server.send(.get, "/v1/models", as: .admin)
            _ = try await server.send(.get, "/metrics", as: .metrics)
            let lines = try server.lines.all.map { try JSONDecoder().decode(JSONValue.self, from: Data($0.utf8)) }
            #expect(lines.allSatisfy { $0["message"] == .string("audit") })
            #expect(lines.map { $0["caller"].text } == ["admin", "write", "admin", "unknown"])
            #expect(lines.map { $0["status"] } == [200, 403, 400, 401].map { .integer($0) })
            #expect(lines[0]["operation"] == .string("DELETE /v1/users/{id}"))
            // printf ann | sha256sum | cut -c1-16
            #expect(lines[0]["id_sha256"] == .string("49915e0d7d4b402e"))
            #expect(lines[2]["slot"] == .string("ranker"))
            #expect(!server.lines.all.joined().contains("ann\""))
        }
    }

    @Test("Nothing personal is logged, even at the most talkative level")
    func logs() async throws {
        try await Harness.run({ $0.logs.level = .trace }) { server in
            _ = try await server.send(.get, "/v1/users/annsecret/recommendations")
            _ = try await server.send(.get, "/v1/search?q=socksecret&user=annsecret")
            _ = try await server.send(.get, "/v1/search?q=%zzsecret")
            _ = try await server.send(.delete, "/v1/users/annsecret")
            let event = #"{"id":"e-secret","user":"annsecret","item":"1","action":"secret"}"#
            _ = try await server.send(.post, "/v1/events", json: event)
            let lines = server.lines.all
            #expect(lines.count >= 5)
            #expect(!lines.contains { $0.contains("secret") })
            #expect(lines.contains { $0.contains("\"route\":\"/v1/users/{id}/recommendations\"") })
        }
    }
}
