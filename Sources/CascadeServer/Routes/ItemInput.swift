// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore

/// The body of a PUT: an item, or an object with a list of them.
struct ItemsInput: Decodable {
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

/// An item as it is sent whole.
struct ItemInput: Decodable {
    private let id: String
    private let fields: ItemFields

    private enum CodingKeys: String, CodingKey { case id }

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: ["id"] + ItemFields.keys)
        id = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .id)
        fields = try ItemFields(readingFrom: decoder)
    }

    /// The item, with defaults for what was not sent.
    func item(_ limits: Limits, place: String, now: Int64) throws -> ItemRecord {
        try Text.check(id, "\(place).id", 1...limits.idBytes)
        var item = ItemRecord(id: ItemID(id))
        fields.merge(into: &item)
        try ItemFields.check(item, limits, place: "\(place).", now: now)
        return item
    }
}

/// The body of a PATCH: what is to change of an item (JSON merge patch, RFC 7396).
///
/// Null takes a field back to its default, and an attribute away.
struct ItemChange: Decodable {
    let fields: ItemFields

    init(from decoder: any Decoder) throws {
        try decoder.refuseKeys(beyond: ItemFields.keys)
        fields = try ItemFields(readingFrom: decoder)
    }
}

/// What may be said of an item: each field a value, null, or nothing.
struct ItemFields: Sendable {
    private enum CodingKeys: String, CodingKey, CaseIterable { case title, categories, available, created, attributes }

    static let keys = CodingKeys.allCases.map(\.rawValue)
    /// The most categories, and the most attributes, of one item.
    private static let most = 100

    private let title: String??
    private let categories: [String]??
    private let available: Bool??
    private let created: Int64??
    private let attributes: [String: String?]??

    /// Reads the fields of an object that may hold others.
    init(readingFrom decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func field<Value: Decodable>(_ key: CodingKeys, _ type: Value.Type) throws -> Value?? {
            values.contains(key) ? .some(try values.decodeIfPresent(type, forKey: key)) : nil
        }
        title = try field(.title, String.self)
        categories = try field(.categories, [String].self)
        available = try field(.available, Bool.self)
        created = values.contains(.created) ? .some(try values.unixTime(.created)) : nil
        attributes = try field(.attributes, [String: String?].self)
        if case .some(.some(let changes)) = attributes, changes.count > Self.most {
            let expected = "found \(changes.count), expected at most \(Self.most)"
            throw DecodingError.dataCorruptedError(forKey: .attributes, in: values, debugDescription: expected)
        }
    }

    /// Changes an item; what was not sent stays.
    func merge(into item: inout ItemRecord) {
        let standard = ItemRecord(id: item.id)
        if let title { item.title = title ?? standard.title }
        if let categories { item.categories = categories ?? standard.categories }
        if let available { item.available = available ?? standard.available }
        if let created { item.created = created ?? standard.created }
        switch attributes {
        case nil: return
        case .some(nil): item.attributes = standard.attributes
        case .some(.some(let changes)): for (name, value) in changes { item.attributes[name] = value }
        }
    }

    /// Refuses an item with too long or too many texts, or an impossible time.
    static func check(_ item: ItemRecord, _ limits: Limits, place: String, now: Int64) throws {
        try Text.check(item.title, "\(place)title", 0...1_000)
        for category in item.categories { try Text.check(category, "\(place)categories", 1...limits.idBytes) }
        guard item.categories.count <= most, item.attributes.count <= most else {
            throw Problem.invalid(
                "\(place)categories, \(place)attributes: found too many, expected at most \(most) of each."
            )
        }
        try UnixTime.check(item.created, "\(place)created", now: now)
    }
}
