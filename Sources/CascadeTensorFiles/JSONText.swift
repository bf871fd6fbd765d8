// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A value as JSON for people and files: indented, keys in order, slashes as they are; equal values give equal text.
public func jsonText(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder.readable.encode(value), as: UTF8.self)
}

extension JSONEncoder {
    /// Writes indented JSON with its keys in order, and slashes as they are.
    public static var readable: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    /// Writes JSON in one line with its keys in order, and slashes as they are.
    public static var compact: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
