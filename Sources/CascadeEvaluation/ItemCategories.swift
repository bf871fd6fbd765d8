// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Which categories every item of a catalog belongs to: any number of them, numbered from 0.
///
/// Items without a category count as one category of their own, so that knowing nothing about an item does not pass for
/// variety.
public struct ItemCategories: Sendable {
    private let offsets: [Int]
    private let values: [Int]  // of one item after another, rising

    /// Takes the categories of every item, by dense index.
    public init(_ lists: some Sequence<[Int]>) {
        var offsets = [0]
        var values: [Int] = []
        for list in lists {
            values += list.isEmpty ? [-1] : Set(list).sorted()
            offsets.append(values.count)
        }
        self.offsets = offsets
        self.values = values
    }

    /// Number of items.
    public var itemCount: Int { offsets.count - 1 }

    /// Whether two items have no category in common.
    public func differ(_ a: Int, _ b: Int) -> Bool {
        var (i, j) = (offsets[a], offsets[b])
        while i < offsets[a + 1], j < offsets[b + 1] {
            if values[i] == values[j] { return false }
            if values[i] < values[j] { i += 1 } else { j += 1 }
        }
        return true
    }

    /// Number of categories that occur in a list.
    public func distinctCount(in list: some Sequence<Int>) -> Int {
        Set(list.flatMap { values[offsets[$0]..<offsets[$0 + 1]] }).count
    }

    /// Share of the pairs of a list that have no category in common, from 0 to 1; 0 for lists of fewer than 2 items.
    public func intraListDiversity(of list: [Int]) -> Double {
        guard list.count > 1 else { return 0 }
        var different = 0
        for (place, item) in list.enumerated() { different += list[..<place].count { differ($0, item) } }
        return Double(different) / Double(list.count * (list.count - 1) / 2)
    }
}
