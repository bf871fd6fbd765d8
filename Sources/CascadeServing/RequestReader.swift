// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel

/// Turns what people and the funnel name into what one model reads.
struct RequestReader: Sendable {
    /// What the model was trained on.
    let dataset: Dataset
    /// How many of the latest events it reads.
    let length: Int
    /// Whether its answers depend on the moment of the request.
    var readsMoment = false
    /// Turns queries into tokens; nil for a model that reads none.
    var tokenizer: QueryTokenizer?
    /// Reads features of the moment; nil for a model that reads none.
    var contexts: ContextReader?

    /// What somebody did before their request.
    func history(of request: FunnelRequest) -> LiveHistory {
        LiveHistory(
            request.history,
            of: request.user,
            in: dataset,
            length: length,
            tokenizer: tokenizer,
            moment: readsMoment ? request.now : nil
        )
    }

    /// The tokens of what they search for; none without a query, and for a model that reads none.
    func query(of request: FunnelRequest) -> [Int32] {
        guard let tokenizer, let query = request.query else { return [] }
        return tokenizer.tokens(query)
    }

    /// The features of the moment; none for a model that reads none.
    func context(of request: FunnelRequest) -> [Int32] { contexts?.numbers(of: request.context) ?? [] }

    /// Those of the items that the model knows.
    func known(_ items: some Sequence<ItemID>) -> [ItemIndex] { items.compactMap(dataset.find) }

    /// The longest history that the model reads, of the catalog's first items: what a warm-up asks about.
    var fullHistory: LiveHistory {
        let events = (0..<length).map { place in
            let item = dataset.itemID(ItemIndex(place % dataset.itemCount))
            return Event(user: "warm-up", item: item, time: dataset.manifest.lastTime)
        }
        return LiveHistory(events, of: nil, in: dataset, length: length, tokenizer: tokenizer)
    }

    /// As many items of the catalog as there are, up to a number.
    func someItems(_ count: Int) -> [ItemIndex] { (0..<min(count, dataset.itemCount)).map { ItemIndex($0) } }
}
