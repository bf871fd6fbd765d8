// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeStore
import Foundation
import Synchronization
import Testing

@testable import CascadeFunnel

@Suite("Exploration: the distribution of a page")
struct PageDistributionTests {
    static let greedy = PageDistribution(
        ["a", "b", "c", "d"],
        .epsilonGreedy(epsilon: 0.3, first: 2, pool: ["x", "y", "z"])
    )
    static let drawn = PageDistribution(
        ["p", "a", "b", "c", "d"],
        .plackettLuce(
            temperature: 0.5,
            first: 1,
            pool: [.init(item: "a", score: 1), .init(item: "b", score: 0.75), .init(item: "c", score: 0.5)]
        )
    )

    /// Every page that may be served, with its probability: the product over its positions.
    private func outcomes(_ distribution: PageDistribution) -> [[ItemID]: Double] {
        var open: [(page: [ItemID], probability: Double)] = [([], 1)]
        for position in distribution.page.indices {
            open = open.flatMap { prefix, probability in
                let choices = distribution.choices(at: position, after: prefix)
                #expect(abs(choices.reduce(0) { $0 + $1.probability } - 1) < 1e-12)
                return choices.filter { $0.probability > 0 }.map { (prefix + [$0.item], probability * $0.probability) }
            }
        }
        return Dictionary(open.map { ($0.page, $0.probability) }, uniquingKeysWith: +)
    }

    @Test("all outcomes together have probability 1, and none shows an item twice", arguments: [greedy, drawn])
    func sums(distribution: PageDistribution) {
        let all = outcomes(distribution)
        #expect(abs(all.values.reduce(0, +) - 1) < 1e-12)
        #expect(all.keys.allSatisfy { Set($0).count == distribution.page.count })
        #expect(all.keys.allSatisfy { $0[0] == distribution.page[0] })
        // 1 + 3 + 3 + 6 pages: neither, one or both of the last positions explore. Three items have 6 orders.
        #expect(all.count == (distribution == Self.greedy ? 13 : 6))
    }

    @Test("an exploring position takes the item of the rules, or any item of the pool that is not there yet")
    func epsilon() {
        let all = outcomes(Self.greedy)
        let expected: [([ItemID], Double)] = [
            (["a", "b", "c", "d"], 0.7 * 0.7), (["a", "b", "y", "d"], 0.1 * 0.7), (["a", "b", "c", "z"], 0.7 * 0.1),
            (["a", "b", "x", "z"], 0.1 * 0.15),
        ]
        for (page, probability) in expected { #expect(abs((all[page] ?? 0) - probability) < 1e-12, "\(page)") }
        let dry = PageDistribution(["a"], .epsilonGreedy(epsilon: 0.3, first: 0, pool: []))
        #expect(dry.choices(at: 0, after: []) == [.init("a", 1)])
        let always = PageDistribution(["a"], .epsilonGreedy(epsilon: 1, first: 0, pool: ["x"]))
        #expect(always.probability(of: "x", at: 0, after: []) == 1)
        #expect(always.probability(of: "a", at: 0, after: []) == 0)
    }

    @Test("an order is drawn with the probability that Plackett and Luce give it")
    func plackettLuce() {
        let strengths: [ItemID: Double] = ["a": exp(2.0), "b": exp(1.5), "c": exp(1.0)]
        let all = outcomes(Self.drawn)
        for order in [["a", "b", "c"], ["b", "c", "a"], ["c", "b", "a"], ["c", "a", "b"]] as [[ItemID]] {
            var expected = 1.0
            for place in order.indices {
                let left = order[place...].reduce(0) { $0 + (strengths[$1] ?? 0) }
                expected *= (strengths[order[place]] ?? 0) / left
            }
            #expect(abs((all[["p"] + order + ["d"]] ?? 0) - expected) < 1e-12, "\(order)")
        }
    }

    @Test("scores that differ by hundreds of temperatures leave no number that is not finite")
    func cold() {
        let pool = (0..<50).map { PageDistribution.Scored(item: ItemID("i\($0)"), score: 1 - Double($0) / 50) }
        let cold = PageDistribution(pool.map(\.item), .plackettLuce(temperature: 0.001, first: 0, pool: pool))
        var generator = SplitMix64(seed: 1)
        let drawn = cold.draw(using: &generator)
        #expect(Set(drawn.map(\.item)).count == 50 && drawn.allSatisfy { $0.propensity > 0 && $0.propensity <= 1 })
        #expect(cold.probability(of: "i49", at: 49, after: pool.dropLast().map(\.item)) == 1)
    }

    @Test("items that another policy put there take nothing away but themselves")
    func foreignPrefix() {
        let greedy = Self.greedy.choices(at: 3, after: ["q", "x", "r"])
        #expect(greedy.map(\.item) == ["d", "y", "z"] && abs(greedy[1].probability - 0.15) < 1e-12)
        #expect(Self.drawn.choices(at: 4, after: ["q", "r", "s", "a"]).map(\.item) == ["b", "c"])
        #expect(Self.drawn.choices(at: 5, after: []).isEmpty && Self.drawn.choices(at: -1, after: []).isEmpty)
    }

    @Test("pages come as often as their logged propensities say", arguments: [greedy, drawn])
    func frequencies(distribution: PageDistribution) {
        let trials = 20_000
        var counts: [[ItemID]: Int] = [:]
        let all = outcomes(distribution)
        for seed in 0..<trials {
            var generator = SplitMix64(exploring: "request \(seed)")
            let page = distribution.draw(using: &generator)
            let items = page.map(\.item)
            counts[items, default: 0] += 1
            let logged = page.reduce(1) { $0 * $1.propensity }
            #expect(abs(logged - (all[items] ?? 0)) < 1e-12)
        }
        for (page, probability) in all {
            let expected = probability * Double(trials)
            let deviation = (expected * (1 - probability)).squareRoot()
            #expect(abs(Double(counts[page] ?? 0) - expected) < 4.5 * deviation, "\(page)")
        }
    }

    @Test("a request can be replayed from its id")
    func replay() {
        func page(_ request: String) -> [PageDistribution.Drawn] {
            var generator = SplitMix64(exploring: request)
            return Self.drawn.draw(using: &generator)
        }
        #expect(page("r1") == page("r1"))
        #expect(Set((0..<50).map { page("r\($0)").map(\.item) }).count > 3)
    }
}

@Suite("Exploration: served pages")
struct ExplorationServiceTests {
    static func json(_ exploration: String, _ more: String = "") -> String {
        """
        {"slots": {"finder": {"kind": "retriever", "path": "f1"}},
         "recommendation": {"sources": [{"slot": "finder", "quota": 30}],
                            "rerank": {"pinned": ["pin"], "exploration": \(exploration)\(more)}}}
        """
    }

    private func make(
        _ json: String,
        _ store: MemoryStore = MemoryStore(),
        found: Int = 30,
        metrics: any FunnelMetrics = NoMetrics()
    ) async throws -> FunnelService {
        try await service(json, store: store, metrics: metrics) {
            loaded($0, source: FakeSource(items: items("a", found)))
        }
    }

    private static let greedy = #"{"kind": "epsilon", "epsilon": 0.5, "positions": 2, "pool": 3}"#
    private static let drawn = #"{"kind": "plackett-luce", "temperature": 0.05, "pool": 10}"#

    @Test("only the last positions explore, from the next candidates, and say so")
    func epsilon() async throws {
        let service = try await make(Self.json(Self.greedy))
        var explored: Set<String> = []
        for _ in 0..<60 {
            let page = try await service.recommend(to: "u", count: 5)
            #expect(page.ids.prefix(3) == ["pin", "a1", "a2"])
            for (item, standard) in zip(page.items.suffix(2), ["a3", "a4"]) {
                let isExplored = item.item.rawValue != standard
                #expect(item.reasons.contains("explored") == isExplored && item.sources == ["finder"])
                if isExplored { explored.insert(item.item.rawValue) }
            }
        }
        #expect(explored == ["a5", "a6", "a7"])
        #expect(try await service.recommend(to: "u", count: 1).ids == ["pin"])
    }

    @Test("what is logged is what the distribution says, for each kind", arguments: [greedy, drawn])
    func logged(exploration: String) async throws {
        let store = MemoryStore(items: [ItemRecord(id: "a3", title: "Three")])
        let service = try await make(Self.json(exploration), store)
        for _ in 0..<20 { _ = try await service.recommend(to: "u", count: 6) }
        await service.exposures.flush()
        let pages = Dictionary(grouping: store.exposures, by: \.request).values
        #expect(pages.count == 20 && Set(pages.map { $0.map(\.item) }).count > 1)
        let request = FunnelRequest(id: "", user: "u", history: [], count: 6, now: TestClock.today)
        let distribution = try await service.distribution(for: request)
        #expect(distribution.page == ["pin", "a1", "a2", "a3", "a4", "a5"])
        for page in pages {
            for exposure in page {
                let before = page.prefix(exposure.position).map(\.item)
                let expected = distribution.probability(of: exposure.item, at: exposure.position, after: before)
                #expect(exposure.propensity == expected && expected > 0)
            }
            #expect(page[0].propensity == 1)
        }
        let title = try await service.recommend(to: "u", count: 30).items.first { $0.item == "a3" }?.title
        #expect(title == "Three")
    }

    @Test("the newest items, which no model knows, get impressions, except those that may not be shown")
    func newest() async throws {
        let records = [
            ItemRecord(id: "new", title: "New", created: 100), ItemRecord(id: "bad", created: 99),
            ItemRecord(id: "old", created: 1), ItemRecord(id: "gone", available: false, created: 98),
        ]
        let json = Self.json(
            #"{"kind": "epsilon", "epsilon": 0.9, "positions": 1, "pool": 2, "newest": true}"#,
            #", "blocked": ["bad"]"#
        )
        let store = MemoryStore(items: records)
        let service = try await make(json, store)
        var shown: Set<String> = []
        for _ in 0..<200 {
            let page = try await service.recommend(to: "u", count: 3)
            shown.insert(page.ids[2])
            guard let item = page.items.first(where: { $0.item == "new" }) else { continue }
            #expect(item.title == "New" && item.sources == ["newest"] && item.reasons == ["explored", "newest"])
        }
        #expect(shown == ["a2", "a3", "a4", "new", "old"])
        await service.exposures.flush()
        #expect(store.exposures.filter { $0.item == "new" }.allSatisfy { $0.propensity == 0.9 / 4 })
    }

    @Test("a page that popular items fill up has a propensity in each position")
    func fill() async throws {
        let store = MemoryStore(events: clicks("w", ["p1", "p2", "p3"]))
        let service = try await make(Self.json(Self.drawn), store, found: 2)
        let page = try await service.recommend(to: "u", count: 6)
        #expect(page.ids.suffix(3) == ["p1", "p2", "p3"] && Set(page.ids[1...2]) == ["a1", "a2"])
        await service.exposures.flush()
        let propensities = store.exposures.compactMap(\.propensity)
        #expect(propensities.count == 6 && propensities[1] < 1)
        #expect([propensities[0]] + propensities[2...] == [1, 1, 1, 1, 1])
    }

    @Test("without exploration there is no stage for it, and pages are what the rules choose")
    func none() async throws {
        let store = MemoryStore()
        let service = try await make(Self.json("false"), store)
        let page = try await service.recommend(to: "u", count: 4)
        #expect(page.ids == ["pin", "a1", "a2", "a3"])
        let stages = try #require(await service.explanation(of: page.request)).stages.map(\.stage)
        #expect(stages == ["history", "finder", "merge", "rerank"])
        await service.exposures.flush()
        #expect(store.exposures.map(\.propensity) == [1, 1, 1, 1])
        let explored = try await make(Self.json(Self.greedy))
        let other = try await explored.recommend(to: "u", count: 4)
        #expect(await explored.explanation(of: other.request)?.stages.last?.stage == "explore")
    }

    @Test("asking for a distribution logs nothing and counts nothing; a slow or missing stage is named")
    func asking() async throws {
        final class Counter: FunnelMetrics {
            let calls = Mutex(0)
            func stageFinished(_ stage: String, milliseconds: Double, degraded: Degradation.Reason?) {
                calls.withLock { $0 += 1 }
            }
            func responded(_ kind: RequestKind, milliseconds: Double, degraded: Bool) { calls.withLock { $0 += 1 } }
            func failed(_ failure: FunnelFailure) { calls.withLock { $0 += 1 } }
        }
        let (store, counter) = (MemoryStore(), Counter())
        let json = """
            {"slots": {"finder": {"kind": "retriever", "path": "f1"}, "none": {"kind": "ranker", "path": "x"}},
             "recommendation": {"sources": [{"slot": "finder"}], "rank": {"slot": "none"}},
             "variants": {"plain": {"recommendation": {"rank": false}}}}
            """
        let service = try await service(json, store: store, metrics: counter) {
            guard $0.name == "finder" else { throw StageFailure() }
            return loaded($0, source: FakeSource(items: items("a", 5)))
        }
        let before = counter.calls.withLock { $0 }
        let history = clicks("u", ["a1"]).map(\.event)
        let request = FunnelRequest(id: "r", user: "u", history: history, count: 2, now: TestClock.today)
        let standard = try await service.distribution(for: request)
        #expect(standard.page == ["a2", "a3"])
        #expect(standard.degraded == [Degradation(stage: "rank", reason: .missing)])
        #expect(try await service.distribution(for: request, variant: "plain").degraded.isEmpty)
        await service.exposures.flush()
        #expect(store.exposures.isEmpty && counter.calls.withLock { $0 } == before && store.historyReads == 0)
        await #expect(throws: ServiceError.self) { try await service.distribution(for: request, variant: "plane") }
        let search = FunnelRequest(id: "r", user: "u", history: [], query: "word", count: 2, now: 0)
        #expect(try await service.distribution(for: search).page.isEmpty)
    }
}

@Suite("Exploration: configuration")
struct ExplorationConfigurationTests {
    private func rules(_ exploration: String, funnel: String = "recommendation") throws -> RerankRules {
        let found = try configuration(#"{"\#(funnel)": {"rerank": {"exploration": \#(exploration)}}}"#)
        return funnel == "search" ? found.search.rerank : found.recommendation.rerank
    }

    @Test("every key is read; defaults fill in the rest; false switches it off")
    func keys() throws {
        let full = #"{"kind": "epsilon", "epsilon": 0.2, "positions": 3, "pool": 7, "newest": true}"#
        #expect(
            try rules(full).exploration
                == .epsilonGreedy(.init(epsilon: 0.2, positions: 3, pool: 7, newest: true))
        )
        #expect(try rules(#"{"kind": "epsilon"}"#).exploration == .epsilonGreedy(.init()))
        #expect(
            try rules(#"{"kind": "plackett-luce", "temperature": 0.2, "pool": 9}"#).exploration
                == .plackettLuce(.init(temperature: 0.2, pool: 9))
        )
        #expect(try rules("false").exploration == nil && RerankRules().exploration == nil)
    }

    @Test("a variant switches it off, or takes the other kind")
    func variants() throws {
        let found = try configuration(
            """
            {"recommendation": {"rerank": {"exploration": {"kind": "epsilon", "epsilon": 0.2, "pool": 9}}},
             "variants": {"off": {"recommendation": {"rerank": {"exploration": false}}},
                          "drawn": {"recommendation": {"rerank": {"exploration": {"kind": "plackett-luce"}}}}}}
            """
        )
        #expect(found.variants["off"]?.recommendation?.rerank.exploration == nil)
        #expect(found.variants["drawn"]?.recommendation?.rerank.exploration == .plackettLuce(.init(pool: 9)))
    }

    @Test(
        "what cannot work is refused with its key, what was found, what was expected and what to do",
        arguments: [
            (
                #"{"epsilon": 0.1}"#,
                "rerank.exploration.kind: found nothing, expected epsilon or plackett-luce; add one"
            ),
            (#"{"kind": "epsilom"}"#, "Did you mean 'epsilon'?"),
            (#"{"kind": "epsilon", "epsilon": 1.5}"#, "exploration.epsilon: found 1.5, expected a probability"),
            (#"{"kind": "epsilon", "positions": 0}"#, "exploration.positions: found 0, expected a whole number"),
            (#"{"kind": "epsilon", "share": 0.1}"#, "unknown key 'share'"),
            (
                #"{"kind": "plackett-luce", "temperature": 0}"#,
                "exploration.temperature: found 0, expected a number from"
            ),
            (
                #"{"kind": "plackett-luce"}, "diversity": {"weight": 0.1}"#,
                "found kind plackett-luce beside diversity.weight 0.1, expected one of them"
            ),
        ]
    )
    func mistakes(exploration: String, message: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try rules(exploration) }
        #expect("\(try #require(error))".contains(message), "\(error.map { "\($0)" } ?? "")")
    }

    @Test("a search does not explore the newest items; rules made in Swift are checked too")
    func purposes() throws {
        let newest = #"{"kind": "epsilon", "newest": true}"#
        _ = try rules(newest)
        let error = #expect(throws: ConfigurationError.self) { try rules(newest, funnel: "search") }
        #expect("\(try #require(error))".contains("the newest items answer no query; leave it out"))
        for broken in [Exploration.epsilonGreedy(.init(pool: 0)), .plackettLuce(.init(temperature: .nan))] {
            var made = FunnelConfiguration()
            made.recommendation.rerank.exploration = broken
            #expect(throws: ConfigurationError.self) { try made.validate() }
        }
    }
}
