// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A text whose identity is its bytes: two are equal only when their UTF-8 is the same.
///
/// Swift's `String` takes `é` and `e` with a combining accent for equal (canonical equivalence). Files, databases and
/// vectors of a model do not, so that a dictionary with `String` keys would put two users into one. Ids and other texts
/// of a source are therefore never keys as a `String`: they are a ``UserID``, an ``ItemID`` or a ``ByteString``.
public protocol ByteIdentity: Hashable, Comparable, Sendable {
    /// The text, as the source wrote it.
    var rawValue: String { get }
}

extension ByteIdentity {
    /// Whether both have the same bytes.
    public static func == (left: Self, right: Self) -> Bool { left.rawValue.hasSameBytes(as: right.rawValue) }

    /// Whether the bytes of `left` come before those of `right`, which is also the order of a database.
    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }

    /// Feeds the bytes, and how many they are.
    public func hash(into hasher: inout Hasher) {
        var text = rawValue
        text.withUTF8 { bytes in
            hasher.combine(bytes.count)
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
    }
}

extension String {
    /// Whether the other text has the same bytes in UTF-8; `==` also takes canonically equivalent texts for equal.
    public func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let isSame = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { right in
                guard let first = left.baseAddress, let second = right.baseAddress else { return left.isEmpty }
                return memcmp(first, second, left.count) == 0
            }
        }
        return (isSame ?? nil) ?? utf8.elementsEqual(other.utf8)
    }
}

/// A text of a source as the key of a dictionary or the element of a set, such as a query, a tag or a category.
public struct ByteString: ByteIdentity, ExpressibleByStringLiteral {
    /// The text, as the source wrote it.
    public let rawValue: String

    /// Wraps a text.
    public init(_ rawValue: String) { self.rawValue = rawValue }

    /// Wraps a literal text.
    public init(stringLiteral value: String) { rawValue = value }
}
