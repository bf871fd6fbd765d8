// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// The category of every item, as a model keeps it: saved with the weights, so that serving needs no data set.
struct ItemCategories: Module {
    /// By item number from 1, the category's number from 1, 0 for padding: int64 `[N + 1]`; nil without categories.
    let numbers: Buffer?

    init(_ data: DatasetShape, on device: Device) throws {
        guard data.categoryCount > 0 else {
            numbers = nil
            return
        }
        numbers = Buffer(try Tensor([0] + data.categories.map { Int64($0) + 1 }, on: device))
    }

    /// int64 `[...]` item numbers to category numbers of the same shape.
    func callAsFunction(_ items: Tensor) throws -> Tensor? {
        guard let numbers = numbers?.value else { return nil }
        let outside = try items.greaterOrEqual(Double(numbers.count)).any().item() != 0
        guard !outside else { throw TorchError("categories", "an item number is above \(numbers.count - 1)") }
        return try numbers.rows(items.reshaped(-1)).reshaped(items.shape)
    }
}

/// What the tables are asked for, worked out once a batch: behaviors and candidates by number.
struct Behaviors {
    /// Item numbers, 0 at padding: int64 `[B, L]`.
    let items: Tensor
    /// Their categories: int64 `[B, L]`; nil without categories.
    let categories: Tensor?
    /// Distance from the request, 1 for the latest behavior: int64 `[L]`.
    let places: Tensor
    /// Which behaviors are real: bool `[B, L]`.
    let mask: Tensor
    /// Item numbers: int64 `[B, C]`.
    let candidates: Tensor
    /// Their categories: int64 `[B, C]`; nil without categories.
    let candidateCategories: Tensor?
    /// When they happened, in seconds: int64 `[B, L]`.
    private let times: Tensor
    /// When the request is made: int64 `[B]`.
    private let now: Tensor

    var rows: Int { items.size(0) }
    var length: Int { items.size(1) }
    var width: Int { candidates.size(1) }

    /// Ages fall into this many buckets, by the whole part of the logarithm to base 2 of the seconds.
    static let ageBuckets = 40

    init(_ batch: CTRBatch, _ categoryOf: ItemCategories) throws {
        items = try batch.history.items.to(.int64)
        candidates = batch.candidates
        categories = try categoryOf(items)
        candidateCategories = try categoryOf(candidates)
        mask = try items.greater(0)
        let length = items.size(1)
        places = try Tensor((0..<length).map { Int64(length - $0) }, on: items.device)
        (times, now) = (batch.history.times, batch.times)
    }

    /// Age at the request in buckets of doubling size, from 1: int64 `[B, L]`.
    func ages() throws -> Tensor { try bucketsOfAge(times, at: now) }
}

/// Ages at a request in buckets of doubling size, from 1 to ``Behaviors/ageBuckets``.
///
/// - Parameters:
///   - times: When events happened, in seconds: int64 `[B, L]`.
///   - now: When the request is made: int64 `[B]`.
func bucketsOfAge(_ times: Tensor, at now: Tensor) throws -> Tensor {
    let seconds = try (now.unsqueezed(1) - times).clamped(from: 0).to(.float64)
    return try (seconds + 1).log2().floor().clamped(to: Double(Behaviors.ageBuckets - 1)).to(.int64) + 1
}
