// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Hummingbird

/// Answers in JSON.
enum Answer {
    /// An answer that may be about a person, so that nothing on the way keeps it.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return bytes(try encoder.encode(value), type: "application/json", status: status)
    }

    /// An answer of ready bytes.
    static func bytes(
        _ bytes: some Sequence<UInt8>,
        type: String,
        status: HTTPResponse.Status = .ok,
        caching: String = "no-store"
    ) -> Response {
        Response(
            status: status,
            headers: [.contentType: type, .cacheControl: caching],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
