// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeFunnel
import CascadeStore
import Foundation
import Hummingbird

/// `/v1/models`: what is loaded where, and its replacement.
struct ModelRoutes {
    let backend: Backend

    var routes: [Route] {
        let patience = backend.configuration.timeouts.replaceSeconds
        return [
            Route(.get, "/v1/models", .role(.read), handler: list),
            Route(.get, "/v1/promotions", .role(.read), handler: promotions),
            Route(.post, "/v1/models/{slot}", .role(.admin), timeout: patience, handler: replace),
        ]
    }

    @Sendable private func list(_ context: RequestContext) async throws -> Response {
        _ = try context.query()
        return try JSONResponse.of(["slots": await backend.service.slots()])
    }

    @Sendable private func promotions(_ context: RequestContext) async throws -> Response {
        let limit = try context.query("limit").count("limit", standard: 20, atMost: context.limits.k)
        let found = try await backend.service.promotions(limit: limit)
        return try JSONResponse.of(["promotions": found.map(PromotionResponse.init)])
    }

    @Sendable private func replace(_ context: RequestContext) async throws -> Response {
        let slot = try context.id("slot")
        let change = try await context.body(SlotInput.self).change()
        return try JSONResponse.of(await backend.service.change(slot: slot, change))
    }
}

/// A decision about what serves, with its measurements.
private struct PromotionResponse: Encodable {
    let id: Int64
    let slot: String
    let decision: Promotion.Decision
    let version: String
    let path: String
    let time: Int64
    let reason: String
    let report: JSONValue
    let applied: Int64?
    let problem: String?

    init(_ promotion: Promotion) {
        (id, slot, decision) = (promotion.id, promotion.slot, promotion.decision)
        (version, path, time) = (promotion.version, promotion.place.path, promotion.time)
        (reason, applied, problem) = (promotion.reason, promotion.applied, promotion.problem)
        report = (try? JSONDecoder().decode(JSONValue.self, from: Data(promotion.report.utf8))) ?? .object([:])
    }
}

/// The body: where the new one lies on the server's disk, or the wish to go back.
private struct SlotInput: Decodable {
    let path: String?
    let index: String?
    let data: String?
    let rollback: Bool?

    private enum CodingKeys: String, CodingKey, CaseIterable { case path, index, data, rollback }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        path = try values.decodeIfPresent(String.self, forKey: .path)
        index = try values.decodeIfPresent(String.self, forKey: .index)
        data = try values.decodeIfPresent(String.self, forKey: .data)
        rollback = try values.decodeIfPresent(Bool.self, forKey: .rollback)
    }

    func change() throws -> SlotChange {
        let places = [("path", path), ("index", index), ("data", data)]
        for case (let key, let text?) in places { try Text.check(text, key, 1...4_096) }
        if rollback == true, places.allSatisfy({ $0.1 == nil }) { return .rollBack }
        guard let path, rollback != true else {
            throw Problem.invalid(
                "body: expected either 'path', with 'index' and 'data' if needed, or 'rollback': true."
            )
        }
        return .load(path: path, index: index, data: data)
    }
}
