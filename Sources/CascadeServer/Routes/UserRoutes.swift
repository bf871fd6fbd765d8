// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeStore
import Hummingbird

/// `/v1/users`: who there is, and what a person may ask of us: everything that is stored of them, and its end.
struct UserRoutes {
    let backend: Backend

    var routes: [Route] {
        [
            Route(.get, "/v1/users", .role(.admin), handler: list),
            Route(.get, "/v1/users/{id}", .role(.admin), handler: export),
            Route(.delete, "/v1/users/{id}", .role(.admin), handler: erase),
            Route(.get, "/v1/users/{id}/erasure", .role(.admin), handler: erasure),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Response {
        let query = try call.query("prefix", "limit")
        let prefix = try query.text("prefix", 0...call.limits.id) ?? ""
        let limit = try query.count("limit", standard: 20, atMost: call.limits.k)
        return try Answer.json(["users": await backend.service.users(beginningWith: prefix, limit: limit)])
    }

    @Sendable private func export(_ call: Call) async throws -> Response {
        let user = UserID(try call.id("id"))
        _ = try call.query()
        guard let export = try await backend.service.export(user) else {
            throw Problem.notFound("Nothing is stored of this user.")
        }
        return try Answer.json(ExportAnswer(export))
    }

    @Sendable private func erase(_ call: Call) async throws -> Response {
        let user = UserID(try call.id("id"))
        _ = try call.query()
        let receipt = try await backend.service.erase(user)
        var response = try Answer.json(["erased": receipt.rows], status: receipt.isDone ? .ok : .accepted)
        if !receipt.isDone { response.headers[.location] = call.request.uri.path + "/erasure" }
        return response
    }

    /// How far an erasure is that `DELETE` answered with 202.
    @Sendable private func erasure(_ call: Call) async throws -> Response {
        let user = UserID(try call.id("id"))
        _ = try call.query()
        guard let status = try await backend.service.erasure(of: user) else {
            throw Problem.notFound("This user was never erased.")
        }
        return try Answer.json(ErasureAnswer(time: status.time, status: status.isDone ? "done" : "running"))
    }
}

/// When a person was erased, and whether the files are clean.
private struct ErasureAnswer: Encodable {
    let time: Int64
    let status: String
}

/// Everything of one person; its events look as they do when they are sent.
private struct ExportAnswer: Encodable {
    struct Deed: Encodable {
        let id: String
        let item: ItemID
        let action: Action
        let time: Int64
        let query: String?
        let value: Double?
        let request: String?
    }

    struct View: Encodable {
        let request: String
        let item: ItemID
        let place: Int
        let time: Int64
        let arms: [String: String]
    }

    let user: UserID
    let events: [Deed]
    let exposures: [View]

    init(_ export: UserExport) {
        user = export.user
        events = export.events.map {
            Deed(
                id: $0.id,
                item: $0.event.item,
                action: $0.event.action,
                time: $0.event.time,
                query: $0.event.query,
                value: $0.event.value,
                request: $0.request
            )
        }
        exposures = export.exposures.map {
            View(request: $0.request, item: $0.item, place: $0.place, time: $0.time, arms: $0.arms)
        }
    }
}
