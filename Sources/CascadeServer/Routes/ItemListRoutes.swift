// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import Hummingbird

/// `GET /v1/items`: looks through the catalogue, a page at a time.
struct ItemListRoutes {
    let backend: Backend

    var routes: [Route] { [Route(.get, "/v1/items", .role(.read), handler: list)] }

    @Sendable private func list(_ call: Call) async throws -> Response {
        let query = try call.query("prefix", "after", "limit")
        let prefix = try query.text("prefix", 0...call.limits.id) ?? ""
        let after = try query.text("after", 1...call.limits.id).map { ItemID($0) }
        let limit = try query.count("limit", standard: 20, atMost: call.limits.k)
        return try Answer.json(
            await backend.service.items(beginningWith: prefix, after: after, limit: limit)
        )
    }
}
