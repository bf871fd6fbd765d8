// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Compresses answers with gzip for callers who say that they can take it.
struct CompressionMiddleware: RouterMiddleware {
    typealias Context = HTTPContext

    /// The shortest answer that is compressed, in bytes; 0 for none.
    let minimum: Int

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        guard minimum > 0, let length = response.body.contentLength, length >= minimum else { return response }
        response.headers.vary("Accept-Encoding")
        guard request.method != .head, Self.takesGzip(request.headers[values: .acceptEncoding]) else { return response }
        let collector = BodyCollector()
        try await response.body.write(collector)
        let plain = collector.bytes
        guard let packed = Gzip.compressed(plain), packed.readableBytes < plain.readableBytes else {
            response.body = ResponseBody(byteBuffer: plain)
            return response
        }
        response.headers[.contentEncoding] = "gzip"
        response.headers[.contentLength] = "\(packed.readableBytes)"
        // Not the same bytes as without compression.
        if let tag = response.headers[.eTag], !tag.hasPrefix("W/") { response.headers[.eTag] = "W/\(tag)" }
        response.body = ResponseBody(byteBuffer: packed)
        return response
    }

    /// Whether an `Accept-Encoding` allows gzip (RFC 9110, 12.5.3).
    static func takesGzip(_ fields: [String]) -> Bool {
        var byName: [String: Bool] = [:]
        for part in fields.flatMap({ $0.split(separator: ",") }) {
            let words = part.split(separator: ";").map { $0.trimmingPrefix { $0.isWhitespace }.lowercased() }
            guard let name = words.first?.split(whereSeparator: \.isWhitespace).first.map(String.init) else { continue }
            let weight = words.dropFirst().first { $0.hasPrefix("q=") }
            byName[name] = weight.map { (Double($0.dropFirst(2)) ?? 0) > 0 } ?? true
        }
        return byName["gzip"] ?? byName["x-gzip"] ?? byName["*"] ?? false
    }
}

/// Keeps what a body writes.
private final class BodyCollector: ResponseBodyWriter {
    private let collected = Mutex(ByteBuffer())

    var bytes: ByteBuffer { collected.withLock { $0 } }

    func write(_ buffer: ByteBuffer) async throws { _ = collected.withLock { $0.writeImmutableBuffer(buffer) } }
    func finish(_ trailers: HTTPFields?) async throws {}
}
