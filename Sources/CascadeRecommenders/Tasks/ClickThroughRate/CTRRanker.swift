// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
public import CascadeTorch

/// Requests as tensors: histories, the candidates to score, and which of them were chosen.
public struct CTRBatch {
    /// What came before, padded on the left.
    public let history: Batch
    /// Item numbers from 1, 0 where a shorter list is padded: int64 `[B, C]`.
    public let candidates: Tensor
    /// 1 where the candidate was chosen, else 0: float32 `[B, C]`.
    public let labels: Tensor
    /// When the request was made, in seconds: int64 `[B]`.
    public let times: Tensor

    /// Moves requests to a device.
    public init(_ host: CTRHostBatch, on device: Device = .cpu, noise: Noise) throws {
        let shape = [host.history.rows, host.width]
        history = try Batch(host.history, on: device, noise: noise)
        candidates = try Tensor(host.candidates.map(Int64.init), shape: shape, on: device)
        labels = try Tensor(host.labels, shape: shape, on: device)
        times = try Tensor(host.times, on: device)
    }

    /// Requests for inference; each draws its noise by its time, so that nobody's answer depends on who else asks.
    public init(_ host: CTRHostBatch, on device: Device = .cpu) throws {
        try self.init(host, on: device, noise: .keyed(Tensor(host.times, on: device)))
    }

    /// Candidates to be scored, with no labels known.
    ///
    /// - Parameters:
    ///   - history: What came before.
    ///   - candidates: Item numbers from 1: int64 `[B, C]`.
    ///   - times: When the request is made, in seconds: int64 `[B]`.
    public init(_ history: Batch, candidates: Tensor, times: Tensor) throws {
        (self.history, self.candidates, self.times) = (history, candidates, times)
        labels = try .zeros(candidates.shape, on: candidates.device)
    }
}

/// What a ranker makes of a training batch.
public struct CTROutput {
    /// How likely each candidate is chosen, as log-odds: `[B, C]`.
    public var logits: Tensor
    /// Further predictions for the same candidates that are trained beside it, each with its weight.
    public var auxiliary: [(name: String, logits: Tensor, weight: Double)]

    /// Gathers the outputs.
    public init(logits: Tensor, auxiliary: [(name: String, logits: Tensor, weight: Double)] = []) {
        (self.logits, self.auxiliary) = (logits, auxiliary)
    }

    /// Every term of the loss by name, weighted, each a scalar: the mean binary cross-entropy over real candidates.
    public func terms(_ batch: CTRBatch) throws -> [(name: String, loss: Tensor)] {
        let real = try batch.candidates.greater(0)
        let labels = try batch.labels.masked(by: real)
        var terms = [(name: "main", loss: try logits.masked(by: real).binaryCrossEntropy(labels))]
        for other in auxiliary {
            terms.append((other.name, try other.logits.masked(by: real).binaryCrossEntropy(labels) * other.weight))
        }
        return terms
    }
}

/// A model that predicts how likely each candidate is clicked after a history.
///
/// It can score a whole catalog too, at the price of scoring every item as a candidate.
public protocol CTRRanker: CatalogScorer where Task == CTRTask {
    /// N, the number of items that it knows.
    var itemCount: Int { get }
    /// Whether a request's logits depend on the others of its batch; by default they do not.
    var dependsOnBatch: Bool { get }
    /// Log-odds of a click on every candidate, in inference mode: `[B, C]`.
    func logits(_ batch: CTRBatch) throws -> Tensor
    /// The training pass.
    func trainingOutput(_ batch: CTRBatch) throws -> CTROutput
    /// The attention by itself, for serving and measurements of the retrieval stage.
    ///
    /// - Throws: ``ConfigurationError`` when the model has none made of dot products of items and distances.
    func attentionScorer(_ precision: TablePrecision) throws -> AttentionScorer
}

extension CTRRanker {
    public static var capabilities: Capabilities<Self> { Capabilities(catalogScorer: { $0 }, ctrRanker: { $0 }) }
    public static var padding: Padding { .left }

    public func task(in context: TaskContext) -> CTRTask { CTRTask(self, context) }

    /// No.
    public var dependsOnBatch: Bool { false }

    /// None.
    public func attentionScorer(_ precision: TablePrecision) throws -> AttentionScorer {
        throw AttentionScorer.refusal(of: Self.card.name)
    }

    /// Log-odds of all items for a request made at the time of the last event: `[B, N]`.
    public func scores(_ batch: Batch) throws -> Tensor {
        let times = try batch.times.selected(1, batch.length - 1)
        let chunk = 512
        var parts: [Tensor] = []
        for start in stride(from: 0, to: itemCount, by: chunk) {
            let end = min(start + chunk, itemCount)
            let numbers = try Tensor(Array(Int64(start + 1)...Int64(end)), on: batch.items.device)
            let candidates = try numbers.unsqueezed(0).expanded([batch.rows, end - start])
            parts.append(try logits(CTRBatch(batch, candidates: candidates, times: times)))
        }
        return try .concatenated(parts, 1)
    }
}
