// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import CascadeServer

@Suite("Items, origins and compression")
struct ExchangeTests {
    @Test("A change of an item leaves what it does not name; null takes a field back to its default")
    func merge() async throws {
        try await Harness.run { server in
            let item = """
                {"id":"a","title":"A","categories":["x"],"created":5,"attributes":{"color":"red","size":"L"}}
                """
            _ = try await server.send(.put, "/v1/items", json: item)
            let body = #"{"available":false,"categories":null,"created":9.75,"attributes":{"size":null,"new":"1"}}"#
            let changed = try await server.send(.patch, "/v1/items/a", json: body)
            #expect(changed.status == 200)
            let expected = """
                {"attributes":{"color":"red","new":"1"},"available":false,"categories":[],"created":9,"id":"a","title":"A"}
                """
            #expect(changed.text == expected)
            #expect(try await server.send(.get, "/v1/items/a").text == expected)
            let cleared = try await server.send(.patch, "/v1/items/a", json: #"{"attributes":null,"title":null}"#)
            #expect(cleared.json["attributes"] == .object([:]) && cleared.json["title"] == .string(""))
        }
    }

    @Test(
        "A change that cannot be is refused, and nothing of it is kept",
        arguments: [
            (#"{"id":"b"}"#, 400, "found an unknown key"), (#"{"title":5}"#, 400, "title: found another type"),
            (#"{"title":"B","created":1764000000000}"#, 400, "created: found a time that looks like milliseconds"),
            (#"{"title":"B","categories":[""]}"#, 400, "categories: found 0 bytes"),
            (
                #"{"title":"B","attributes":{\#((0..<101).map { "\"\($0)\":null" }.joined(separator: ","))}}"#, 400,
                "attributes: found"
            ),
        ]
    )
    func refusedChanges(_ body: String, _ status: Int, _ part: String) async throws {
        try await Harness.run { server in
            _ = try await server.send(.put, "/v1/items", json: #"{"id":"a","title":"A"}"#)
            let reply = try await server.send(.patch, "/v1/items/a", json: body)
            #expect(reply.status == status && reply.text.contains(part), "\(reply.text)")
            #expect(try await server.send(.get, "/v1/items/a").json["title"] == .string("A"))
            #expect(try await server.send(.patch, "/v1/items/nobody", json: "{}").status == 404)
        }
    }

    @Test("A withdrawn item is not found, is on no page, and comes back with a PUT")
    func withdrawal() async throws {
        try await Harness.run { server in
            #expect(try await server.send(.delete, "/v1/items/1").text == #"{"withdrawn":1}"#)
            #expect(try await server.send(.delete, "/v1/items/1").text == #"{"withdrawn":0}"#)
            #expect(try await server.send(.delete, "/v1/items/never").text == #"{"withdrawn":0}"#)
            #expect(try await server.send(.get, "/v1/items/1").status == 404)
            #expect(try await server.send(.patch, "/v1/items/1", json: "{}").status == 404)
            let page = try await server.send(.get, "/v1/users/new/recommendations?k=100")
            #expect(!page.json["items"].elements.contains { $0["item"] == .string("1") })
            #expect(try await server.send(.put, "/v1/items", json: #"{"id":"1"}"#).status == 200)
            #expect(try await server.send(.get, "/v1/items/1").status == 200)
        }
    }

    @Test("A fraction of a second is cut")
    func fraction() async throws {
        try await Harness.run(people: 0) { server in
            let event = #"{"id":"e","user":"u","item":"1","action":"click","time":1764000000.75}"#
            #expect(try await server.send(.post, "/v1/events", json: event).status == 200)
            let export = try await server.send(.get, "/v1/users/u")
            #expect(export.json["events"][0]["time"] == .integer(1_764_000_000))
        }
    }

    @Test("A page of a configured origin may ask and read; any other may not")
    func origins() async throws {
        let shop = "https://shop.example"
        try await Harness.run(tokens: true, { $0.cors.origins = [shop, "http://localhost:3000"] }) { server in
            let method = try #require(HTTPField.Name("Access-Control-Request-Method"))
            let asked = try await server.send(.options, "/v1/users/7", headers: [.origin: shop, method: "DELETE"])
            #expect(asked.status == 204)
            #expect(asked.headers[.accessControlAllowOrigin] == shop)
            #expect(asked.headers[.accessControlAllowMethods] == "DELETE, GET, HEAD")
            #expect(asked.headers[.accessControlAllowHeaders]?.contains("Authorization") == true)
            #expect(asked.headers[.accessControlMaxAge] == "600")
            let read = try await server.send(.get, "/v1/models", as: .read, headers: [.origin: shop])
            #expect(read.headers[.accessControlAllowOrigin] == shop && read.headers[.vary]?.contains("Origin") == true)
            let refused = try await server.send(.get, "/v1/models", headers: [.origin: shop])
            #expect(refused.status == 401 && refused.headers[.accessControlAllowOrigin] == shop)
            let evil: HTTPFields = [.origin: "https://evil.example", method: "POST"]
            let foreign = try await server.send(.options, "/v1/events", headers: evil)
            #expect(foreign.status == 405 && foreign.headers[.accessControlAllowOrigin] == nil)
            #expect(try await server.send(.options, "/nothing", headers: [.origin: shop, method: "GET"]).status == 404)
            #expect(try await server.send(.options, "/v1/events", headers: [.origin: shop]).status == 405)
        }
        try await Harness.run({ $0.cors.origins = ["*"] }) { server in
            let reply = try await server.send(.get, "/health/live", headers: [.origin: shop])
            #expect(reply.headers[.accessControlAllowOrigin] == "*")
        }
        try await Harness.run { server in
            let reply = try await server.send(.get, "/health/live", headers: [.origin: shop])
            #expect(reply.headers[.accessControlAllowOrigin] == nil && reply.headers[.vary] == nil)
        }
    }

    @Test("Long answers are compressed for those who ask, and mean the same")
    func compression() async throws {
        try await Harness.run { server in
            let plain = try await server.bytes(.get, "/console.js")
            #expect(plain.headers[.contentEncoding] == nil && plain.headers[.vary] == "Accept-Encoding")
            let packed = try await server.bytes(.get, "/console.js", headers: [.acceptEncoding: "br, gzip;q=0.5"])
            #expect(packed.headers[.contentEncoding] == "gzip")
            #expect(packed.headers[.contentLength] == "\(packed.body.readableBytes)")
            #expect(packed.body.readableBytes < plain.body.readableBytes / 2)
            #expect(try await unzipped(packed.body) == Data(plain.body.readableBytesView))
            let tag = try #require(packed.headers[.eTag])
            #expect(tag.hasPrefix("W/\""))
            #expect(try await server.send(.get, "/console.js", headers: [.ifNoneMatch: tag]).status == 304)
            for (uri, header) in [("/console.js", "gzip;q=0"), ("/console.js", "identity"), ("/health/live", "gzip")] {
                let reply = try await server.bytes(.get, uri, headers: [.acceptEncoding: header])
                #expect(reply.headers[.contentEncoding] == nil)
            }
            let head = try await server.bytes(.head, "/console.js", headers: [.acceptEncoding: "gzip"])
            #expect(head.headers[.contentEncoding] == nil && head.body.readableBytes == 0)
        }
        try await Harness.run({ $0.compressionMinBytes = 0 }) { server in
            let reply = try await server.bytes(.get, "/console.js", headers: [.acceptEncoding: "gzip"])
            #expect(reply.headers[.contentEncoding] == nil && reply.headers[.vary] == nil)
        }
    }

    @Test(
        "Which codings a caller takes",
        arguments: [
            (["gzip"], true), (["deflate, GZIP ;q=1.0"], true), (["*"], true), (["*;q=0"], false),
            (["gzip;q=0, *"], false), (["br", "gzip"], true), ([], false), (["gzipped"], false), ([";,q="], false),
        ]
    )
    func codings(_ fields: [String], _ takes: Bool) { #expect(CompressionMiddleware.takesGzip(fields) == takes) }

    /// What `gzip` makes of the bytes.
    private func unzipped(_ bytes: ByteBuffer) async throws -> Data {
        let folder = try TemporaryFolder()
        try Data(bytes.readableBytesView).write(to: folder.file("answer.gz"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-d", folder.file("answer.gz").path]
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        return try Data(contentsOf: folder.file("answer"))
    }
}
