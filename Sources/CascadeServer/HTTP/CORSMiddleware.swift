// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Lets web pages of configured origins call from a browser: answers its questions beforehand, and marks answers as readable.
///
/// A page needs a token as any caller does; cookies are not used.
struct CORSMiddleware: RouterMiddleware {
    typealias Context = HTTPContext

    let table: RouteTable
    let settings: CORSSettings

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        guard !settings.origins.isEmpty else { return try await next(request, context) }
        let allowed = request.headers[.origin].flatMap(settings.answer(to:))
        var response: Response
        if let answer = allowed.flatMap({ _ in preflight(request) }) {
            response = answer
        } else {
            response = try await next(request, context)
        }
        response.headers.vary("Origin")
        guard let allowed else { return response }
        response.headers[.accessControlAllowOrigin] = allowed
        response.headers[.accessControlExposeHeaders] = "X-Request-Id, Retry-After"
        return response
    }

    /// The answer to what a browser asks before a call; nil when it asks nothing, or of an address that there is not.
    private func preflight(_ request: Request) -> Response? {
        guard request.method == .options, request.headers[.accessControlRequestMethod] != nil else { return nil }
        let methods = table.methods(at: request.uri.path)
        guard !methods.isEmpty else { return nil }
        return Response(
            status: .noContent,
            headers: [
                .accessControlAllowMethods: methods.joined(separator: ", "),
                .accessControlAllowHeaders: "Authorization, Content-Type, X-Request-Id",
                .accessControlMaxAge: "\(settings.maxAgeSeconds)",
            ]
        )
    }
}

extension HTTPFields {
    /// Says that the answer depends on a header of the request.
    mutating func vary(_ name: String) { self[.vary] = self[.vary].map { "\($0), \(name)" } ?? name }
}
