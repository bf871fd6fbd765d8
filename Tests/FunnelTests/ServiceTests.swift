// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Synchronization
import Testing

@testable import CascadeFunnel

@Suite("The funnel's pages")
struct ServiceTests {
    @Test("what somebody disliked or hid is on no page and in no search, however old that is, also when pinned")
    func rejections() async throws {
        let store = MemoryStore(
            items: ["a", "b", "c"].map { ItemRecord(id: $0, title: "red") },
            events: clicks("w", ["a", "b", "c"]) + clicks("u", ["a"], action: .dislike)
                + clicks("u", ["b"], action: .hide) + clicks("u", ["x", "y"])
        )
        let service = try await service(
            #"{"history": {"events": 1}, "recommendation": {"rerank": {"pinned": ["a", "c"]}}}"#,
            store: store
        )
        #expect(try await service.recommend(to: "u", count: 9).ids == ["c", "x"])
        #expect(try await service.search("red", user: "u", count: 9).ids == ["c"])
        #expect(try await Set(service.search("red", user: "w", count: 9).ids) == ["a", "b", "c"])
        _ = try await service.record([
            NewEvent(id: "no", event: Event(user: "u", item: "c", action: .hide, time: TestClock.today))
        ])
        #expect(try await service.recommend(to: "u", count: 9).ids == ["x"])
    }

    static let json = """
        {"slots": {"finder": {"kind": "retriever", "path": "f1"}, "score": {"kind": "ranker", "path": "j1"}},
         "recommendation": {"sources": [{"slot": "finder", "quota": 8}, {"builtin": "popular", "quota": 4}],
                            "prerank": {"slot": "finder", "keep": 6}, "rank": {"slot": "score", "keep": 4}}}
        """

    private static func models(_ slot: SlotConfiguration) -> LoadedSlot {
        slot.name == "finder"
            ? loaded(slot, source: FakeSource(items: items("a", 10)), scorer: FakeScorer())
            : loaded(
                slot,
                scorer: FakeScorer { item, _ in
                    item.rawValue.hasPrefix("a") ? Double(item.rawValue.dropFirst()).map { -$0 } : nil
                }
            )
    }

    private func popularity() -> [NewEvent] {
        (1...5).flatMap { item in (0..<(6 - item)).flatMap { clicks(UserID("p\($0)"), ["p\(item)"]) } }
    }

    @Test("sources, pre-ranking, ranking and re-ranking, each as the configuration says")
    func stages() async throws {
        let store = MemoryStore(items: [ItemRecord(id: "a8", title: "Eight")], events: popularity())
        let service = try await service(Self.json, store: store) { Self.models($0) }
        let page = try await service.recommend(to: "somebody", count: 3)
        // a1...a8 and p1...p4 are found; a8, a7, a6, a5 and then a4, p4 are kept; the scorer wants the lowest number.
        #expect(page.ids == ["a4", "a5", "a6"])
        #expect(page.degraded.isEmpty && page.versions == ["finder": "f1", "score": "j1"])
        let explanation = try #require(await service.explanation(of: page.request))
        #expect(explanation.page == page && explanation.user == "somebody" && explanation.time == TestClock.today)
        let stages = explanation.stages
        #expect(stages.map(\.stage) == ["history", "finder", "popular", "merge", "prerank", "rank", "rerank"])
        #expect(stages.map(\.keptCount) == [0, 8, 4, 12, 6, 4, 3])
        #expect(stages.map(\.received) == [0, 0, 0, 12, 12, 6, 4])
        #expect(stages.map(\.version) == ["", "f1", "popular", "", "f1", "j1", ""])
        #expect(stages[4].kept.map(\.item) == ["a8", "a7", "a6", "a5", "a4", "p4"])
        let again = try await service.recommend(to: "somebody", count: 4)
        #expect(again.ids == ["a4", "a5", "a6", "a7"] && again.request != page.request)
    }

    @Test("items that several sources found name all of them; titles come along")
    func sources() async throws {
        let store = MemoryStore(items: [ItemRecord(id: "a1", title: "One")], events: clicks("w", ["a1"]))
        let json =
            #"{"slots": {"f": {"kind": "retriever", "path": "p"}}, "recommendation": {"sources": "#
            + #"[{"slot": "f", "name": "model"}, {"builtin": "popular"}]}}"#
        let service = try await service(json, store: store) { Self.models($0.renamed("finder")) }
        let page = try await service.recommend(to: "u", count: 2)
        #expect(page.ids == ["a1", "a2"] && page.items[0].title == "One")
        #expect(page.items[0].sources == ["model", "popular"] && page.items[0].reasons == ["model", "popular"])
    }

    @Test("what may not be shown is not even asked for")
    func excluded() async throws {
        struct Asked: CandidateSource {
            let version = ""
            let excluded: @Sendable (Set<ItemID>) -> Void
            func candidates(for _: FunnelRequest, limit: Int, excluding: Set<ItemID>) async throws -> [ScoredItem] {
                excluded(excluding)
                return []
            }
        }
        let asked = Mutex<[Set<ItemID>]>([])
        let json =
            #"{"slots": {"m": {"kind": "retriever", "path": "p"}}, "recommendation": {"sources": "#
            + #"[{"slot": "m"}], "rerank": {"blocked": ["b"], "seen_actions": ["purchase"]}}}"#
        let store = MemoryStore(events: clicks("u", ["c"]) + clicks("u", ["d"], action: .purchase))
        let service = try await service(json, store: store) { slot in
            loaded(slot, source: Asked { excluded in asked.withLock { $0.append(excluded) } })
        }
        #expect(try await service.recommend(to: "u", count: 3).ids == ["c"])
        #expect(asked.withLock { $0.last } == ["b", "d"])
    }

    @Test("the next answer knows the last click")
    func lastClick() async throws {
        let store = MemoryStore()
        let seen = Mutex<[Event]>([])
        let service = try await service(Self.json, store: store) { slot in
            slot.name == "finder"
                ? Self.models(slot)
                : loaded(
                    slot,
                    scorer: FakeScorer { _, request in
                        seen.withLock { $0 = request.history }
                        return 1
                    }
                )
        }
        #expect(try await service.recommend(to: "u", count: 1).ids == ["a8"])
        for item in ["a8", "a9", "a10"] {
            let before = try await service.recommend(to: "u", count: 1).ids
            #expect(before == [item])
            #expect(try await service.record(clicks("u", [item])) == [.stored])
            #expect(try await service.record(clicks("u", [item])) == [.duplicate])
            #expect(try await service.recommend(to: "u", count: 1).ids != before)
            #expect(seen.withLock { $0.last?.item.rawValue } == item)
        }
        #expect(seen.withLock { $0.count } == 3)
    }

    @Test("popularity answers without any model; an empty store has an empty page")
    func noModel() async throws {
        let empty = try await service("{}")
        let page = try await empty.recommend(to: "u", count: 5)
        #expect(page.items.isEmpty && page.degraded.isEmpty)
        #expect(try await empty.search("words", user: nil, count: 5).items.isEmpty)

        let popular = try await service(Self.json, store: MemoryStore(events: popularity()))
        let answer = try await popular.recommend(to: "u", count: 10)
        #expect(answer.ids == ["p1", "p2", "p3", "p4", "p5"])
        #expect(answer.degraded.map(\.stage) == ["finder", "prerank", "rank"])
        #expect(answer.degraded.allSatisfy { $0.reason == .missing })
        #expect(await popular.slots().allSatisfy { $0.version == nil && $0.problem != nil })
        #expect(await popular.obstacles().isEmpty)
    }

    @Test("a shop where nobody has bought yet shows what came last")
    func newShop() async throws {
        let records = [("a", 1), ("b", 3), ("c", 2)].map { ItemRecord(id: ItemID($0), created: $1) }
        let service = try await service(
            "{}",
            store: MemoryStore(items: records + [ItemRecord(id: "d", available: false)])
        )
        #expect(try await service.recommend(to: "u", count: 5).ids == ["b", "c", "a"])
    }

    @Test("a page that is too short is filled with popular items, which say so")
    func fill() async throws {
        let store = MemoryStore(
            items: [ItemRecord(id: "p2", available: false)],
            events: popularity() + clicks("u", ["p1"])
        )
        let json =
            #"{"slots": {"finder": {"kind": "retriever", "path": "p"}}, "#
            + #""recommendation": {"sources": [{"slot": "finder", "quota": 2}], "rerank": {"blocked": ["p3"]}}}"#
        let service = try await service(json, store: store) { Self.models($0) }
        let page = try await service.recommend(to: "u", count: 9)
        #expect(page.ids == ["a1", "a2", "p4", "p5"])
        #expect(page.items[3].sources == ["popular"])
        #expect(page.items[3].score == page.items[1].score)
        #expect(await service.explanation(of: page.request)?.stages.last?.stage == "fill")
    }

    @Test("a variant's funnel is for those in its arm")
    func variants() async throws {
        struct Halves: ArmAssigner {
            func arms(for user: UserID?, request: String) -> [ArmAssignment] {
                let first = ArmAssignment(test: "first", arm: "a", variant: nil)
                let second = ArmAssignment(test: "second", arm: "b", variant: "plain")
                return user == "even" ? [first, second] : [first]
            }
        }
        let json = String(Self.json.dropLast()) + #", "variants": {"plain": {"recommendation": {"rank": false}}}}"#
        let store = MemoryStore()
        let service = try await service(json, store: store, arms: Halves()) { Self.models($0) }
        let odd = try await service.recommend(to: "odd", count: 1)
        #expect(odd.ids == ["a3"] && odd.arms == ["first": "a"])
        let even = try await service.recommend(to: "even", count: 1)
        #expect(even.ids == ["a8"] && even.arms == ["first": "a", "second": "b"])
        await service.shutdown()
        #expect(store.exposures.last?.arms == even.arms)
    }

    @Test("a page holds nothing blocked, unavailable, seen or twice, and no more than was asked for", arguments: 0..<40)
    func properties(seed: UInt64) async throws {
        var generator = SplitMix64(seed: seed)
        let all = (0..<40).map { "i\($0)" }
        func some(_ share: Double) -> [String] {
            all.filter { _ in Double.random(in: 0..<1, using: &generator) < share }
        }
        func list(_ names: [String]) -> String { "[" + names.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
        let (blocked, unavailable, seen, pinned) = (
            some(0.1), some(0.2), some(0.2), some(0.1).shuffled(using: &generator)
        )
        let json = """
            {"slots": {"m": {"kind": "retriever", "path": "p"}},
             "recommendation": {
               "sources": [{"slot": "m", "quota": \(Int.random(in: 1...30, using: &generator))}, {"builtin": "popular"}],
               "rank": {"slot": "m", "keep": \(Int.random(in: 1...30, using: &generator))},
               "rerank": {"blocked": \(list(blocked)), "pinned": \(list(pinned)),
                          "diversity": {"weight": \(Double.random(in: 0...0.3, using: &generator))},
                          "freshness": {"weight": \(Double.random(in: 0...0.5, using: &generator))}}}}
            """
        let records = all.enumerated().map { place, id in
            ItemRecord(
                id: ItemID(id),
                categories: ["c\(place % 4)"],
                available: !unavailable.contains(id),
                created: TestClock.today - Int64(place) * 86_400
            )
        }
        let found = some(0.6).map { ScoredItem(ItemID($0), 1) }
        let twice = (found + found.prefix(5)).shuffled(using: &generator)
        let store = MemoryStore(items: records, events: clicks("u", seen) + clicks("w", some(0.5)))
        let service = try await service(json, store: store) { slot in
            loaded(
                slot,
                source: FakeSource(items: twice),
                scorer: FakeScorer { item, _ in
                    item.rawValue.hasSuffix("3") ? nil : Double(item.rawValue.dropFirst())
                }
            )
        }
        let count = Int.random(in: 1...20, using: &generator)
        let page = try await service.recommend(to: "u", count: count)
        #expect(page.items.count <= count && Set(page.ids).count == page.items.count && page.degraded.isEmpty)
        let forbidden = Set(blocked + unavailable + seen)
        #expect(forbidden.isDisjoint(with: page.ids))
        let top = pinned.filter { !forbidden.contains($0) }.prefix(count)
        #expect(page.ids.prefix(top.count) == top)
        // As popularity knows every available item, a page is short only when there is nothing left.
        #expect(page.items.count == min(count, Set(all).subtracting(forbidden).count))
    }

    @Test("a count below 1 is refused")
    func count() async throws {
        let service = try await service("{}")
        for count in [0, -1, Int.min] {
            let error = await #expect(throws: ServiceError.self) { try await service.recommend(to: "u", count: count) }
            #expect(error?.reason == .invalid)
        }
        #expect(try await service.recommend(to: "u", count: .max).items.isEmpty)
    }
}

extension SlotConfiguration {
    func renamed(_ name: String) -> SlotConfiguration {
        var other = self
        other.name = name
        return other
    }
}
