// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Foundation
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

/// A query-aware ranker under contract: an entry of the catalog, made small, perhaps with a part exchanged.
struct SearchSubject: Sendable, CustomTestStringConvertible {
    let entry: ModelEntry
    var variant: [String: JSONValue] = [:]
    var testDescription: String { variant.isEmpty ? entry.card.name : "\(entry.card.name) with \(variant)" }

    /// Every query-aware ranker of the catalog, and its variants.
    static let all: [SearchSubject] =
        ModelRegistry.builtin.entries.filter { $0.capabilities.contains(.queries) }.map { SearchSubject(entry: $0) }
        + [
            gs(["injection": .string("concatenated")]), gs(["injection": .string("cross-attention")]),
            gs(["gate": .string("learned")]), gs(["gate": .string("none")]), gs(["noise": .bool(false)]),
            gs(["constraint": .string("mean-squared")]), gs(["target": .string("token")]),
            gs(["sampler": .object(["kind": .string("ddpm")])]), gs(["noised_start": .bool(false)]),
            gs(["tokens": .object(["cross_features": .bool(true)])]),
            SearchSubject(entry: ModelEntry(SearchSIM.self), variant: ["retrieval": .string("hard")]),
            SearchSubject(entry: ModelEntry(ShownOrder.self), variant: ["repeats": .integer(8)]),
            SearchSubject(
                entry: ModelEntry(MTGR.self),
                variant: ["group_norm": .bool(false), "tokens": .object(["cross_features": .bool(false)])]
            ),
        ]

    /// Those that read more than the list.
    static let reading = all.filter { $0.entry.card.name != "shown-order" }

    private static func gs(_ variant: [String: JSONValue]) -> SearchSubject {
        SearchSubject(entry: ModelEntry(DiffusionGS.self), variant: variant)
    }

    func model(seed: UInt64 = 1, _ changes: [String: JSONValue] = [:], data: DatasetShape = Subject.data) throws
        -> any QueryRanker
    {
        let subject = Subject(entry: entry)
        let settings = try subject.settings(["sampler": .object(["kind": .string("one-step")])])
        let chosen = settings.merged(with: .object(variant)).merged(with: .object(changes))
        let model = try #require(
            try entry.specification(chosen).make(for: data, using: Generator(seed: seed)).queryRanker
        )
        try Rounding.disturb(model)
        return model
    }
}

/// A request as tests write it.
struct Asked: Sendable {
    var user: Int32 = 0
    var items: [Int32] = []
    var times: [Int64] = []
    var actions: [Int32] = []
    var asked: [[Int32]] = []  // the query of each event
    var query: [Int32] = []
    var candidates: [Int32] = []
    var clicks: [Float] = []
    var purchases: [Float] = []
    var context: Int32 = 0

    /// Four requests: long, short, empty history, no query.
    static let rows: [Asked] = [
        Asked(
            user: 0,
            items: [3, 4, 5, 16, 3, 7, 9],
            times: [10, 20, 900, 4_000, 4_100, 90_000, 90_100],
            actions: [1, 2, 2, 3, 1, 2, 2],
            asked: [[], [5, 6], [5, 6], [], [7], [7], [7]],
            query: [5, 6],
            candidates: [4, 8, 12],
            clicks: [1, 0, 0],
            purchases: [1, 0, 0],
            context: 1
        ),
        Asked(
            user: 1,
            items: [1, 2],
            times: [50, 70],
            actions: [2, 1],
            asked: [[9], []],
            query: [7, 12, 13],
            candidates: [2, 11, 17],
            clicks: [0, 1, 0],
            purchases: [0, 0, 0],
            context: 2
        ),
        Asked(user: 7, query: [5], candidates: [20, 1, 15], clicks: [0, 0, 1], purchases: [0, 0, 1]),
        Asked(
            user: 9,
            items: [18, 19, 20, 1],
            times: [1, 2, 3, 4],
            actions: [2, 2, 2, 2],
            asked: [[], [], [], []],
            candidates: [19, 5, 6],
            clicks: [1, 0, 0],
            purchases: [0, 0, 0],
            context: 1
        ),
    ]
}

extension QueryHostBatch {
    /// Requests, padded to at least so many events, candidates and tokens.
    init(_ rows: [Asked], length wanted: Int = 1, width wider: Int = 1, tokens longer: Int = 1) {
        self.init()
        self.rows = rows.count
        length = rows.reduce(wanted) { max($0, $1.items.count) }
        width = rows.reduce(wider) { max($0, $1.candidates.count) }
        var distinct: [[Int32]] = [[]]
        func row(_ query: [Int32]) -> Int32 {
            if let found = distinct.firstIndex(of: query) { return Int32(found) }
            distinct.append(query)
            return Int32(distinct.count - 1)
        }
        for row0 in rows {
            let padding = [Int32](repeating: 0, count: length - row0.items.count)
            items += padding + row0.items
            times += padding.map(Int64.init) + row0.times
            actions += padding + row0.actions
            historyQueries += padding + row0.asked.map(row)
            lengths.append(Int32(row0.items.count))
            users.append(row0.user)
            requestTimes.append((row0.times.last ?? 1_000) + 60)
            queries.append(row(row0.query))
            let rest = width - row0.candidates.count
            candidates += row0.candidates + [Int32](repeating: 0, count: rest)
            clicks += row0.clicks + [Float](repeating: 0, count: rest)
            purchases += row0.purchases + [Float](repeating: 0, count: rest)
            shown +=
                row0.candidates.flatMap { [Float($0) / 10 - 1, Float($0 % 3) - 1] }
                + [Float](repeating: 0, count: 2 * rest)
            context.append(row0.context)
        }
        queryCount = distinct.count
        queryLength = distinct.reduce(longer) { max($0, $1.count) }
        tokens = distinct.flatMap { $0 + [Int32](repeating: 0, count: queryLength - $0.count) }
    }

    func batch(seed: UInt64? = nil) throws -> QueryBatch {
        guard let seed else { return try QueryBatch(self) }
        return try QueryBatch(self, noise: .drawn(Generator(seed: seed)))
    }
}

extension QueryRanker {
    /// Log-odds of clicks, then of purchases, of real candidates in inference mode.
    func scored(_ host: QueryHostBatch) throws -> [[Double]] {
        let score = try withoutGradients { try predict(host.batch(), .inference) }
        let (clicks, purchases) = (try score.clicks.doubles(), try score.purchases.doubles())
        return (0..<host.rows).map { row in
            let slots = (row * host.width..<(row + 1) * host.width).filter { host.candidates[$0] != 0 }
            return slots.map { clicks[$0] } + slots.map { purchases[$0] }
        }
    }

    func loss(_ host: QueryHostBatch, seed: UInt64 = 1) throws -> Tensor {
        let batch = try host.batch(seed: seed)
        let terms = try predict(batch, .training).terms(batch, purchaseWeight: purchaseWeight)
        return try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
    }
}
