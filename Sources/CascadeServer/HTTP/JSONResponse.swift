// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import Hummingbird

/// Responses in JSON.
enum JSONResponse {
    /// A value as the body; it may be about a user, so that no cache keeps it.
    static func of(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        .bytes(try JSONEncoder.compact.encode(value), type: "application/json", status: status)
    }
}

extension Response {
    /// Bytes as the body.
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
