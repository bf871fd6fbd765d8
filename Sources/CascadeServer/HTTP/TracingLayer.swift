// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Hummingbird's tracing, shown the route's pattern in place of the address, which holds ids and queries.
///
/// Without an instrument that the operator's program has set up, it does nothing.
struct TracingLayer: RouterMiddleware {
    typealias Context = HTTPContext

    private let tracing = TracingMiddleware<HTTPContext>()

    func handle(
        _ request: Request,
        context: HTTPContext,
        next: (Request, HTTPContext) async throws -> Response
    ) async throws -> Response {
        var head = request.head
        head.path = context.endpointPath ?? "/"
        let shown = Request(head: head, body: request.body)
        return try await tracing.handle(shown, context: context) { _, context in try await next(request, context) }
    }
}
