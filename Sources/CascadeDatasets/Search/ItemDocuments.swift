// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

extension SplitDataset {
    /// How many different queries describe an item at most.
    public static let queriesPerItem = 16

    /// A text for every item, for a lexical index: its title, the values of its features, and queries of the training requests
    /// that it was chosen for.
    ///
    /// Where items have neither titles nor features, as hotels in a click log, those queries are all that is known of them.
    public func itemDocuments() -> [(index: Int, text: String)] {
        var queries = [[Int32]](repeating: [], count: dataset.itemCount)
        if let table = dataset.requests, let requests {
            for request in requests.training where table.queries[request] >= 0 {
                for place in table.shown(request) where table.isClicked(place) {
                    let item = Int(table.items[place])
                    let query = table.queries[request]
                    guard queries[item].count < Self.queriesPerItem, !queries[item].contains(query) else { continue }
                    queries[item].append(query)
                }
            }
        }
        let features = dataset.itemFeatureNames.compactMap { dataset.itemFeature($0) }
        return (0..<dataset.itemCount).map { item in
            let texts =
                [dataset.title(ItemIndex(item))] + features.flatMap { $0.values(of: item) }
                + queries[item].map { dataset.queryText(Int($0)) }
            return (item, texts.joined(separator: " "))
        }
    }
}
