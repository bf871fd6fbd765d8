// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch
import Foundation

/// Item-based nearest neighbors: what was chosen together with what the user chose.
///
/// Two items are as similar as the cosine of the sets of training sequences that have them,
/// `n(i, j) / (sqrt(n(i) n(j)) + shrinkage)`; each item keeps its `numNeighbors` most similar ones, the lower number
/// first among equals. A candidate's score is the sum of its similarities to the items of the history that have it
/// among their neighbors. An item that occurs several times in a history counts for the sum of its events, at most 1.
///
/// - Source: Sarwar et al., WWW 2001, section 3.1.1 (cosine); Deshpande and Karypis, ACM TOIS 22(1), 2004, section 4
///   (the k most similar to each item of the basket); shrinkage as in Ferrari Dacrema et al., RecSys 2019,
///   arXiv:1907.06902.
/// - Deviation: `halfLife` and `own` are not in these papers; both are off at 0.
public struct ItemKNN: FittedRetriever {
    public static let card = ModelCard(
        name: "item-knn",
        summary: "the items that most often occur together with those of the history",
        paper: "Sarwar et al., WWW 2001; Deshpande & Karypis, ACM TOIS 22(1), 2004"
    )
    public static let padding = Padding.left

    // Defaults chosen on validation of YooChoose, KuaiRec and Zhihu, 8:1:1 by user.
    public struct Configuration: Settings {
        /// Neighbors of each item that are kept.
        public var numNeighbors = 200
        /// Lowers similarities that rest on few sequences.
        public var shrinkage = 30.0
        /// Events back at which an event counts half; 0: all count alike.
        public var halfLifeEvents = 0.0
        /// Similarity of an item to itself, where people return to items.
        public var selfSimilarity = 0.0
        /// Latest events that are read.
        public var maxSequenceLength = 200
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.numNeighbors, \.maxSequenceLength),
                .atLeast(0, \.shrinkage, \.halfLifeEvents, \.selfSimilarity),
            ]
        }

        public static var formerNames: [String: String] {
            [
                "neighbours": "numNeighbors", "halfLife": "halfLifeEvents", "own": "selfSimilarity",
                "length": "maxSequenceLength",
            ]
        }
    }

    public let length: Int
    let neighbours: Buffer  // the name that runs hold; [N, K] int32, each from 0; meaningless where the similarity is 0
    let similarities: Buffer  // [N, K] float32, falling; 0 beyond an item's last neighbor
    let shrinkage: Double
    let halfLife: Double
    let own: Double

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let shape = [data.items, min(c.numNeighbors, max(data.items - 1, 1))]
        neighbours = Buffer(try .zeros(shape, .int32, on: generator.device))
        similarities = Buffer(try .zeros(shape, on: generator.device))
        (length, shrinkage, halfLife, own) = (c.maxSequenceLength, c.shrinkage, c.halfLifeEvents, c.selfSimilarity)
    }

    public func fit(to data: SplitDataset) throws {
        let baskets = Baskets(data)
        let (items, kept) = (baskets.counts.count, neighbours.value.size(1))
        var numbers = [Int32](repeating: 0, count: items * kept)
        var values = [Float](repeating: 0, count: items * kept)
        var together = [Float](repeating: 0, count: items)
        for item in 0..<items {
            // A positive float orders as its bits do; below them the number, so that the lower comes first.
            var ranked = baskets.count(with: item, into: &together).map { other in
                let length = Double(baskets.counts[item] * baskets.counts[Int(other)]).squareRoot()
                let similarity = Float(Double(together[Int(other)]) / (length + shrinkage))
                together[Int(other)] = 0
                return UInt64(similarity.bitPattern) << 32 | UInt64(UInt32.max - UInt32(other))
            }
            ranked.sort(by: >)
            for (place, key) in ranked.prefix(kept).enumerated() {
                numbers[item * kept + place] = Int32(UInt32.max - UInt32(truncatingIfNeeded: key))
                values[item * kept + place] = Float(bitPattern: UInt32(key >> 32))
            }
        }
        try neighbours.value.assign(Tensor(numbers, shape: [items, kept]))
        try similarities.value.assign(Tensor(values, shape: [items, kept]))
    }

    public func scores(_ batch: Batch) throws -> Tensor {
        let itemCount = neighbours.value.size(0)
        let events = try batch.recencyWeights(halfLife: halfLife)  // [B, L]
        let history = try batch.itemWeights(events, itemCount: itemCount)  // [B, N + 1]
        let shares = try events / history.gathered(1, batch.items.to(.int64)).clamped(from: 1)  // [B, L]
        let rows = try (batch.items - 1).clamped(from: 0).reshaped(-1)  // [B * L]; padding weighs nothing
        let found = try neighbours.value.rows(rows).to(.int64).reshaped(batch.rows, -1)  // [B, L * K]
        let similar = try similarities.value.rows(rows).reshaped(batch.rows, batch.length, -1)
        let parts = try (similar * shares.unsqueezed(2)).reshaped(batch.rows, -1)
        let scores = try Tensor.zeros([batch.rows, itemCount], on: rows.device)
            .scattered(1, found, parts, adding: true)
        guard own > 0 else { return scores }
        return try scores + history.sliced(1, from: 1).clamped(to: 1) * own
    }
}
