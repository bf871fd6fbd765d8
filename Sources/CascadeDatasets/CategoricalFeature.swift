// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles

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
    private(set) var vocabulary = StringTable()
    private(set) var first: [Int32] = []  // by the number of the user or item, -1 where there is none
    private(set) var further: [Int32: [Int32]] = [:]  // the values after the first

    mutating func set(_ texts: [String], of index: Int32) {
        let values = texts.map { vocabulary.insert($0) }
        makeRoom(for: index)
        first[Int(index)] = values.first ?? -1
        further[index] = values.count > 1 ? Array(values.dropFirst()) : nil
    }

    /// Gives a value to one that has none yet; whether it then has this value.
    mutating func setFirst(_ text: FieldBytes, of index: Int32) -> Bool {
        let value = vocabulary.insert(text)
        makeRoom(for: index)
        if first[Int(index)] < 0 { first[Int(index)] = value }
        return first[Int(index)] == value
    }

    /// Gives every value that fewer than `fewest` have first another text instead.
    mutating func replaceRare(below fewest: Int, with text: String) {
        let other = vocabulary.insert(text)
        var counts = [Int](repeating: 0, count: vocabulary.count)
        for value in first where value >= 0 { counts[Int(value)] += 1 }
        for index in first.indices where first[index] >= 0 && counts[Int(first[index])] < fewest {
            first[index] = other
        }
    }

    /// Gives every value another text; values of the same text become one.
    mutating func relabel(_ label: (String) -> String) {
        var labels = StringTable()
        let numbers = (0..<vocabulary.count).map { labels.insert(label(vocabulary[$0])) }
        first = first.map { $0 < 0 ? $0 : numbers[Int($0)] }
        further = further.mapValues { $0.map { numbers[Int($0)] } }
        vocabulary = labels
    }

    private mutating func makeRoom(for index: Int32) {
        let missing = Int(index) + 1 - first.count
        if missing > 0 { first.append(contentsOf: repeatElement(-1, count: missing)) }
    }

    /// The feature of the users or items of the given input numbers, in that order.
    func selecting(_ kept: [Int32]) -> (vocabulary: [String], offsets: [Int64], values: [Int32]) {
        var numbering = Numbering(count: vocabulary.count)
        var offsets: [Int64] = [0]
        var selected: [Int32] = []
        offsets.reserveCapacity(kept.count + 1)
        for index in kept {
            if Int(index) < first.count, first[Int(index)] >= 0 {
                selected.append(numbering.number(of: first[Int(index)]))
                for value in further[index] ?? [] { selected.append(numbering.number(of: value)) }
            }
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
