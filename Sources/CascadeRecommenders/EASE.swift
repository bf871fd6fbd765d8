// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch
import Foundation

/// An item-to-item linear model whose weights are the exact solution of a ridge regression without self-similarity.
///
/// With `G = X'X + lambda I` over the training sequences as sets of items and `P` its inverse, the weights are
/// `B = I - P diag(1 / diag P)` and a history's scores the product of its set of items with `B`.
///
/// - Source: Steck, WWW 2019, arXiv:1905.03375, equation 8 and algorithm 1.
/// - Deviation: `own` is not in the paper; it is off at 0.
public struct EASE: FittedRetriever {
    public static let card = ModelCard(
        name: "ease",
        summary: "a linear model from item to item, solved exactly; needs memory for catalog squared",
        paper: "Steck, WWW 2019, arXiv:1905.03375"
    )
    public static let padding = Padding.left

    // Defaults chosen on validation of YooChoose, KuaiRec and Zhihu, 8:1:1 by user.
    public struct Configuration: Settings {
        /// Weight of the squared norm of the weights.
        public var regWeight = 300.0
        /// Weight of an item for itself, where people return to items.
        public var selfWeight = 0.0
        /// Latest events that are read.
        public var maxSequenceLength = 200
        /// A larger catalog is refused; 0: as many items as half of this machine's memory holds.
        public var maxItems = 0
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .above(0, \.regWeight), .atLeast(0, \.selfWeight), .atLeast(1, \.maxSequenceLength),
                .atLeast(0, \.maxItems),
            ]
        }

        public static var formerNames: [String: String] {
            ["lambda": "regWeight", "own": "selfWeight", "length": "maxSequenceLength"]
        }
    }

    public let length: Int
    let weights: Buffer  // [N, N] float32, row: item of the history; the diagonal is 0
    let lambda: Double
    let own: Double

    /// The matrix and its factor, both float32, while it is inverted; per entry.
    private static let bytesPerEntry = 8.0
    private static let probeSize = 1_024  // rows of the matrices whose product tells how fast this machine is
    /// Speed of the inversion as a share of that product's; near one half for 12,101 items on one AVX-512 processor.
    private static let efficiency = 0.5

    private static let blockSize = 1 << 24  // numbers that are counted before they move to the device

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let limit = c.maxItems > 0 ? c.maxItems : Self.maxItems(memory: MachineMemory.limit)
        guard data.items <= limit else {
            let bytes = Self.bytesPerEntry * pow(Double(data.items), 2)
            throw ConfigurationError(
                """
                model.maxItems: found a catalog of \(data.items) items, expected at most \(limit)\
                \(c.maxItems > 0 ? "" : ", for which half of this machine's memory is enough"). EASE inverts a matrix of \
                items by items, here \(String(format: "%.1f", bytes / 1e9)) GB: import with a higher --min-item-events, \
                take item-knn or sasrec, or raise model.maxItems
                """
            )
        }
        weights = Buffer(try .zeros([data.items, data.items], on: generator.device))
        (length, lambda, own) = (c.maxSequenceLength, c.regWeight, c.selfWeight)
    }

    /// The largest catalog whose fitting takes half of so many bytes.
    static func maxItems(memory: Double) -> Int { Int((memory / 2 / bytesPerEntry).squareRoot()) }

    public func effort() throws -> FittingEffort? {
        let items = weights.value.size(0)
        guard items >= 4_000 else { return nil }
        let size = Self.probeSize
        let probe = try Tensor.full([size, size], 1, on: weights.value.device)
        var seconds = Double.infinity
        for _ in 0..<3 {  // the first one also starts the threads
            let start = ContinuousClock.now
            _ = try probe.matmul(probe).sliced(0, to: 1).sum().item()  // a device works on until it is asked
            let taken = (ContinuousClock.now - start).components
            seconds = min(seconds, Double(taken.seconds) + Double(taken.attoseconds) * 1e-18)
        }
        // The inversion of a symmetric matrix takes half as many operations as a product (Golub and Van Loan, 4.2).
        return FittingEffort(
            work: "inverts a \(items) x \(items) matrix",
            bytes: Self.bytesPerEntry * pow(Double(items), 2),
            seconds: seconds / 2 / Self.efficiency * pow(Double(items) / Double(size), 3)
        )
    }

    public func fit(to data: SplitDataset) throws {
        let baskets = Baskets(data)
        let items = baskets.counts.count
        let blockRows = max(1, Self.blockSize / items)
        for first in stride(from: 0, to: items, by: blockRows) {
            let rows = first..<min(first + blockRows, items)
            var block: [Float] = []
            block.reserveCapacity(rows.count * items)
            for item in rows {
                var row = [Float](repeating: 0, count: items)
                _ = baskets.count(with: item, into: &row)
                row[item] = Float(Double(baskets.counts[item]) + lambda)
                block += row
            }
            let tensor = try Tensor(block, shape: [rows.count, items])
            try weights.value.sliced(0, from: rows.lowerBound, to: rows.upperBound).assign(tensor)
        }
        try weights.value.invertPositiveDefinite()
        let diagonal = try weights.value.reshaped(items * items).sliced(0, by: items + 1)
        try weights.value.assign(weights.value / -diagonal)
        try diagonal.fill(0)
    }

    public func scores(_ batch: Batch) throws -> Tensor {
        let events = try batch.recencyWeights(halfLife: 0)
        let history = try batch.itemWeights(events, itemCount: weights.value.size(0)).clamped(to: 1)  // [B, N + 1]
        let present = try batch.items.reshaped(-1).unique().values  // only these rows of the weights matter
        let rows = try weights.value.rows((present - 1).clamped(from: 0))  // padding weighs nothing
        let scores = try history.rows(present, along: 1).matmul(rows)
        guard own > 0 else { return scores }
        return try scores + history.sliced(1, from: 1) * own
    }
}
