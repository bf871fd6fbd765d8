// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A key of any name.
private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Refuses an object with a key that is not known, so that a misspelt one is not silently without effect.
    ///
    /// The message names the known keys and not the unknown one, which may be anything.
    func refuseKeys(beyond known: [String]) throws {
        let found = try container(keyedBy: AnyKey.self).allKeys
        guard found.allSatisfy({ known.contains($0.stringValue) }) else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: codingPath,
                    debugDescription: "found an unknown key, expected only \(known.joined(separator: ", "))"
                )
            )
        }
    }
}
