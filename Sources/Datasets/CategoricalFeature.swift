// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import TensorFiles

/// A feature of users or of items that takes values from a list; each user or item has any number of them.
public struct CategoricalFeature: Sendable {
    /// The distinct values, in the order of their first appearance.
    public let vocabulary: [String]
    /// `[count + 1]`: where the values of each user or item start in ``values``, and the end of the last.
    public let offsets: Column<Int64>
    /// Positions in ``vocabulary``, one user or item after another.
    public let values: Column<Int32>

    /// The values of the user or item with the dense index `index`.
    public func values(of index: Int) -> [String] {
        (Int(offsets[index])..<Int(offsets[index + 1])).map { vocabulary[Int(values[$0])] }
    }
}

/// Gathers a feature while the numbers of its users or items are still those of the unfiltered input.
struct FeatureCollector {
    private var vocabulary = StringTable()
    private var values: [Int32: [Int32]] = [:]

    mutating func set(_ texts: [String], of index: Int32) {
        values[index] = texts.map { vocabulary.insert($0) }
    }

    /// The feature of the users or items of the given input numbers, in that order.
    func selecting(_ kept: [Int32]) -> (vocabulary: [String], offsets: [Int64], values: [Int32]) {
        var numbering = Numbering(count: vocabulary.count)
        var offsets: [Int64] = [0]
        var selected: [Int32] = []
        offsets.reserveCapacity(kept.count + 1)
        for index in kept {
            for value in values[index] ?? [] { selected.append(numbering.number(of: value)) }
            offsets.append(Int64(selected.count))
        }
        return (numbering.kept.map { vocabulary[Int($0)] }, offsets, selected)
    }
}

/// Renumbers things in the order in which they are first asked for.
struct Numbering {
    private var numbers: [Int32]  // by old number; -1 where not asked for yet
    /// The old numbers, by new number.
    private(set) var kept: [Int32] = []

    init(count: Int) { numbers = [Int32](repeating: -1, count: count) }

    mutating func number(of old: Int32) -> Int32 {
        if numbers[Int(old)] < 0 {
            numbers[Int(old)] = Int32(kept.count)
            kept.append(old)
        }
        return numbers[Int(old)]
    }

    /// The new number of an old one that was asked for before.
    subscript(old: Int32) -> Int32 { numbers[Int(old)] }
}
