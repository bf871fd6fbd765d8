// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeStore
import Hummingbird

/// `/v1/items`: what there is to recommend.
struct ItemRoutes {
    let backend: Backend

    var routes: [Route] {
        [
            Route(.put, "/v1/items", .role(.write), handler: upsert),
            Route(.get, "/v1/items/{id}", .role(.read), handler: find),
            Route(.patch, "/v1/items/{id}", .role(.write), handler: change),
            Route(.delete, "/v1/items/{id}", .role(.write), handler: withdraw),
        ]
    }

    /// Adds items, or replaces those of the same id, whole.
    @Sendable private func upsert(_ context: RequestContext) async throws -> Response {
        let inputs = try await context.body(ItemsInput.self).items
        guard (1...context.limits.batch).contains(inputs.count) else {
            throw Problem.invalid("items: found \(inputs.count), expected 1 to \(context.limits.batch).")
        }
        let now = context.simulatedTime ?? backend.now()
        let items = try inputs.enumerated().map { try $1.item(context.limits, place: "items[\($0)]", now: now) }
        try await backend.service.upsert(items)
        return try JSONResponse.of(["stored": items.count])
    }

    @Sendable private func find(_ context: RequestContext) async throws -> Response {
        let id = ItemID(try context.id("id"))
        _ = try context.query()
        guard let item = try await backend.service.items([id]).first, !item.isWithdrawn else {
            throw Problem.notFound("There is no such item.")
        }
        return try JSONResponse.of(item)
    }

    /// Changes the fields that are sent; answers with the whole item.
    @Sendable private func change(_ context: RequestContext) async throws -> Response {
        let id = ItemID(try context.id("id"))
        let fields = try await context.body(ItemChange.self).fields
        let (limits, now) = (context.limits, context.simulatedTime ?? backend.now())
        let changed = try await backend.service.update(id) { item in
            fields.merge(into: &item)
            try ItemFields.check(item, limits, place: "", now: now)
        }
        guard let changed else { throw Problem.notFound("There is no such item.") }
        return try JSONResponse.of(changed)
    }

    /// Takes an item off all pages and forgets what is known of it.
    @Sendable private func withdraw(_ context: RequestContext) async throws -> Response {
        let id = ItemID(try context.id("id"))
        _ = try context.query()
        return try JSONResponse.of(["withdrawn": await backend.service.withdraw(id) ? 1 : 0])
    }
}
