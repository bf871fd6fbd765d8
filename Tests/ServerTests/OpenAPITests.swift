// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import HTTPTypes
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

@Suite("OpenAPI")
struct OpenAPITests {
    @Test("The document and the router have the same operations, and the same roles")
    func operations() async throws {
        try await Harness.run { server in
            let document = try await server.send(.get, "/openapi.json").json
            #expect(document["openapi"] == .string("3.1.0"))
            var written: [String: Access] = [:]
            for path in document["paths"].keys {
                for method in document["paths"][path].keys {
                    let role = document["paths"][path][method]["security"][0]["bearer"][0].text.flatMap(Role.init)
                    written["\(method) \(path)"] = role.map(Access.role) ?? .everybody
                }
            }
            let service = try HTTPService(server.service, configuration: ServerConfiguration())
            let routed = service.routes.map { ("\($0.method.rawValue.lowercased()) \($0.pattern)", $0.access) }
            #expect(written == Dictionary(uniqueKeysWithValues: routed))
        }
    }

    @Test("Every reference leads somewhere, every operation is described")
    func references() async throws {
        try await Harness.run { server in
            let document = try await server.send(.get, "/openapi.json").json
            for (_, reference) in document.leaves("").filter({ $0.key.hasSuffix(".$ref") }) {
                let parts = try #require(reference.text).split(separator: "/").dropFirst().map(String.init)
                #expect(parts.reduce(document) { $0[$1] } != .null, "\(reference)")
            }
            for path in document["paths"].keys {
                for method in document["paths"][path].keys {
                    let operation = document["paths"][path][method]
                    #expect(operation["summary"].text?.isEmpty == false)
                    #expect(operation["operationId"].text?.isEmpty == false)
                    #expect(operation["responses"].keys.isSuperset(of: ["200", "500", "503"]))
                }
            }
        }
    }

    @Test("The limits in the document are those of the server")
    func limits() async throws {
        try await Harness.run({ ($0.limits.k, $0.limits.batch) = (7, 9) }) { server in
            let reply = try await server.send(.get, "/openapi.json")
            #expect(!reply.text.contains("{limits."))
            let parameters = reply.json["paths"]["/v1/search"]["get"]["parameters"].elements
            let k = try #require(parameters.first { $0["name"] == .string("k") })
            #expect(k["schema"]["maximum"] == .integer(7))
            #expect(
                reply.json["components"]["schemas"]["EventBatch"]["properties"]["events"]["maxItems"] == .integer(9)
            )
        }
    }

    @Test("Answers have what their schemas require, and nothing that these do not know")
    func answers() async throws {
        try await Harness.run { server in
            let document = try await server.send(.get, "/openapi.json").json
            let event = #"{"id":"1","user":"1","item":"1","action":"click"}"#
            let page = try await server.send(.get, "/v1/users/1/recommendations")
            let request = try #require(page.json["request"].text)
            let exchanges: [(HTTPRequest.Method, String, String, String?)] = [
                (.post, "/v1/events", "/v1/events", event),
                (.get, "/v1/users/{id}/recommendations", "/v1/users/1/recommendations", nil),
                (.get, "/v1/search", "/v1/search?q=river", nil),
                (.get, "/v1/items/{id}/similar", "/v1/items/1/similar", nil),
                (.get, "/v1/items/{id}", "/v1/items/1", nil), (.get, "/v1/items/{id}", "/v1/items/none", nil),
                (.get, "/v1/explain/{request}", "/v1/explain/\(request)", nil),
                (.get, "/v1/users", "/v1/users", nil), (.get, "/v1/users/{id}", "/v1/users/1", nil),
                (.delete, "/v1/users/{id}", "/v1/users/2", nil),
                (.get, "/v1/users/{id}/erasure", "/v1/users/2/erasure", nil),
                (.put, "/v1/items", "/v1/items", #"{"id":"n"}"#),
                (.get, "/v1/items", "/v1/items?prefix=1", nil), (.get, "/v1/models", "/v1/models", nil),
                (.get, "/v1/promotions", "/v1/promotions?limit=2", nil),
                (.post, "/v1/models/{slot}", "/v1/models/taste", #"{"rollback":true}"#),
                (.post, "/v1/models/{slot}", "/v1/models/ranker", #"{"path":"models/2"}"#),
                (.get, "/v1/ab-tests", "/v1/ab-tests", nil), (.get, "/v1/status", "/v1/status", nil),
                (.get, "/health/live", "/health/live", nil), (.get, "/health/ready", "/health/ready", nil),
                (.post, "/v1/events", "/v1/events", "{}"),
            ]
            for (method, pattern, uri, body) in exchanges {
                let reply = try await server.send(method, uri, json: body)
                let operation = document["paths"][pattern][method.rawValue.lowercased()]
                let response = document.resolved(operation["responses"]["\(reply.status)"])
                let type = try #require(reply.headers[.contentType])
                let schema = response["content"][type]["schema"]
                #expect(
                    schema != .null,
                    "\(method) \(pattern) answers \(reply.status) \(type), which is not documented"
                )
                #expect(document.faults(of: reply.json, schema, at: pattern) == [])
            }
        }
    }
}

extension JSONValue {
    /// What a reference stands for; the value itself when it is none.
    fileprivate func resolved(_ value: JSONValue) -> JSONValue {
        guard let reference = value["$ref"].text else { return value }
        return reference.split(separator: "/").dropFirst().reduce(self) { $0[String($1)] }
    }

    /// Where a value departs from a schema: required and unknown keys, types and words of a list.
    fileprivate func faults(of value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
        let schema = resolved(schema)
        switch (schema["type"].text, value) {
        case ("object", .object(let fields)):
            let known = schema["properties"].keys
            let required = schema["required"].elements.compactMap(\.text)
            let missing = required.filter { fields[$0] == nil }.map { "\(place).\($0) is missing" }
            return missing
                + fields.flatMap { key, inner in
                    if known.contains(key) {
                        return faults(of: inner, schema["properties"][key], at: "\(place).\(key)")
                    }
                    let others = schema["additionalProperties"]
                    if others == .bool(true) { return [] }
                    return others == .null
                        ? ["\(place).\(key) is not in the schema"] : faults(of: inner, others, at: "\(place).\(key)")
                }
        case ("array", .array(let values)):
            return values.flatMap { faults(of: $0, schema["items"], at: "\(place)[]") }
        case ("string", .string(let text)):
            let words = schema["enum"].elements.compactMap(\.text)
            return words.isEmpty || words.contains(text) ? [] : ["\(place) is '\(text)'"]
        case ("integer", .integer), ("number", .integer), ("number", .number), ("boolean", .bool): return []
        default: return ["\(place) is no \(schema["type"].text ?? "schema")"]
        }
    }
}
