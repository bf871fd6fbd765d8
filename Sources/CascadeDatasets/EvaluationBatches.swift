// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Evaluation cases as batches, in the order of the cases; each batch is built when it is asked for.
///
/// `targets` of a batch is `[B]`.
public struct EvaluationBatches: Sendable, RandomAccessCollection {
    private let cases: [EvaluationCase]
    let dataset: Dataset
    private let length: Int
    private let padding: Padding
    private let batchSize: Int

    /// Lays out cases in batches.
    ///
    /// - Parameters:
    ///   - cases: The cases, of ``SplitDataset/cases(_:)``.
    ///   - dataset: The data set whose rows the cases name.
    ///   - length: How many of the latest events of a history to use, at least 1.
    ///   - padding: On which side shorter histories are padded.
    ///   - batchSize: The number of rows of a batch, at least 1; the last batch may have fewer.
    public init(
        _ cases: [EvaluationCase],
        of dataset: Dataset,
        length: Int,
        padding: Padding,
        batchSize: Int
    ) {
        precondition(length >= 1, "the longest history must have at least one event")
        precondition(batchSize >= 1, "a batch must have at least one row")
        self.cases = cases
        self.dataset = dataset
        self.length = length
        self.padding = padding
        self.batchSize = batchSize
    }

    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of batches.
    public var endIndex: Int { cases.count / batchSize + (cases.count % batchSize > 0 ? 1 : 0) }

    /// Builds one batch.
    public subscript(index: Int) -> HostBatch {
        HostBatch(
            slice(index).lazy.map {
                Window(user: Int32($0.user.rawValue), inputs: $0.history.suffix(length), target: $0.target)
            },
            of: dataset.eventTable,
            padding: padding,
            causal: false
        )
    }

    func slice(_ index: Int) -> ArraySlice<EvaluationCase> {
        cases[index * batchSize..<Swift.min((index + 1) * batchSize, cases.count)]
    }
}

/// Lays out evaluation cases in batches, in their order.
///
/// - Parameters:
///   - cases: The cases, of ``SplitDataset/cases(_:)``.
///   - dataset: The data set whose rows the cases name.
///   - length: How many of the latest events of a history to use, at least 1.
///   - padding: On which side shorter histories are padded.
///   - batchSize: The number of rows of a batch, at least 1; the last batch may have fewer.
public func evaluationBatches(
    _ cases: [EvaluationCase],
    of dataset: Dataset,
    length: Int,
    padding: Padding,
    batchSize: Int
) -> EvaluationBatches {
    EvaluationBatches(cases, of: dataset, length: length, padding: padding, batchSize: batchSize)
}
