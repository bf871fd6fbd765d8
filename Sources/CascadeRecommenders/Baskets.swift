// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import CascadeTorch
import Foundation

/// The training sequences as sets of items, for models that count how often two items occur together.
///
/// Memory is 8 bytes for each pair of a sequence and an item, whatever the number of items.
struct Baskets {
    /// `[itemCount]`: how many sequences have the item.
    let counts: [Int]
    private let items: Grouped  // the items of each sequence, each once
    private let sequences: Grouped  // the sequences of each item

    /// Lists of numbers, one after another.
    private struct Grouped {
        var offsets = [0]
        var members: [Int32] = []

        subscript(group: Int) -> ArraySlice<Int32> { members[offsets[group]..<offsets[group + 1]] }
    }

    init(_ data: SplitDataset) {
        var (items, sequences) = (Grouped(), Grouped())
        var counts = [Int](repeating: 0, count: data.dataset.itemCount)
        var owner = [Int](repeating: -1, count: counts.count)  // the last sequence that had the item
        data.dataset.items.withUnsafeBufferPointer { column in
            for (number, sequence) in data.training.enumerated() {
                for row in sequence.events where owner[Int(column[row])] != number {
                    owner[Int(column[row])] = number
                    counts[Int(column[row])] += 1
                    items.members.append(column[row])
                }
                items.offsets.append(items.members.count)
            }
        }
        for count in counts { sequences.offsets.append((sequences.offsets.last ?? 0) + count) }
        sequences.members = [Int32](repeating: 0, count: items.members.count)
        var next = sequences.offsets
        for number in data.training.indices {
            for item in items[number] {
                sequences.members[next[Int(item)]] = Int32(number)
                next[Int(item)] += 1
            }
        }
        (self.counts, self.items, self.sequences) = (counts, items, sequences)
    }

    /// How many sequences there are.
    var sequenceCount: Int { items.offsets.count - 1 }

    /// The items of a sequence, each once, from 0.
    func items(of sequence: Int) -> ArraySlice<Int32> { items[sequence] }

    /// The sequences that have an item, rising.
    func sequences(of item: Int) -> ArraySlice<Int32> { sequences[item] }

    /// Adds to `together`, at every other item, the number of sequences that have it beside the given one; gives the
    /// items whose number was 0 before.
    ///
    /// - Complexity: The sum of the sizes of the sequences that have the item; over all items that is the sum of the
    ///   squares of all sizes.
    func count(with item: Int, into together: inout [Float]) -> [Int32] {
        var touched: [Int32] = []
        for sequence in sequences[item] {
            for other in items[Int(sequence)] where Int(other) != item {
                if together[Int(other)] == 0 { touched.append(other) }
                together[Int(other)] += 1
            }
        }
        return touched
    }
}

extension Batch {
    /// How much each event of the history weighs: `[B, L]`, 0 at padding, which must be on the left.
    ///
    /// 1 for the latest event and half as much with each `halfLife` places before it; all alike when that is 0.
    func recencyWeights(halfLife: Double) throws -> Tensor {
        let isEvent = try items.greater(0).to(.float32)
        guard halfLife > 0 else { return isEvent }
        let ages = try Tensor.range(0..<length, .float32, on: items.device).flipped(0)
        return try isEvent * (ages * (-log(2) / halfLife)).exp()
    }

    /// What a history says of each item number: `[B, itemCount + 1]`, the sum of its events' weights `[B, L]`.
    func itemWeights(_ weights: Tensor, itemCount: Int) throws -> Tensor {
        let none = try Tensor.zeros([rows, itemCount + 1], on: items.device)
        return try none.scattered(1, items.to(.int64), weights, adding: true)
    }
}
