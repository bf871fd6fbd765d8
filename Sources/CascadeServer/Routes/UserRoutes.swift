// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeStore
import Hummingbird

/// `/v1/users`: lists users, exports everything stored about one, and erases it.
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

    @Sendable private func list(_ context: RequestContext) async throws -> Response {
        let query = try context.query("prefix", "limit")
        let prefix = try query.text("prefix", 0...context.limits.idBytes) ?? ""
        let limit = try query.count("limit", standard: 20, atMost: context.limits.k)
        return try JSONResponse.of(["users": await backend.service.users(beginningWith: prefix, limit: limit)])
    }

    @Sendable private func export(_ context: RequestContext) async throws -> Response {
        let user = UserID(try context.id("id"))
        _ = try context.query()
        guard let export = try await backend.service.export(user) else {
            throw Problem.notFound("Nothing is stored of this user.")
        }
        return try JSONResponse.of(ExportResponse(export))
    }

    @Sendable private func erase(_ context: RequestContext) async throws -> Response {
        let user = UserID(try context.id("id"))
        _ = try context.query()
        let receipt = try await backend.service.erase(user)
        var response = try JSONResponse.of(["erased": receipt.rows], status: receipt.isDone ? .ok : .accepted)
        if !receipt.isDone { response.headers[.location] = context.request.uri.path + "/erasure" }
        return response
    }

    /// The progress of an erasure that `DELETE` answered with 202.
    @Sendable private func erasure(_ context: RequestContext) async throws -> Response {
        let user = UserID(try context.id("id"))
        _ = try context.query()
        guard let status = try await backend.service.erasure(of: user) else {
            throw Problem.notFound("This user was never erased.")
        }
        return try JSONResponse.of(ErasureResponse(time: status.time, status: status.isDone ? "done" : "running"))
    }
}

/// When a user was erased, and whether the files are clean.
private struct ErasureResponse: Encodable {
    let time: Int64
    let status: String
}

/// Everything stored about one user; events as they are sent.
private struct ExportResponse: Encodable {
    struct StoredEvent: Encodable {
        let id: String
        let item: ItemID
        let action: Action
        let time: Int64
        let query: String?
        let value: Double?
        let request: String?
    }

    struct Impression: Encodable {
        let request: String
        let item: ItemID
        let position: Int
        let time: Int64
        let arms: [String: String]
        let kind: RequestKind?
        let query: String?
        let context: [String: String]
        let policy: String?
        let versions: [String: String]
        let score: Double?
        let propensity: Double?
    }

    let user: UserID
    let events: [StoredEvent]
    let exposures: [Impression]

    init(_ export: UserExport) {
        user = export.user
        events = export.events.map {
            StoredEvent(
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
            Impression(
                request: $0.request,
                item: $0.item,
                position: $0.position,
                time: $0.time,
                arms: $0.arms,
                kind: $0.facts.kind,
                query: $0.facts.query,
                context: $0.facts.context,
                policy: $0.facts.policy,
                versions: $0.facts.versions,
                score: $0.score,
                propensity: $0.propensity
            )
        }
    }
}
