// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeFunnel
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import Foundation

/// Judges the candidates of requests: one number for each.
typealias JudgingEngine = InferenceEngine<LiveRequest, [Float]>

extension JudgingEngine {
    /// Starts an engine for a click model, which gives log-odds of a click.
    init(_ name: String, _ ranker: sending any CTRRanker, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { requests in
            let host = CTRHostBatch(requests, padding: type(of: ranker).padding)
            let logits = try ranker.logits(CTRBatch(host, on: device))
            return judgements(try logits.floats(), of: requests, named: name)
        }
    }

    /// Starts an engine for a search model, which gives log-odds of a click.
    init(_ name: String, _ searcher: sending any QueryRanker, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { requests in
            let (shown, contexts) = searcher.inputs
            let host = QueryHostBatch(requests, shownCount: shown, contextCount: contexts)
            let judgement = try searcher.predict(QueryBatch(host, on: device), .inference)
            return judgements(try judgement.clicks.floats(), of: requests, named: name)
        }
    }

    /// Starts an engine for the attention of a click model alone: how much of a history speaks for each candidate.
    init(_ name: String, attention: sending AttentionScorer, _ settings: EngineSettings, on device: Device) {
        self.init(name, settings.batching, threads: settings.threads) { requests in
            requests.map { request in
                Result {
                    guard !request.history.isEmpty else { return request.candidates.map { _ in 0 } }
                    let host = HostBatch([request.history], padding: .left)
                    let history = try Tensor(host.items.map(Int64.init), on: device)
                    let candidates = try Tensor(request.candidates.map { Int64($0.rawValue) + 1 }, on: device)
                    let scores = try attention(history, candidates).logSumExp(1).floats()
                    return try answers(scores, scores.count, named: name)[0].get()
                }
            }
        }
    }
}

/// The numbers of each request's own candidates, of lists that were padded to one width.
private func judgements(_ values: [Float], of requests: [LiveRequest], named name: String)
    -> [Result<[Float], any Error>]
{
    let width = values.count / requests.count
    return requests.enumerated().map { row, request in
        answers(
            Array(values[row * width..<row * width + request.candidates.count]),
            request.candidates.count,
            named: name
        )[0]
    }
}

/// Judges the candidates of a request in one pass of a click model or a search model, for the moment of the request.
public struct ModelScorer: CandidateScorer {
    /// The most candidates that are judged together; more are judged in several passes.
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
    let engine: JudgingEngine
    let output: Output

    /// Probabilities of a click, or for the attention alone its sum in logarithms; nil for items that the model does not
    /// know.
    ///
    /// Somebody without history is judged too.
    public func scores(of items: [ItemID], for request: FunnelRequest) async throws -> [Double?] {
        let numbers = items.map(reader.dataset.find)
        let known = numbers.compactMap { $0 }
        let (history, query) = (reader.history(of: request), reader.query(of: request))
        var scores: [Float] = []
        for start in stride(from: 0, to: known.count, by: Self.block) {
            let block = Array(known[start..<min(start + Self.block, known.count)])
            scores += try await engine.answer(
                LiveRequest(history: history, query: query, candidates: block, time: request.now)
            )
        }
        var next = scores.makeIterator()
        return numbers.map { $0 == nil ? nil : next.next().map(value) }
    }

    private func value(_ score: Float) -> Double {
        output == .logOdds ? 1 / (1 + exp(-Double(score))) : Double(score)
    }
}
