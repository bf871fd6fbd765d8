// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Testing

@testable import CascadeFunnel

@Suite("Re-ranking")
struct RerankerTests {
    private func candidates(_ ids: [String]) -> [Candidate] {
        ids.enumerated().map { Candidate(item: ItemID($1), score: Double(100 - $0), sources: ["s"]) }
    }

    private func page(
        _ ids: [String],
        _ rules: RerankRules,
        records: [ItemRecord] = [],
        seen: Set<ItemID> = [],
        count: Int = 10
    ) -> (items: [Reranker.Placed], dropped: [String: Int]) {
        let records = Dictionary(records.map { ($0.id, $0) }) { $1 }
        let draft = Reranker(rules: rules, records: records, seen: seen, now: TestClock.today)
            .page(of: candidates(ids), count: count)
        return (draft.items, draft.dropped)
    }

    @Test("without rules the order stays, up to the page's length")
    func plain() {
        let (items, dropped) = page(["a", "b", "c"], RerankRules(), count: 2)
        #expect(items.map(\.item) == ["a", "b"] && items.map(\.score) == [100, 99])
        #expect(items[0].reasons == ["s"] && dropped.isEmpty)
    }

    @Test("what is seen, unavailable, blocked or there already is taken away, and counted")
    func filters() {
        let records = [ItemRecord(id: "b", title: "B", available: false), ItemRecord(id: "e")]
        let (items, dropped) = page(
            ["a", "b", "c", "d", "e", "e"],
            RerankRules(blocked: ["c"]),
            records: records,
            seen: ["d"]
        )
        #expect(items.map(\.item) == ["a", "e"])
        #expect(dropped == ["unavailable": 1, "blocked": 1, "seen": 1, "duplicate": 1])
        let (all, _) = page(["a", "b"], RerankRules(availableOnly: false), records: records)
        #expect(all.map(\.item) == ["a", "b"])
        let (rest, _) = page(["a", "b"], RerankRules(availableOnly: false), records: [.withdrawn("a")])
        #expect(rest.map(\.item) == ["b"])
    }

    @Test("pinned items are at the top in their order, except those that may not be shown")
    func pinned() {
        let rules = RerankRules(pinned: ["x", "c", "u", "b", "k", "s"], blocked: ["k"])
        let records = [ItemRecord(id: "u", available: false)]
        let (items, _) = page(["a", "b", "c", "d"], rules, records: records, seen: ["s"])
        #expect(items.map(\.item) == ["x", "c", "b", "a", "d"])
        #expect(items.map { $0.reasons.contains("pinned") } == [true, true, true, false, false])
        #expect(items[0].score == nil && items[1].score == 98 && items[1].sources == ["s"])
        let (short, _) = page(["a", "b"], rules, count: 1)
        #expect(short.map(\.item) == ["x"])
    }

    @Test("rules name items and categories by their bytes, not by what looks the same")
    func unicodeForms() {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let (blocked, _) = page([composed, decomposed], RerankRules(blocked: [ItemID(composed)]))
        #expect(blocked.map(\.item) == [ItemID(decomposed)])
        let (pinned, _) = page([composed, decomposed], RerankRules(pinned: [ItemID(decomposed)]))
        #expect(pinned.map(\.item) == [ItemID(decomposed), ItemID(composed)])
        // Were they one category, the third item would come before the second.
        let records = [
            ItemRecord(id: "a", categories: [composed]), ItemRecord(id: "b", categories: [decomposed]),
            ItemRecord(id: "c", categories: ["x"]),
        ]
        let (diverse, _) = page(["a", "b", "c"], RerankRules(diversityWeight: 10), records: records)
        #expect(diverse.map(\.item) == ["a", "b", "c"])
    }

    @Test("freshness lifts new items by its weight, halved by each half-life")
    func freshness() {
        let day: Int64 = 86_400
        let records = [
            ItemRecord(id: "c", created: TestClock.today), ItemRecord(id: "d", created: TestClock.today - 7 * day),
            ItemRecord(id: "b", created: 0), ItemRecord(id: "a", created: TestClock.today - 7_000 * day),
        ]
        // Places are worth 1, 0.75, 0.5 and 0.25; the boosts are 0.6 for c and 0.3 for d.
        let (items, _) = page(["a", "b", "c", "d"], RerankRules(freshnessWeight: 0.6), records: records)
        #expect(items.map(\.item) == ["c", "a", "b", "d"])
        #expect(items[0].reasons.contains("new") && !items[3].reasons.contains("new"))
        let (ahead, _) = page(
            ["a", "b"],
            RerankRules(freshnessWeight: 1),
            records: [ItemRecord(id: "b", created: .max)]
        )
        #expect(ahead.map(\.item) == ["b", "a"])
    }

    @Test("diversity brings another category forward and says so")
    func diversity() {
        let records =
            ["a", "b", "c"].map { ItemRecord(id: ItemID($0), categories: ["red"]) }
            + [ItemRecord(id: "d", categories: ["blue", "red"])]
        let first = RerankRules(diversityWeight: 0.6, similarity: .first)
        #expect(page(["a", "b", "c", "d"], first, records: records).items.map(\.item) == ["a", "d", "b", "c"])
        #expect(page(["a", "b", "c", "d"], first, records: records).items[1].reasons == ["blue", "s"])
        let any = RerankRules(diversityWeight: 0.6, similarity: .any)
        #expect(page(["a", "b", "c", "d"], any, records: records).items.map(\.item) == ["a", "b", "c", "d"])
    }

    /// The definition, word for word: the next item is the one whose place and unlikeness are worth most.
    private func bruteForce(_ ids: [String], _ rules: RerankRules, _ categories: [String: [String]]) -> [String] {
        func names(_ id: String) -> Set<String> {
            let all = categories[id] ?? []
            return Set(rules.similarity == .first ? Array(all.prefix(1)) : all)
        }
        func alike(_ a: String, _ b: String) -> Bool {
            names(a).isEmpty && names(b).isEmpty || !names(a).isDisjoint(with: names(b))
        }
        var open = Array(ids.enumerated())
        var list: [String] = []
        while !open.isEmpty {
            var best = (index: 0, worth: -Double.infinity)
            for (index, candidate) in open.enumerated() {
                let place = 1 - Double(candidate.offset) / Double(ids.count)
                let unlike = list.count { !alike($0, candidate.element) }
                let worth = place + rules.diversityWeight * Double(unlike)
                if worth > best.worth { best = (index, worth) }
            }
            list.append(open.remove(at: best.index).element)
        }
        return list
    }

    @Test("diversity agrees with its definition", arguments: 0..<50)
    func definition(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let ids = (0..<Int.random(in: 0...16, using: &generator)).map { "i\($0)" }
        let categories = Dictionary(
            uniqueKeysWithValues: ids.map { id in
                (
                    id,
                    (0..<Int.random(in: 0...2, using: &generator)).map { _ in
                        ["x", "y", "z"].randomElement(using: &generator) ?? ""
                    }
                )
            }
        )
        // A power of two: sums come out alike in any order.
        let rules = RerankRules(
            diversityWeight: [0, 0.0625, 0.25, 1].randomElement(using: &generator) ?? 0,
            similarity: Bool.random(using: &generator) ? .first : .any
        )
        let records = ids.map { ItemRecord(id: ItemID($0), categories: categories[$0] ?? []) }
        let (items, _) = page(ids, rules, records: records, count: 20)
        #expect(items.map(\.item.rawValue) == bruteForce(ids, rules, categories))
    }
}
