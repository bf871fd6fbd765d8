// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch
import Foundation

/// Matrix factorization for implicit feedback, by alternating exact least squares.
///
/// Over the training sequences as sets of items, with user vectors `w` and item vectors `h`, it minimizes
/// `sum (w_u h_i - 1)^2` over the observed pairs `+ alpha sum (w_u h_i)^2` over all pairs
/// `+ lambda sum (n_u + alpha N)^nu |w_u|^2 + lambda sum (n_i + alpha U)^nu |h_i|^2`, where `n` counts observed pairs.
/// A user's vector at inference is the exact solution for the history, so users need not have been trained on.
///
/// - Source: Hu, Koren & Volinsky, ICDM 2008; the loss, the frequency-scaled regularization and the defaults are those of
///   Rendle et al., RecSys 2022, arXiv:2110.14037, section 2 and 3.
/// - Deviation: C3, C4: see `Documentation/paper-readings.md`.
public struct IALS: FittedRetriever {
    public static let card = ModelCard(
        name: "ials",
        summary: "matrix factorization by alternating exact least squares (implicit ALS)",
        paper: "Hu et al., ICDM 2008; Rendle et al., RecSys 2022, arXiv:2110.14037"
    )
    public static let padding = Padding.left

    public struct Configuration: Settings {
        /// Features of each user and item.
        public var embeddingSize = 128
        /// Passes, each of which solves for all users and then for all items.
        public var iterations = 16
        /// lambda: weight of the squared norms of the vectors.
        public var regWeight = 0.003
        /// nu: how the regularization grows with the frequency of a user or item; 0: not at all.
        public var frequencyExponent = 1.0
        /// alpha: weight of every pair of a user and an item, beside the 1 of an observed one.
        public var unobservedWeight = 0.1
        /// Standard deviation of fresh item vectors, times the root of their size.
        public var initializerStd = 0.1
        /// Latest events that are folded in.
        public var maxSequenceLength = 200
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(1, \.embeddingSize, \.iterations, \.maxSequenceLength),
                .above(0, \.regWeight, \.unobservedWeight, \.initializerStd), .atLeast(0, \.frequencyExponent),
            ]
        }
    }

    public let length: Int
    let items: Buffer  // [N, D] float32
    let configuration: Configuration

    /// Numbers of gathered vectors, or of matrices, that are held at a time.
    private static let blockSize = 1 << 24

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        let deviation = c.initializerStd / Double(c.embeddingSize).squareRoot()
        items = try Buffer(.normal([data.items, c.embeddingSize], deviation: deviation, using: generator))
        (length, configuration) = (c.maxSequenceLength, c)
    }

    public func fit(to data: SplitDataset) throws { try fit(Baskets(data)) }

    /// Alternates; `observe` is told the user vectors `[U, D]` after every half step.
    func fit(_ baskets: Baskets, observe: (_ users: Tensor) throws -> Void = { _ in }) throws {
        let users = try Tensor.zeros([baskets.sequenceCount, configuration.embeddingSize], on: items.value.device)
        for _ in 0..<configuration.iterations {
            try solve(users, given: items.value, baskets.items(of:))
            try observe(users)
            try solve(items.value, given: users, baskets.sequences(of:))
            try observe(users)
        }
    }

    public func scores(_ batch: Batch) throws -> Tensor {
        let count = items.value.size(0)
        let history = try batch.itemWeights(batch.recencyWeights(halfLife: 0), itemCount: count)  // [B, N + 1]
        // An item that occurs several times counts once.
        let weights =
            try batch.items.greater(0).to(.float32)
            / history.gathered(1, batch.items.to(.int64)).clamped(from: 1)
        let rows = try (batch.items - 1).clamped(from: 0).reshaped(-1)
        let vectors = try items.value.rows(rows).reshaped(batch.rows, batch.length, -1)
        let weighted = try (vectors * weights.unsqueezed(2)).transposed()  // [B, D, L]
        let sizes = try weights.sum(1)
        let users = try solution(
            weighted.matmul(vectors),
            weighted.sum(2),
            sizes: sizes,
            gram: gram(items.value),
            choices: count
        )
        return try users.matmul(items.value.transposed())
    }

    /// `alpha X'X` of `[M, D]`.
    private func gram(_ vectors: Tensor) throws -> Tensor {
        try vectors.transposed().matmul(vectors) * configuration.unobservedWeight
    }

    /// Replaces every row of a table by the exact solution, given the other side's vectors.
    private func solve(_ table: Tensor, given others: Tensor, _ observed: (Int) -> ArraySlice<Int32>) throws {
        let (count, width, gram) = (table.size(0), others.size(1), try gram(others))
        let order = (0..<count).sorted { (observed($0).count, $0) < (observed($1).count, $1) }
        var (found, places): ([Tensor], [Int64]) = ([], [Int64](repeating: 0, count: count))
        var first = 0
        while first < count {
            // As many rows as the gathered vectors of the longest leave room for.
            var last = first + 1
            while last < count, (last + 1 - first) * width * max(width, observed(order[last]).count) <= Self.blockSize {
                last += 1
            }
            let rows = order[first..<last].map(observed)
            let (products, sums) = try normalEquations(rows, others)
            let sizes = try Tensor(rows.map { Float($0.count) }, on: others.device)
            found.append(try solution(products, sums, sizes: sizes, gram: gram, choices: others.size(0)))
            for place in first..<last { places[order[place]] = Int64(place) }
            first = last
        }
        try table.assign(.concatenated(found).rows(Tensor(places, on: table.device)))
    }

    /// Sums over each row's observed vectors of their outer products `[R, D, D]` and of themselves `[R, D]`.
    private func normalEquations(_ observed: [ArraySlice<Int32>], _ vectors: Tensor) throws -> (Tensor, Tensor) {
        let (count, width) = (observed.count, vectors.size(1))
        let longest = observed.reduce(0) { max($0, $1.count) }
        var products = try Tensor.zeros([count, width, width], on: vectors.device)
        var sums = try Tensor.zeros([count, width], on: vectors.device)
        let step = max(1, Self.blockSize / (count * width))
        for start in stride(from: 0, to: longest, by: step) {
            let length = min(step, longest - start)
            var (numbers, isReal): ([Int32], [Float]) = ([], [])
            for row in observed {
                let part = row.dropFirst(start).prefix(length)
                numbers += part + [Int32](repeating: 0, count: length - part.count)
                isReal += [Float](repeating: 1, count: part.count) + [Float](repeating: 0, count: length - part.count)
            }
            let mask = try Tensor(isReal, shape: [count, length, 1], on: vectors.device)
            let gathered = try vectors.rows(Tensor(numbers, on: vectors.device)).reshaped(count, length, width) * mask
            products = try products + gathered.transposed().matmul(gathered)
            sums = try sums + gathered.sum(1)
        }
        return (products, sums)
    }

    /// `(products + alpha G + lambda (n + alpha M)^nu I)^-1 sums`: `[R, D]`.
    private func solution(_ products: Tensor, _ sums: Tensor, sizes: Tensor, gram: Tensor, choices: Int) throws
        -> Tensor
    {
        let c = configuration
        let ridge = try (sizes + c.unobservedWeight * Double(choices)).pow(c.frequencyExponent) * c.regWeight
        let identity = try Tensor.range(0..<gram.size(0), on: gram.device).oneHot(gram.size(0)).to(.float32)
        let matrices = try products + gram + identity * ridge.reshaped(-1, 1, 1)
        return try matrices.positiveDefiniteSolution(of: sums.unsqueezed(2)).squeezed(2)
    }
}
