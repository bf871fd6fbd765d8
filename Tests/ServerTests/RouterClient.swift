// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging
import NIOEmbedded
import Synchronization

@testable import CascadeServer

/// Sends requests to the routes and layers of a server, without a socket.
struct RouterClient: Sendable {
    private let respond: @Sendable (Request) async throws -> Response

    init(_ application: some ApplicationProtocol) async throws {
        let responder = try await application.responder
        let logger = application.logger
        respond = { request in
            let source = ApplicationRequestContextSource(channel: NIOAsyncTestingChannel(), logger: logger)
            return try await responder.respond(to: request, context: .init(source: source))
        }
    }

    func execute(
        uri: String,
        method: HTTPRequest.Method,
        headers: HTTPFields,
        body: ByteBuffer?
    ) async throws -> (status: HTTPResponse.Status, headers: HTTPFields, body: ByteBuffer) {
        var headers = headers
        if let body { headers[.contentLength] = String(body.readableBytes) }
        let head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: uri, headerFields: headers)
        let response = try await respond(Request(head: head, body: RequestBody(buffer: body ?? ByteBuffer())))
        let written = CollectingWriter()
        try await response.body.write(written)
        return (response.status, response.headers, written.bytes)
    }
}

/// Keeps what a response's body writes.
private final class CollectingWriter: ResponseBodyWriter {
    private let collected = Mutex(ByteBuffer())

    var bytes: ByteBuffer { collected.withLock { $0 } }

    func write(_ buffer: ByteBuffer) async throws { _ = collected.withLock { $0.writeImmutableBuffer(buffer) } }
    func finish(_ trailers: HTTPFields?) async throws {}
}
