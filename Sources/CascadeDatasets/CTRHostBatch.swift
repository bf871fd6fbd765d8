// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// Requests in host memory: what each user did before, which items are up for scoring, and which were chosen.
///
/// The candidates of a request share its history, which a model therefore reads once. `B` is the number of requests,
/// `C` is ``width``.
public struct CTRHostBatch: Sendable, Equatable {
    /// What came before; its targets are the chosen items.
    public let history: HostBatch
    /// Candidates to a request, C.
    public let width: Int
    /// `[B * C]`: item numbers from 1.
    public let candidates: [Int32]
    /// `[B * C]`: 1 where the item was chosen, else 0.
    public let labels: [Float]
    /// `[B]`: when the request was made, in seconds since 1970-01-01 UTC.
    public let times: [Int64]

    /// Wraps arrays that are laid out already.
    public init(history: HostBatch, width: Int, candidates: [Int32], labels: [Float], times: [Int64]) {
        precondition(candidates.count == history.rows * width && labels.count == candidates.count, "[B * C] is needed")
        precondition(times.count == history.rows, "a time for each request is needed")
        self.history = history
        self.width = width
        self.candidates = candidates
        self.labels = labels
        self.times = times
    }

    /// Draws the candidates of requests whose targets are rows of a data set.
    init(
        _ history: HostBatch,
        targets: some Sequence<Int>,
        _ sampler: CandidateSampler,
        of dataset: Dataset,
        epoch: Int?
    ) {
        var (candidates, labels, times): ([Int32], [Float], [Int64]) = ([], [], [])
        let width = sampler.width
        candidates.reserveCapacity(history.rows * width)
        for (row, target) in targets.enumerated() {
            let user = UserIndex(rawValue: Int(history.users[row]))
            candidates += sampler.candidates(for: target, of: user, epoch: epoch)
            labels.append(1)
            labels += repeatElement(0, count: width - 1)
            times.append(dataset.times[target])
        }
        self.init(history: history, width: width, candidates: candidates, labels: labels, times: times)
    }
}

extension EpochPlan {
    /// One batch of an epoch of ``ExampleKind/prefixes`` as requests.
    public func requests(_ index: Int, _ sampler: CandidateSampler) -> CTRHostBatch {
        CTRHostBatch(
            self[index],
            targets: slice(index).lazy.map(\.end),
            sampler,
            of: plan.data.dataset,
            epoch: epoch
        )
    }
}

extension EvaluationBatches {
    /// One batch of cases as requests.
    public func requests(_ index: Int, _ sampler: CandidateSampler) -> CTRHostBatch {
        CTRHostBatch(self[index], targets: slice(index).lazy.map(\.target), sampler, of: dataset, epoch: nil)
    }
}
