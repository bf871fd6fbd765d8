// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging

/// The outermost layer: names the request, counts and times it, writes the access log, adds the headers of every answer.
struct ObservingMiddleware: RouterMiddleware {
    typealias Context = HTTPContext

    let backend: Backend

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        context.requestID = RequestName.taken(from: request.headers[.requestID])
        context.logger[metadataKey: "hb.request.id"] = nil
        context.logger[metadataKey: "request"] = .string(context.requestID)
        let start = ContinuousClock.now
        backend.metrics.begin()
        var response = try await next(request, context)
        let duration = ContinuousClock.now - start
        let route = context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 } ?? "unmatched"
        backend.metrics.end(method: request.method, route: route, status: response.status.code, duration: duration)
        context.logger.info(
            "responded",
            metadata: [
                "method": .string(request.method.rawValue),
                "route": .string(route),
                "status": .stringConvertible(response.status.code),
                "latency_ms": .stringConvertible((duration.seconds * 100_000).rounded() / 100),
            ]
        )
        response.headers[.requestID] = context.requestID
        addSecurityHeaders(&response)
        return response
    }

    private func addSecurityHeaders(_ response: inout Response) {
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.referrerPolicy] = "no-referrer"
        response.headers[.crossOriginResourcePolicy] = "same-origin"
        if response.headers[.contentSecurityPolicy] == nil {
            response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        }
        if !backend.configuration.tls.certificate.isEmpty {
            response.headers[.strictTransportSecurity] = "max-age=31536000"
        }
    }
}

extension HTTPField.Name {
    /// A header of this program; the literals below are well-formed names.
    private static func named(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("'\(name)' is no name of a header") }
        return field
    }

    static let preview = named("X-Cascade-Preview")
    static let simulatedTime = named("X-Cascade-Time")
    static let requestID = named("X-Request-Id")
    static let referrerPolicy = named("Referrer-Policy")
    static let crossOriginResourcePolicy = named("Cross-Origin-Resource-Policy")
}
