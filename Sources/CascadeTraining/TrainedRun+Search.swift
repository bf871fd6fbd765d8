// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import Foundation

/// What a query-aware ranker answers to one request.
public struct SearchAnswer: Sendable {
    /// A candidate and how likely it is chosen and bought.
    public struct Item: Sendable {
        /// The item.
        public let item: ItemIndex
        /// Probability of a click.
        public let click: Double
        /// Probability of a purchase; nil for a model that was not trained on them.
        public let purchase: Double?
    }

    /// An event of the history and how much it added.
    public struct Contribution: Sendable {
        /// The event's row.
        public let row: Int
        /// The length of the event's dynamic part.
        public let norm: Double
    }

    /// All candidates, the likeliest to be clicked first; equal ones in the order of their numbers.
    public let items: [Item]
    /// The events that were read, in the order of time; empty where the model has no such number.
    public let contributions: [Contribution]
}

extension TrainedRun {
    /// Judges candidates for a query, after all that a user did.
    ///
    /// - Parameters:
    ///   - query: Any text.
    ///   - user: Who asks; nil for somebody without a history.
    ///   - candidates: What to score; none gives an empty answer.
    /// - Throws: ``ConfigurationError`` when the model reads no queries.
    public func search(_ query: String, by user: UserIndex?, among candidates: [ItemIndex]) throws -> SearchAnswer {
        let (evaluator, searcher) = try queryEvaluator()
        let source = try evaluator.source(searcher)
        var items: [SearchAnswer.Item] = []
        var contributions: [Double] = []
        // Judged in blocks, so that any number of candidates works; the history is read once a block.
        for start in stride(from: 0, to: candidates.count, by: 1_024) {
            let block = Array(candidates[start..<min(start + 1_024, candidates.count)])
            let batch = try QueryBatch(source.request(of: user, query: query, candidates: block), on: device)
            try withoutGradients {
                let score = try searcher.predict(batch, .inference)
                let (clicks, purchases) = (try score.clicks.doubles(), try score.purchases.doubles())
                items += zip(block, zip(clicks, purchases)).map { item, logits in
                    SearchAnswer.Item(
                        item: item,
                        click: probability(logits.0),
                        purchase: searcher.purchaseWeight > 0 ? probability(logits.1) : nil
                    )
                }
                if start == 0 { contributions = try searcher.contributions(batch)?.doubles() ?? [] }
            }
        }
        let events = user.map { data.dataset.events(of: $0) } ?? 0..<0
        let read = contributions.isEmpty ? events.prefix(0) : events.suffix(min(searcher.length, events.count))
        return SearchAnswer(
            items: items.sorted { ($1.click, $0.item) < ($0.click, $1.item) },
            contributions: zip(read, contributions.suffix(read.count)).map { .init(row: $0, norm: $1) }
        )
    }
}

private func probability(_ logit: Double) -> Double { 1 / (1 + exp(-logit)) }
