// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Configurations
import Crypto
import Foundation
import Hummingbird

/// What lies in the program itself: the console, and the description of this interface.
struct FileRoutes {
    let backend: Backend

    var routes: [Route] {
        [
            file("/", PackageResources.console_html, "text/html; charset=utf-8"),
            file("/console.css", PackageResources.console_css, "text/css; charset=utf-8"),
            file("/console.js", PackageResources.console_js, "text/javascript; charset=utf-8"),
            file("/console.svg", PackageResources.console_svg, "image/svg+xml"),
            file("/openapi.json", openAPI(), "application/json"),
        ]
    }

    /// No script, style or picture but our own, no request to anybody else, no frame around the page.
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    private func file(_ pattern: String, _ bytes: [UInt8], _ type: String) -> Route {
        let tag = "\"\(SHA256.hash(data: Data(bytes)).prefix(8).map { String($0, radix: 16) }.joined(separator: "-"))\""
        let buffer = ByteBuffer(bytes: bytes)
        return Route(.get, pattern, .everybody) { call in
            var headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache", .eTag: tag]
            headers[.contentSecurityPolicy] = Self.policy
            guard call.request.headers[.ifNoneMatch] != tag else {
                headers[.contentType] = nil
                return Response(status: .notModified, headers: headers)
            }
            return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: buffer))
        }
    }

    /// The description, with the limits of this server in it.
    private func openAPI() -> [UInt8] {
        let written = PackageResources.openapi_json
        let limits = backend.limits
        let values = [
            "x-limit-k": limits.k, "x-limit-batch": limits.batch, "x-limit-id": limits.id,
            "x-limit-query": limits.query,
        ]
        guard let tree = try? JSONDecoder().decode(JSONValue.self, from: Data(written)) else { return written }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(tree.replacing(values))).map(Array.init) ?? written
    }
}

extension JSONValue {
    /// This tree with numbers for marks: an object that has the key `x-limit-k` gets that number for its `maximum`,
    /// `maxItems` or `maxLength`, whichever it has.
    fileprivate func replacing(_ marks: [String: Int]) -> JSONValue {
        switch self {
        case .array(let values): return .array(values.map { $0.replacing(marks) })
        case .object(let fields):
            var result = fields.mapValues { $0.replacing(marks) }
            for (mark, number) in marks where result.removeValue(forKey: mark) != nil {
                for key in ["maximum", "maxItems", "maxLength"] where result[key] != nil {
                    result[key] = .integer(number)
                }
            }
            return .object(result)
        default: return self
        }
    }
}
