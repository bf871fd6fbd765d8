// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets

/// Which items of a catalog may be found: one bit an item.
///
/// What a user has seen, what is sold out and what belongs to other categories is each a filter; ``intersection(_:)``
/// joins them. An item outside the catalog is a bug of the caller.
public struct ItemFilter: Sendable, Equatable {
    /// Bit `i % 64` of word `i / 64` says whether item `i` is allowed; the bits behind the last item are 0.
    let words: [UInt64]
    /// Number of items in the catalog.
    public let count: Int
    /// How many of them are allowed.
    public let allowedCount: Int

    /// Allows these items of a catalog and no others.
    public init(allowing items: some Sequence<ItemIndex>, of count: Int) {
        var words = [UInt64](repeating: 0, count: (count + 63) / 64)
        for item in items { words[Self.word(item, count)] |= Self.bit(item) }
        self.init(words, count)
    }

    /// Allows all items of a catalog but these.
    public init(excluding items: some Sequence<ItemIndex>, of count: Int) {
        var words = [UInt64](repeating: .max, count: (count + 63) / 64)
        if count % 64 != 0 { words[count / 64] = 1 << UInt64(count % 64) - 1 }
        for item in items { words[Self.word(item, count)] &= ~Self.bit(item) }
        self.init(words, count)
    }

    private init(_ words: [UInt64], _ count: Int) {
        self.words = words
        self.count = count
        allowedCount = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// Whether an item may be found.
    public subscript(item: ItemIndex) -> Bool { words[Self.word(item, count)] & Self.bit(item) != 0 }

    /// Allows what both filters allow; they must be of one catalog.
    public func intersection(_ other: ItemFilter) -> ItemFilter {
        precondition(count == other.count, "filters of catalogs of \(count) and \(other.count) items")
        return ItemFilter(zip(words, other.words).map { $0 & $1 }, count)
    }

    /// The same filter without some more items.
    public func excluding(_ items: some Sequence<ItemIndex>) -> ItemFilter {
        var words = words
        for item in items { words[Self.word(item, count)] &= ~Self.bit(item) }
        return ItemFilter(words, count)
    }

    private static func word(_ item: ItemIndex, _ count: Int) -> Int {
        precondition(item.rawValue >= 0 && item.rawValue < count, "the item lies outside the catalog")
        return item.rawValue / 64
    }

    private static func bit(_ item: ItemIndex) -> UInt64 { 1 << UInt64(item.rawValue % 64) }
}
