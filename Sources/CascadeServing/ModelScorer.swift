// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import Foundation

/// Scores the candidates of requests: one number for each.
typealias ScoringEngine = InferenceEngine<LiveRequest, [Float]>

extension ScoringEngine {
    /// Starts an engine for a model that scores candidates, which gives log-odds of a click.
    init(_ name: String, _ scoring: sending CandidateScoring, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { requests in
            scores(try scoring.logits(requests, device).floats(), of: requests, named: name)
        }
    }

    /// Starts an engine for the attention of a CTR model alone: how much of a history speaks for each candidate.
    init(_ name: String, attention: sending AttentionScorer, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { requests in
            requests.map { request in
                Result {
                    guard !request.history.isEmpty else { return request.candidates.map { _ in 0 } }
                    let host = HostBatch([request.history], padding: .left)
                    let history = try Tensor(host.items.map(Int64.init), on: device)
                    let candidates = try Tensor(request.candidates.map { Int64($0.rawValue) + 1 }, on: device)
                    let scores = try attention(history, candidates).logSumExp(1).floats()
                    return try rows(scores, scores.count, named: name)[0].get()
                }
            }
        }
    }
}

/// The numbers of each request's own candidates, of lists that were padded to one width.
private func scores(_ values: [Float], of requests: [LiveRequest], named name: String)
    -> [Result<[Float], any Error>]
{
    let width = values.count / requests.count
    return requests.enumerated().map { row, request in
        rows(
            Array(values[row * width..<row * width + request.candidates.count]),
            request.candidates.count,
            named: name
        )[0]
    }
}

/// Scores the candidates of a request in one pass of a model, for the time of the request.
public struct ModelScorer: CandidateScorer {
    /// The most candidates that are scored together; more are scored in several passes.
    public static let block = 1_024

    /// What the model's numbers mean.
    enum Output {
        /// Log-odds of a click, which become probabilities.
        case logOdds
        /// Comparable within a request alone.
        case relevance
    }

    /// The model and its weights.
    public let version: String
    let reader: RequestReader
    let engine: ScoringEngine
    let output: Output

    /// Probabilities of a click, or for the attention alone its sum in logarithms; nil for items that the model does not
    /// know.
    ///
    /// A user without history gets scores too.
    public func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?] {
        let numbers = items.map(reader.dataset.find)
        let known = numbers.compactMap { $0 }
        let (history, query) = (reader.history(of: request), reader.query(of: request))
        let context = reader.context(of: request)
        var scores: [Float] = []
        for start in stride(from: 0, to: known.count, by: Self.block) {
            let block = Array(known[start..<min(start + Self.block, known.count)])
            scores += try await engine.predict(
                LiveRequest(history: history, query: query, context: context, candidates: block, time: request.now)
            )
        }
        var next = scores.makeIterator()
        return numbers.map { $0 == nil ? nil : next.next().map(value) }
    }

    private func value(_ score: Float) -> Double {
        output == .logOdds ? 1 / (1 + exp(-Double(score))) : Double(score)
    }
}
