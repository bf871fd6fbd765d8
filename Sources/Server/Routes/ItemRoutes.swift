// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Datasets
import Funnel
import Hummingbird
import Store

/// `/v1/items`: what there is to recommend.
struct ItemRoutes {
    let backend: Backend

    var routes: [Route] {
        [
            Route(.put, "/v1/items", .role(.write), handler: upsert),
            Route(.get, "/v1/items/{id}", .role(.read), handler: find),
        ]
    }

    /// Adds items, or replaces those of the same id, whole.
    @Sendable private func upsert(_ call: Call) async throws -> Response {
        let inputs = try await call.body(ItemsInput.self).items
        guard (1...call.limits.batch).contains(inputs.count) else {
            throw Problem.invalid("items: found \(inputs.count), expected 1 to \(call.limits.batch).")
        }
        let items = try inputs.enumerated().map { try $1.item(call.limits, place: "items[\($0)]") }
        try await backend.service.upsert(items)
        return try Answer.json(["stored": items.count])
    }

    @Sendable private func find(_ call: Call) async throws -> Response {
        let id = ItemID(try call.id("id"))
        _ = try call.query()
        guard let item = try await backend.service.items([id]).first else {
            throw Problem.notFound("There is no such item.")
        }
        return try Answer.json(item)
    }
}

/// The body: an item, or an object with a list of them.
private struct ItemsInput: Decodable {
    let items: [ItemInput]

    private enum CodingKeys: String, CodingKey { case items }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        guard values.contains(.items) else {
            items = [try ItemInput(from: decoder)]
            return
        }
        try decoder.refuseKeys(beyond: ["items"])
        items = try values.decode([ItemInput].self, forKey: .items)
    }
}

/// An item as it is sent.
private struct ItemInput: Decodable {
    let id: String
    let title: String
    let categories: [String]
    let available: Bool
    let created: Int64
    let attributes: [String: String]

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case id, title, categories, available, created, attributes
    }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: CodingKeys.allCases.map(\.rawValue))
        let values = try decoder.container(keyedBy: CodingKeys.self)
        id = try values.decode(String.self, forKey: .id)
        title = try values.decodeIfPresent(String.self, forKey: .title) ?? ""
        categories = try values.decodeIfPresent([String].self, forKey: .categories) ?? []
        available = try values.decodeIfPresent(Bool.self, forKey: .available) ?? true
        created = try values.decodeIfPresent(Int64.self, forKey: .created) ?? 0
        attributes = try values.decodeIfPresent([String: String].self, forKey: .attributes) ?? [:]
    }

    /// The most categories, and the most attributes, of one item.
    private static let most = 100

    func item(_ limits: Limits, place: String) throws -> ItemRecord {
        try Text.check(id, "\(place).id", 1...limits.id)
        try Text.check(title, "\(place).title", 0...1_000)
        for category in categories { try Text.check(category, "\(place).categories", 1...limits.id) }
        guard categories.count <= Self.most, attributes.count <= Self.most else {
            throw Problem.invalid("\(place): found too many categories or attributes, expected \(Self.most) of each.")
        }
        guard created >= 0 else {
            throw Problem.invalid("\(place).created: found a negative number, expected seconds since 1970-01-01 UTC.")
        }
        return ItemRecord(
            id: ItemID(id),
            title: title,
            categories: categories,
            available: available,
            created: created,
            attributes: attributes
        )
    }
}
