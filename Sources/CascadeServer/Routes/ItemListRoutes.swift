// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import Hummingbird

/// `GET /v1/items`: looks through the catalog, a page at a time.
struct ItemListRoutes {
    let backend: Backend

    var routes: [Route] { [Route(.get, "/v1/items", .role(.read), handler: list)] }

    @Sendable private func list(_ context: RequestContext) async throws -> Response {
        let query = try context.query("prefix", "after", "limit")
        let prefix = try query.text("prefix", 0...context.limits.idBytes) ?? ""
        let after = try query.text("after", 1...context.limits.idBytes).map { ItemID($0) }
        let limit = try query.count("limit", standard: 20, atMost: context.limits.k)
        return try JSONResponse.of(
            await backend.service.items(beginningWith: prefix, after: after, limit: limit)
        )
    }
}
