// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Testing

@testable import CascadeFunnel

@Suite("Simulated time")
struct SimulatedTimeTests {
    @Test("a request's time is that of its impressions, its explanation and its freshness")
    func requests() async throws {
        let day: Int64 = 86_400
        let items = [ItemRecord(id: "old", created: 100 * day), ItemRecord(id: "new", created: 200 * day)]
        // Of two popular items the old one comes first; only a fresh one passes it.
        let store = MemoryStore(items: items, events: clicks("a", ["old"]) + clicks("b", ["old", "new"]))
        let json = """
            {"recommendation": {"rerank": {"freshness": {"weight": 2, "half_life_days": 1}}}}
            """
        let service = try await service(json, store: store)
        let fresh = try await service.recommend(to: "u", count: 2, context: [:], isPreview: false, time: 200 * day)
        #expect(fresh.ids == ["new", "old"])
        #expect(await service.explanation(of: fresh.request)?.time == 200 * day)
        let later = try await service.recommend(to: "u", count: 2, context: [:], isPreview: false, time: 300 * day)
        #expect(later.ids == ["old", "new"])
        _ = try await service.search("old", user: "u", count: 2, context: [:], isPreview: false, time: 301 * day)
        _ = try await service.similar(to: "old", count: 1, isPreview: false, time: 302 * day)
        _ = try await service.recommend(to: "v", count: 2)
        await service.exposures.flush()
        let times = store.exposures.map(\.time)
        #expect(Set(times).isSubset(of: [200 * day, 300 * day, 301 * day, 302 * day, TestClock.today]))
        #expect(times.prefix(4) == [200 * day, 200 * day, 300 * day, 300 * day] && times.last == TestClock.today)
        #expect(times.contains(302 * day))
    }

    @Test("the calendar of a simulation stands at the latest time that a request brought")
    func calendar() {
        let clock = FunnelClock.simulated()
        #expect(clock.seconds() == 0 && clock.time(of: nil) == 0)
        #expect(clock.time(of: 500) == 500 && clock.seconds() == 500)
        #expect(clock.time(of: 300) == 300 && clock.time(of: nil) == 500)
        let other = FunnelClock.simulated()
        #expect(other.seconds() == 0)
        let real = FunnelClock.system
        #expect(real.time(of: 5) == 5 && real.seconds() > 1_700_000_000)
    }
}
