// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeDatasets
internal import CascadeTensorFiles
internal import Foundation

/// What texts may be: SQLite ends one at a NUL, so that `ann\0x` would become somebody else's `ann`.
enum Storable {
    /// How long the id of an event may be, in bytes.
    static let longestID = 200

    /// Whether a text is kept whole.
    static func holds(_ text: String) -> Bool { !text.utf8.contains(0) }

    /// Refuses an event that cannot be kept as it is.
    ///
    /// - Throws: ``StoreError`` `.invalid`, which names the event by its position.
    static func check(_ event: NewEvent, _ position: Int, of count: Int, _ place: String) throws {
        func refuse(_ what: String) -> StoreError {
            StoreError(.invalid, "\(place): event \(position + 1) of \(count): \(what). None of them was stored.")
        }
        guard (1...longestID).contains(event.id.utf8.count) else {
            throw refuse("its id has \(event.id.utf8.count) bytes; expected 1 to \(longestID)")
        }
        guard !event.event.user.rawValue.isEmpty, !event.event.item.rawValue.isEmpty else {
            throw refuse("its user or its item is empty")
        }
        let texts = [event.id, event.event.user.rawValue, event.event.item.rawValue, event.event.query, event.request]
        guard texts.allSatisfy({ holds($0 ?? "") }) else {
            throw refuse("a text has a character NUL in it; leave it out")
        }
        guard event.event.value?.isFinite ?? true else {
            throw refuse("its value is not a finite number; leave out a value that is not known")
        }
    }

    /// Refuses texts of something that is not an event.
    static func check(_ texts: [String], of what: String, _ place: String) throws {
        guard texts.allSatisfy(holds) else {
            throw StoreError(.invalid, "\(place): \(what): a text has a character NUL in it; leave it out.")
        }
    }

    /// Lists and groups as JSON, the same text for the same value.
    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder.compact
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// What ``json(_:)`` wrote; nil when it is something else.
    static func value<V: Decodable>(_ json: String) -> V? {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf",
            negativeInfinity: "-inf",
            nan: "nan"
        )
        return try? decoder.decode(V.self, from: Data(json.utf8))
    }
}
