// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The external id of a user, as the source data spells it.
///
/// Compared by its bytes: `7` and `007` differ, and so do the two Unicode forms of `é`.
public struct UserID: ByteIdentity, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The id as the source wrote it.
    public let rawValue: String

    /// Wraps an external id.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Wraps an external id.
    public init(_ rawValue: String) { self.rawValue = rawValue }

    /// Wraps a literal id.
    public init(stringLiteral value: String) { rawValue = value }

    /// Reads the id from a single string.
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }

    /// Writes the id as a single string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    /// The id itself.
    public var description: String { rawValue }
}

/// The external id of an item, as the source data spells it.
///
/// Compared by its bytes: `7` and `007` differ, and so do the two Unicode forms of `é`.
public struct ItemID: ByteIdentity, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The id as the source wrote it.
    public let rawValue: String

    /// Wraps an external id.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Wraps an external id.
    public init(_ rawValue: String) { self.rawValue = rawValue }

    /// Wraps a literal id.
    public init(stringLiteral value: String) { rawValue = value }

    /// Reads the id from a single string.
    public init(from decoder: any Decoder) throws { rawValue = try decoder.singleValueContainer().decode(String.self) }

    /// Writes the id as a single string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    /// The id itself.
    public var description: String { rawValue }
}

/// The dense number of a user within one data set, from 0.
///
/// Meaningful only within the data set that gave it; it is not an external ``UserID``.
public struct UserIndex: RawRepresentable, Hashable, Comparable, Sendable {
    /// The position, from 0.
    public let rawValue: Int

    /// Wraps a position, from 0.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Wraps a position, from 0.
    public init(_ rawValue: Int) { self.rawValue = rawValue }

    /// Whether `left` comes before `right` in the data set.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The dense number of an item within one data set, from 0.
///
/// Meaningful only within the data set that gave it; it is not an external ``ItemID``, nor the item number of a batch, which is one more.
public struct ItemIndex: RawRepresentable, Hashable, Comparable, Sendable {
    /// The position, from 0.
    public let rawValue: Int

    /// Wraps a position, from 0.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Wraps a position, from 0.
    public init(_ rawValue: Int) { self.rawValue = rawValue }

    /// Whether `left` comes before `right` in the data set.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
