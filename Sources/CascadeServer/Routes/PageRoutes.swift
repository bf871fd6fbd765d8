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

    @Sendable private func recommend(_ call: Call) async throws -> Response {
        let user = UserID(try call.id("id"))
        let count = try count(call.query("k"), call)
        return try page(await backend.service.recommend(to: user, count: count, isPreview: call.isPreview))
    }

    @Sendable private func search(_ call: Call) async throws -> Response {
        let query = try call.query("q", "user", "k")
        let text = try query.required("q", 1...call.limits.query)
        let user = try query.text("user", 1...call.limits.id).map { UserID($0) }
        let count = try count(query, call)
        return try page(
            await backend.service.search(text, user: user, count: count, isPreview: call.isPreview)
        )
    }

    @Sendable private func similar(_ call: Call) async throws -> Response {
        let item = ItemID(try call.id("id"))
        let count = try count(call.query("k"), call)
        return try page(await backend.service.similar(to: item, count: count, isPreview: call.isPreview))
    }

    @Sendable private func explain(_ call: Call) async throws -> Response {
        let request = try call.id("request")
        _ = try call.query()
        guard let explanation = await backend.service.explanation(of: request) else {
            throw Problem.notFound("There is no such request, or it is too long ago.")
        }
        return try Answer.json(explanation)
    }

    private func count(_ query: Query, _ call: Call) throws -> Int {
        try query.count("k", standard: standardCount, atMost: call.limits.k)
    }

    private func page(_ page: Page) throws -> Response {
        backend.metrics.count(page.degraded)
        return try Answer.json(page)
    }
}

extension Call {
    /// Whether the page is only looked at: `X-Cascade-Preview: 1`, as the console sends it.
    fileprivate var isPreview: Bool { request.headers[.preview] == "1" }
}
