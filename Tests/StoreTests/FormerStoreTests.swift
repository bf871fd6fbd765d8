// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

/// A store of the version before 0.2: events, items, impressions of an A/B test, and an erased user.
@Suite("Store of before 0.2")
struct FormerStoreTests {
    let fixture: StoreFixture
    let store: SQLiteStore

    init() throws {
        fixture = try StoreFixture()
        let file = Repository.fixtures.appendingPathComponent("before-0.2/serving/store.sqlite")
        try FileManager.default.copyItem(at: file, to: fixture.url)
        store = try fixture.open(creating: false)
    }

    @Test("opens, is sound and holds what it held")
    func holds() async throws {
        try await store.verify()
        let counts = try await store.counts()
        // Five users with four seeded events and one that was sent; the sixth was erased.
        #expect(counts.events == 25 && counts.items == 5 && counts.requests == 5 && counts.exposures == 5)
        #expect(try await store.users(beginningWith: "u", limit: 10) == ["u1", "u2", "u3", "u4", "u5"])
        let exported = try #require(try await store.export("u1"))
        #expect(exported.exposures.map(\.position) == [0] && exported.exposures[0].arms.keys.contains("sources"))
        #expect(try await store.erasure(of: "u6") != nil)
        // What was not recorded then is not made up.
        let shown = exported.exposures[0]
        #expect(shown.facts == RequestFacts() && shown.score == nil && shown.propensity == nil)
    }

    @Test("outcomes of its A/B test are those that it reported")
    func outcomes() async throws {
        let file = Repository.fixtures.appendingPathComponent("before-0.2/serving/experiments.json")
        let report = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let arms = try #require((report["experiments"] as? [[String: Any]])?.first?["arms"] as? [[String: Any]])
        let outcomes = try await store.outcomes(of: "sources")
        for arm in arms {
            let name = try #require(arm["arm"] as? String)
            let own = outcomes.filter { $0.arm == name }
            // The sixth user was in the arm `popular`, and was erased after the report.
            #expect(own.count == (arm["users"] as? Int ?? 0) - (name == "popular" ? 1 : 0))
            #expect(own.allSatisfy { $0.clickedRequests == 1 && $0.requests == 1 })
        }
    }

    @Test("takes in new events and impressions")
    func writes() async throws {
        #expect(try await store.append([event("new", user: "u1", item: "i1", time: 9)]) == [.stored])
        try await store.log([Exposure(request: "new", user: "u1", item: "i1", position: 0, time: 9)])
        #expect(try await store.counts().exposures == 6)
        let data = try await store.exportDataset(to: fixture.folder.file("data")).dataset
        #expect(data.eventCount == 26 && data.requests?.count == 6)
    }
}
