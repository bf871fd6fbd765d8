// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles

extension Dataset {
    /// All requests in their order, as they would have been given to a builder.
    func allRequests() -> [SearchRequest] {
        guard let table = requests else { return [] }
        let names = manifest.vocabularies.keys.filter { $0.hasPrefix("request.") }.map { String($0.dropFirst(8)) }
        return (0..<table.count).map { request in
            let context = names.map { ($0, requestFeature($0)?.values(of: request) ?? []) }.filter { !$0.1.isEmpty }
            return SearchRequest(
                user: userID(UserIndex(Int(table.users[request]))),
                query: table.queries[request] < 0 ? nil : queryText(Int(table.queries[request])),
                time: table.times[request],
                shown: table.shown(request).map { place in
                    SearchRequest.Shown(
                        itemID(ItemIndex(Int(table.items[place]))),
                        isClicked: table.isClicked(place),
                        isPurchased: table.isPurchased(place),
                        values: table.features.map { $0[place] }
                    )
                },
                context: Dictionary(uniqueKeysWithValues: context)
            )
        }
    }

    /// The items of a user's events before each request.
    func historiesOfRequests() -> [[ItemID]] {
        guard let table = requests else { return [] }
        return (0..<table.count).map { request in
            let first = events(of: UserIndex(Int(table.users[request]))).lowerBound
            return (first..<Int(table.ends[request])).map { itemID(ItemIndex(Int(items[$0]))) }
        }
    }
}
