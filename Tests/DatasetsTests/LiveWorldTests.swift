// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import Testing

@testable import CascadeSimulation

@Suite("The world of a live population")
struct LiveWorldTests {
    private func settings(items: Int = 200, seed: UInt64 = 7) -> LiveSettings {
        var settings = LiveSettings()
        (settings.items, settings.seed) = (items, seed)
        return settings
    }

    @Test("a click's probability is examination times the logistic function of base, taste and query")
    func clicks() throws {
        let world = LiveWorld(settings(), throughDay: 0)
        let query = ShopQuery(try #require(ShopCatalog.needs.first))
        for number in 0..<5 {
            let person = LivePerson(number, arrivingOn: 0, in: world.catalog)
            let taste = person.taste(in: world.catalog)
            let rows = stride(from: 0, to: world.catalog.features.count, by: taste.count).map {
                Array(world.catalog.features[$0..<$0 + taste.count])
            }
            for asked in [nil, query] {
                let attractions = world.attractions(for: person, query: asked, among: 200)
                for (item, row) in rows.enumerated() {
                    let product = zip(taste, row).map { $0 * $1 }.reduce(0, +)
                    var logit = person.base + 4 * product
                    if let asked { logit -= 3 * (1 - asked.relevance(of: world.catalog.shop.items[item])) }
                    #expect(abs(attractions[item] - (1 + tanh(logit / 2)) / 2) < 1e-12)
                }
                // Three positions, by hand.
                let page = [5, 17, 3]
                let clicks = zip(page, [1, 2, 3]).map { attractions[$0] / pow($1, person.attention) }
                let value = LiveWorld.value(of: page, attractions, attention: person.attention)
                #expect(abs(value.clicks - clicks.reduce(0, +)) < 1e-12)
                let none = clicks.map { 1 - $0 }.reduce(1, *)
                #expect(abs(value.clicked - (1 - none)) < 1e-12)
            }
            #expect(abs(taste.dropFirst().map { $0 * $0 }.reduce(0, +) - 1) < 1e-12)
        }
    }

    @Test("no page of allowed items has more expected clicks than the best one")
    func best() {
        var generator = SplitMix64(seed: 3)
        for _ in 0..<20 {
            let attractions = (0..<7).map { _ in Double(Int.random(in: 1...5, using: &generator)) / 6 }
            let forbidden = Int.random(in: 0..<7, using: &generator)
            let best = LiveWorld.bestPage(of: 3, attractions) { $0 != forbidden }
            let allowed = (0..<7).filter { $0 != forbidden }
            let all = allowed.flatMap { a in allowed.flatMap { b in allowed.map { [a, b, $0] } } }
                .filter { Set($0).count == 3 }
            let values = all.map { LiveWorld.value(of: $0, attractions, attention: 0.7).clicks }
            #expect(all.count == 120 && Set(best).count == 3 && !best.contains(forbidden))
            #expect(abs(LiveWorld.value(of: best, attractions, attention: 0.7).clicks - (values.max() ?? 0)) < 1e-12)
        }
        #expect(LiveWorld.bestPage(of: 3, [0.1, 0.9]) { _ in true } == [1, 0])
        #expect(LiveWorld.bestPage(of: 2, [0.5, 0.5, 0.5]) { _ in true } == [0, 1])
    }

    @Test("the items of a day stay what they are when later days bring others")
    func catalog() {
        let (short, long) = (LiveCatalog(settings(), throughDay: 1), LiveCatalog(settings(), throughDay: 30))
        #expect(short.count(onDay: 1) == 202 && long.count(onDay: 30) == 260)
        #expect(Array(long.features.prefix(short.features.count)) == short.features)
        for item in [0, 41, 199, 200, 201] { #expect(short.record(item) == long.record(item)) }
        let start = LiveSettings().start
        #expect(long.created(200) == start + 86_400 && long.created(203) == start + 2 * 86_400)
        #expect((0..<200).allSatisfy { (30...365).contains((start - long.created($0)) / 86_400) })
        #expect(LiveCatalog.number(of: "item-12") == 12)
        for id in ["item-012", "item--1", "thing-1", "item-"] { #expect(LiveCatalog.number(of: ItemID(id)) == nil) }
    }

    @Test("tastes drift a little from day to day, and people differ")
    func drift() {
        let catalog = LiveCatalog(settings(), throughDay: 0)
        func likeness(_ one: [Double], _ other: [Double]) -> Double {
            zip(one.dropFirst(), other.dropFirst()).map { $0 * $1 }.reduce(0, +)
        }
        var (days, strangers) = (0.0, 0.0)
        for number in 0..<200 {
            var person = LivePerson(number, arrivingOn: 0, in: catalog)
            let before = person.taste(in: catalog)
            person.drift(to: 1, in: catalog)
            days += likeness(before, person.taste(in: catalog)) / 200
            strangers += likeness(before, LivePerson(number + 1, arrivingOn: 0, in: catalog).taste(in: catalog)) / 200
            #expect(person != LivePerson(number, arrivingOn: 0, in: catalog))
        }
        #expect(days > 0.95 && days < 0.9999 && strangers < 0.4)
    }

    @Test("visits lie in order within their day, far enough apart for the events between")
    func visits() {
        let catalog = LiveCatalog(settings(), throughDay: 3)
        var searches = 0
        for number in 0..<300 {
            let visits = LivePerson(number, arrivingOn: 0, in: catalog).visits(onDay: 3, in: catalog)
            let times = visits.map(\.time)
            #expect((1...8).contains(visits.count))
            #expect(times.allSatisfy { catalog.settings.time(ofDay: 3)..<catalog.settings.time(ofDay: 4) ~= $0 })
            #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= 120 })
            searches += visits.count { $0.query != nil }
        }
        #expect(searches > 30 && searches < 150)
    }
}
