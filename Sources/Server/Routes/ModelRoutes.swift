// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Funnel
import Hummingbird

/// `/v1/models`: what is loaded where, and its replacement.
struct ModelRoutes {
    let backend: Backend

    var routes: [Route] {
        let patience = backend.configuration.timeouts.replace
        return [
            Route(.get, "/v1/models", .role(.read), handler: list),
            Route(.post, "/v1/models/{slot}", .role(.admin), timeout: patience, handler: replace),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Response {
        _ = try call.query()
        return try Answer.json(["slots": await backend.service.slots()])
    }

    @Sendable private func replace(_ call: Call) async throws -> Response {
        let slot = try call.id("slot")
        let path = try await call.body(PathInput.self).path
        try Text.check(path, "path", 1...4_096)
        return try Answer.json(await backend.service.replace(slot: slot, with: path))
    }
}

/// The body: where the new one lies on the server's disk.
private struct PathInput: Decodable {
    let path: String

    private enum CodingKeys: String, CodingKey { case path }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: ["path"])
        path = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .path)
    }
}
