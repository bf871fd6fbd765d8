// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import CascadeFunnel
import Foundation
import TestSupport
import Testing
import Yams

@Suite("Funnel configuration")
struct ConfigurationTests {
    static let complete = """
        {"store": {"path": "shop.sqlite", "seed": "data/shop"},
         "slots": {
           "finder": {"kind": "retriever", "path": "runs/a", "index": "runs/a.index", "data": "data/shop", "watch": true,
                      "options": {"batch_ms": 2}},
           "score": {"kind": "ranker", "path": "runs/b"},
           "seeker": {"kind": "search-ranker", "path": "runs/c"}},
         "recommendation": {
           "sources": [{"name": "model", "slot": "finder", "quota": 800, "deadline_ms": 40},
                       {"builtin": "recent-popular", "quota": 100}],
           "prerank": {"slot": "finder", "keep": 200},
           "rank": {"slot": "score", "keep": 40, "deadline_ms": 60},
           "rerank": {"exclude_seen": true, "seen_actions": ["purchase", "rating"], "available_only": false,
                      "diversity": {"weight": 0.02, "category": "first"},
                      "freshness": {"half_life_days": 3, "weight": 0.1},
                      "pinned": ["a", 7], "blocked": ["b"]},
           "deadline_ms": 250},
         "search": {"sources": [{"builtin": "lexical", "quota": 500}], "rank": {"slot": "seeker"}},
         "variants": {"plain": {"recommendation": {"rank": false, "rerank": {"diversity": {"weight": 0}}}}},
         "similar": {"slot": "finder", "deadline_ms": 70},
         "explain": {"remember": 10, "items": 5}, "history": {"events": 50, "users": 9, "deadline_ms": 20},
         "popularity": {"window_days": 3, "refresh_seconds": 10}}
        """

    @Test("every key is read")
    func everyKey() throws {
        let found = try configuration(Self.complete)
        #expect(found.store == "shop.sqlite" && found.seed == "data/shop")
        let finder = try #require(found.slots["finder"])
        #expect(finder.kind == .retriever && finder.path == "runs/a" && finder.index == "runs/a.index")
        #expect(finder.data == "data/shop" && finder.watch && finder.options["batch_ms"] == .integer(2))
        let plan = found.recommendation
        #expect(
            plan.sources == [
                .init("model", .slot("finder"), quota: 800, deadline: .milliseconds(40)),
                .init("recent-popular", .builtin(.recentPopular), quota: 100),
            ]
        )
        #expect(plan.prerank == .init(slot: "finder", keep: 200))
        #expect(plan.rank == .init(slot: "score", keep: 40, deadline: .milliseconds(60)))
        #expect(
            plan.rerank
                == RerankRules(
                    seenActions: [.purchase, .rating],
                    availableOnly: false,
                    diversityWeight: 0.02,
                    similarity: .first,
                    freshnessWeight: 0.1,
                    freshnessHalfLife: 3,
                    pinned: ["a", "7"],
                    blocked: ["b"]
                )
        )
        #expect(plan.deadline == .milliseconds(250))
        #expect(found.search.rank == .init(slot: "seeker", keep: 50) && !found.search.rerank.excludeSeen)
        #expect(found.similar.slot == "finder" && found.similar.deadline == .milliseconds(70))
        #expect(found.explain.remember == 10 && found.explain.items == 5)
        #expect(found.history.events == 50 && found.history.users == 9)
        #expect(found.popularity.windowDays == 3 && found.popularity.refreshSeconds == 10)
    }

    @Test("a variant changes what it names and keeps the rest")
    func variants() throws {
        let found = try configuration(Self.complete)
        let plain = try #require(found.variants["plain"]?.recommendation)
        var expected = found.recommendation
        expected.rank = nil
        expected.rerank.diversityWeight = 0
        #expect(plain == expected)
        #expect(found.variants["plain"]?.search == nil)
    }

    @Test("the example of the documentation is a configuration, and its table has every key of it")
    func documented() throws {
        let page = try String(
            contentsOf: Repository.root.appending(path: "Documentation/serving.md"),
            encoding: .utf8
        )
        let example = try #require(page.firstMatch(of: /```yaml\n([\s\S]*?)```/)?.output.1)
        let tree = try YAMLDecoder().decode(JSONValue.self, from: String(example))
        let found = try FunnelConfiguration(tree)
        #expect(found.slots.count == 3 && found.variants.count == 2)
        #expect(found.recommendation.rerank.diversityWeight == 0.02)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let keys = Set(rows.flatMap { $0.split { !$0.isLetter && $0 != "_" } })
        for leaf in tree.leaves("").keys where !leaf.contains(".options.") {
            let key = try #require(leaf.split(separator: ".").last)
            #expect(keys.contains(key), "\(key) is not described")
        }
    }

    @Test("an empty file serves popularity and words")
    func defaults() throws {
        let found = try configuration("{}")
        #expect(found == FunnelConfiguration())
        #expect(found.recommendation.sources == [.init("popular", .builtin(.popular))])
        #expect(found.search.sources == [.init("lexical", .builtin(.lexical))])
    }

    @Test("keys of others are let be")
    func others() throws {
        _ = try FunnelConfiguration(.object(["server": .string("anything")]), beside: ["server"])
        #expect(throws: ConfigurationError.self) { try FunnelConfiguration(.object(["server": .string("anything")])) }
    }

    @Test(
        "a mistake is named with its key, what was found and what was expected",
        arguments: [
            (#"{"recomendation": {}}"#, "unknown key 'recomendation'. Did you mean 'recommendation'?"),
            (#"{"slots": {"a": {"kind": "ranker"}}}"#, "slots.a.path: found nothing, expected the folder"),
            (#"{"slots": {"a": {"kind": "rankr", "path": "p"}}}"#, "slots.a.kind: found 'rankr'"),
            (#"{"slots": {"a": {"kind": "rankr", "path": "p"}}}"#, "Did you mean 'ranker'?"),
            (#"{"slots": {"a": {"kind": "ranker", "path": "p", "indx": "q"}}}"#, "Did you mean 'index'?"),
            (#"{"slots": []}"#, "slots: found a list, expected a group of settings"),
            (#"{"recommendation": {"sources": []}}"#, "recommendation.sources: found a list, expected at least one"),
            (#"{"recommendation": {"sources": [{"quota": 3}]}}"#, "recommendation.sources[1]: found neither"),
            (#"{"recommendation": {"sources": [{"builtin": "popular", "slot": "x"}]}}"#, "found both"),
            (#"{"recommendation": {"sources": [{"builtin": "popular", "quota": 0}]}}"#, "quota: found 0, expected"),
            (#"{"recommendation": {"sources": [{"builtin": "popular", "quota": 1e30}]}}"#, "quota: found 1e+30"),
            (#"{"recommendation": {"sources": [{"builtin": "lexical"}]}}"#, "there is no query"),
            (
                #"{"recommendation": {"sources": [{"builtin": "popular"}, {"builtin": "popular"}]}}"#,
                "sources[2].name: found 'popular', expected a name that nothing else"
            ),
            (#"{"recommendation": {"sources": [{"builtin": "popular", "name": "rank"}]}}"#, "found 'rank'"),
            (
                #"{"recommendation": {"rank": {"slot": "nobody"}}}"#,
                "recommendation.rank: found 'nobody', expected the name"
            ),
            (#"{"recommendation": {"rank": {"keep": 3}}}"#, "rank.slot: found nothing, expected the name of a slot"),
            (#"{"recommendation": {"rerank": {"seen_actions": ["clik"]}}}"#, "seen_actions: found 'clik'"),
            (#"{"recommendation": {"rerank": {"diversity": {"weight": -1}}}}"#, "diversity.weight: found -1"),
            (#"{"recommendation": {"rerank": {"freshness": {"half_life_days": 0}}}}"#, "half_life_days: found 0"),
            (#"{"recommendation": {"rerank": {"pinned": ["a", "a"]}}}"#, "pinned: found 'a', expected each item once"),
            (
                #"{"recommendation": {"rerank": {"exclude_seen": "yes"}}}"#,
                "exclude_seen: found 'yes', expected true or"
            ),
            (#"{"recommendation": {"deadline_ms": 0}}"#, "recommendation.deadline_ms: found 0"),
            (
                #"{"slots": {"finder": {"kind": "index", "path": "p"}}, "recommendation": {"rank": {"slot": "findr"}}}"#,
                "Did you mean 'finder'?"
            ),
            (
                #"{"slots": {"i": {"kind": "index", "path": "p"}}, "recommendation": {"rank": {"slot": "i"}}}"#,
                "found the slot 'i' of kind index, expected one that scores candidates"
            ),
            (
                #"{"slots": {"s": {"kind": "search-ranker", "path": "p"}}, "recommendation": {"rank": {"slot": "s"}}}"#,
                "of a recommendation"
            ),
            (#"{"variants": {"b": {"serach": {}}}}"#, "unknown key 'serach' in 'variants.b'. Did you mean 'search'?"),
            (#"{"variants": {"b": {"search": {"rank": {"slot": "x"}}}}}"#, "variants.b.search.rank: found 'x'"),
            (#"{"variants": {"b": {"search": 3}}}"#, "variants.b.search: found 3, expected a group"),
            (#"{"similar": {"slot": "x"}}"#, "similar.slot: found 'x'"),
            (#"{"explain": {"remember": -1}}"#, "explain.remember: found -1"),
            (#"{"history": {"events": 2.5}}"#, "history.events: found 2.5, expected a whole number from 1"),
        ]
    )
    func mistakes(json: String, message: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration(json) }
        let description = try #require(error).description
        #expect(description.contains(message), "\(description)")
    }

    @Test("a configuration made in code is checked too")
    func madeInCode() {
        var made = FunnelConfiguration()
        made.recommendation.sources[0].quota = 0
        #expect(throws: ConfigurationError.self) { try made.validate() }
        made = FunnelConfiguration()
        made.search.rerank.diversityWeight = .nan
        #expect(throws: ConfigurationError.self) { try made.validate() }
    }
}
