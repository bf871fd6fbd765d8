// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeStore
import Foundation
import Hummingbird

/// What lies in the program itself: the console, and the description of this interface.
struct FileRoutes {
    let backend: Backend

    var routes: [Route] {
        [
            file("/", PackageResources.console_html, "text/html; charset=utf-8"),
            file("/console.css", PackageResources.console_css, "text/css; charset=utf-8"),
            file("/console.js", script, "text/javascript; charset=utf-8"),
            file("/console.svg", PackageResources.console_svg, "image/svg+xml"),
            file("/openapi.json", openAPI(), "application/json"),
        ]
    }

    /// The parts of the console's script, one behind the other: what defines first, what begins last.
    private var script: [UInt8] {
        PackageResources.console_kit_js + PackageResources.console_people_js + PackageResources.console_charts_js
            + PackageResources.console_operation_js + PackageResources.console_js
    }

    /// No script, style or picture but our own, no request to anybody else, no frame around the page.
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private func file(_ pattern: String, _ bytes: [UInt8], _ type: String) -> Route {
        let tag = "\"\(SHA256.hash(bytes).prefix(8).map { String($0, radix: 16) }.joined(separator: "-"))\""
        let buffer = ByteBuffer(bytes: bytes)
        return Route(.get, pattern, .everybody) { context in
            var headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache", .eTag: tag]
            headers[.contentSecurityPolicy] = Self.policy
            guard context.request.headers[.ifNoneMatch].map({ $0.trimmingPrefix("W/") == tag }) != true else {
                headers[.contentType] = nil
                return Response(status: .notModified, headers: headers)
            }
            return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: buffer))
        }
    }

    /// The description, with the limits of this server where the file has their names, such as `"{limits.k}"`.
    private func openAPI() -> [UInt8] {
        let limits = backend.limits
        let numbers = [
            "k": limits.k, "batch": limits.batch, "id_bytes": limits.idBytes, "query_bytes": limits.queryBytes,
        ]
        let written = String(decoding: PackageResources.openapi_json, as: UTF8.self)
        let text = numbers.reduce(written) { text, limit in
            text.replacingOccurrences(of: "\"{limits.\(limit.key)}\"", with: "\(limit.value)")
        }
        return Array(text.utf8)
    }
}
