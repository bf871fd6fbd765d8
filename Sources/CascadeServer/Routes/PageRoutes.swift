// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import Hummingbird

/// Pages of items: recommendations, searches, similar items, and why they are as they are.
struct PageRoutes {
    let backend: Backend
    /// Items of a page whose request names no number.
    private let standardCount = 20

    var routes: [Route] {
        [
            Route(.get, "/v1/users/{id}/recommendations", .role(.read), handler: recommend),
            Route(.get, "/v1/search", .role(.read), handler: search),
            Route(.get, "/v1/items/{id}/similar", .role(.read), handler: similar),
            Route(.get, "/v1/explain/{request}", .role(.read), handler: explain),
        ]
    }

    @Sendable private func recommend(_ context: RequestContext) async throws -> Response {
        let user = UserID(try context.id("id"))
        let query = try context.queryWithContext("k")
        return try page(
            await backend.service.recommend(
                to: user,
                count: count(query, context),
                context: query.context(context.limits),
                isPreview: context.isPreview(),
                time: context.simulatedTime
            )
        )
    }

    @Sendable private func search(_ context: RequestContext) async throws -> Response {
        let query = try context.queryWithContext("q", "user", "k")
        let text = try query.required("q", 1...context.limits.queryBytes)
        let user = try query.text("user", 1...context.limits.idBytes).map { UserID($0) }
        return try page(
            await backend.service.search(
                text,
                user: user,
                count: count(query, context),
                context: query.context(context.limits),
                isPreview: context.isPreview(),
                time: context.simulatedTime
            )
        )
    }

    @Sendable private func similar(_ context: RequestContext) async throws -> Response {
        let item = ItemID(try context.id("id"))
        let count = try count(context.query("k"), context)
        return try page(
            await backend.service.similar(
                to: item,
                count: count,
                isPreview: context.isPreview(),
                time: context.simulatedTime
            )
        )
    }

    @Sendable private func explain(_ context: RequestContext) async throws -> Response {
        let request = try context.id("request")
        _ = try context.query()
        guard let explanation = await backend.service.explanation(of: request) else {
            throw Problem.notFound("There is no such request, or it is too long ago.")
        }
        return try JSONResponse.of(explanation)
    }

    private func count(_ query: Query, _ context: RequestContext) throws -> Int {
        try query.count("k", standard: standardCount, atMost: context.limits.k)
    }

    private func page(_ page: Page) throws -> Response {
        backend.metrics.count(page.degraded)
        return try JSONResponse.of(page)
    }
}

extension RequestContext {
    /// Whether the page is only looked at: `X-Cascade-Preview: 1`, as the console sends it.
    fileprivate func isPreview() throws -> Bool {
        switch request.headers[.preview] {
        case nil, "0": false
        case "1": true
        default: throw Problem.invalid("X-Cascade-Preview: found another value, expected 0 or 1.")
        }
    }
}
