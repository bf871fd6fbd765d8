// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
public import CascadeTorch

/// How exactly the attention's rows are kept for serving.
public enum TablePrecision: String, Codable, Sendable, CaseIterable {
    case float32
    /// Half precision: half the memory.
    case float16
    /// Whole numbers from -127 to 127 and one scale for each row: a quarter of the memory.
    case int8

    /// Rows as they come back from a table of this precision: `[..., D]`.
    func rounded(_ rows: Tensor) throws -> Tensor {
        switch self {
        case .float32: return rows
        case .float16: return try rows.to(.float16).to(.float32)
        case .int8:
            let scale = try Self.scale(of: rows)
            return try Self.whole(rows, scale).to(.float32) * scale
        }
    }

    /// The largest magnitude of each row over 127: `[..., 1]`.
    fileprivate static func scale(of rows: Tensor) throws -> Tensor {
        try rows.abs().max(-1).unsqueezed(-1).clamped(from: 1e-30) / 127
    }

    fileprivate static func whole(_ rows: Tensor, _ scale: Tensor) throws -> Tensor {
        try (rows / scale + 0.5).floor().clamped(from: -127, to: 127).to(.int8)
    }
}

/// The search stage by itself: scores histories of thousands of behaviors by the attention's tables alone.
///
/// Item and category are one row, so that a behavior costs one look-up; time is one number for each distance.
///
/// - Source: DARE, section 3.3.
public struct AttentionScorer {
    /// Features of a row.
    public let width: Int
    /// Bytes of a row, its scale included.
    public let bytesPerRow: Int
    private let rows: Tensor  // [N + 1, D]
    private let scales: Tensor?  // [N + 1, 1]
    private let times: Tensor  // by distance: [length + 1]

    /// A model that has no such attention.
    static func refusal(of model: String) -> ConfigurationError {
        ConfigurationError("\(model): has no attention by dot products of items and distances; take dare or twin")
    }

    /// Takes the attention's tables out of a model's network.
    ///
    /// - Throws: ``ConfigurationError`` when the attention is not made of dot products, or reads ages.
    init(_ network: TwoStage, of model: String, _ precision: TablePrecision) throws {
        guard network.attention is ProductAttention, network.keys.ages == nil else { throw Self.refusal(of: model) }
        let (exact, distances) = try withoutGradients {
            let count = network.keys.items.table.weight.value.size(0)
            let numbers = try Tensor(Array(0..<Int64(count)), on: network.keys.items.table.weight.value.device)
            let rows = try network.keys.semantics(numbers, network.categoryOf(numbers))
            let places = try Tensor(
                Array(0..<Int64(network.keys.places.table.weight.value.size(0))),
                on: rows.device
            )
            let moments = try network.keys.places(places)
            let now = try network.queries.now(on: rows.device).unsqueezed(1)
            let times = try moments.matmul(now).squeezed(1) / Double(network.keys.timeWidth).squareRoot()
            return (try rows / Double(rows.size(1)).squareRoot().squareRoot(), times)
        }
        (width, times) = (exact.size(1), distances)
        switch precision {
        case .float32: (rows, scales, bytesPerRow) = (exact, nil, 4 * width)
        case .float16: (rows, scales, bytesPerRow) = (try exact.to(.float16), nil, 2 * width)
        case .int8:
            let scale = try TablePrecision.scale(of: exact)
            (rows, scales, bytesPerRow) = (try TablePrecision.whole(exact, scale), scale, width + 4)
        }
    }

    /// Scores of every behavior for every candidate.
    ///
    /// - Parameters:
    ///   - history: Item numbers from 1, the latest last: int64 `[L]`.
    ///   - candidates: Item numbers from 1: int64 `[C]`.
    /// - Returns: float32 `[C, L]`, what the model's attention gives before its softmax.
    /// - Throws: ``TorchError`` when a number is outside the catalog.
    public func callAsFunction(_ history: Tensor, _ candidates: Tensor) throws -> Tensor {
        try withoutGradients {
            let length = history.count
            let distances = try Tensor((0..<length).map { Int64(length - $0) }, on: history.device)
                .clamped(to: Double(times.count - 1))
            return try vectors(candidates).matmul(vectors(history).transposed()) + times.rows(distances)
        }
    }

    /// The behaviors to attend to: int64 `[C, k]`, columns of the history, best first.
    public func search(_ history: Tensor, _ candidates: Tensor, keeping count: Int) throws -> Tensor {
        try callAsFunction(history, candidates).top(min(count, history.count)).indices
    }

    private func vectors(_ numbers: Tensor) throws -> Tensor {
        let picked = try rows.rows(numbers).to(.float32)
        guard let scales else { return picked }
        return try picked * scales.rows(numbers)
    }
}
