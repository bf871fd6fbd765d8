// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeSimulation

@Suite("A live population")
struct LiveSimulationTests {
    private func settings(users: Int = 20, seed: UInt64 = 3) -> LiveSettings {
        var settings = LiveSettings()
        (settings.users, settings.items, settings.seed) = (users, 100, seed)
        return settings
    }

    private func run(
        _ service: FakeLiveService,
        days: Int = 3,
        _ settings: LiveSettings
    ) async throws -> LivePopulation {
        var population = try LivePopulation(settings)
        try await LiveSimulation(service, rules: LiveRules()).run(&population, days: days)
        return population
    }

    @Test("is the same for the same seed, whoever is answered first, and another for another")
    func isDeterministic() async throws {
        let one = try await run(FakeLiveService(), settings())
        let slow = FakeLiveService(isSlow: true)
        #expect(try await run(slow, settings()) == one)
        #expect(try await run(FakeLiveService(), settings(seed: 4)).ledger != one.ledger)
        let ids = await slow.events.map(\.id)
        #expect(Set(ids).count == ids.count && ids.count > 20)
    }

    @Test("three days at once and three times one day, through a file, are the same")
    func resumes() async throws {
        let folder = try TemporaryFolder()
        let url = folder.file("state.json")
        let whole = try await run(FakeLiveService(), settings())
        #expect(try LivePopulation.read(from: url) == nil)
        let service = FakeLiveService()
        for day in 0..<3 {
            var population = try LivePopulation.read(from: url) ?? LivePopulation(settings())
            #expect(population.nextDay == day)
            try await LiveSimulation(service, rules: LiveRules()).run(&population, days: 1) { try $0.write(to: url) }
        }
        let last = try #require(try LivePopulation.read(from: url))
        #expect(last == whole)
        #expect(try LiveReport(last).json() == LiveReport(whole).json())
        #expect(throws: LiveError.self) { try last.require(settings(seed: 9), in: url) }
        try last.require(settings(), in: url)
        try Data("{}".utf8).write(to: url)
        #expect(throws: LiveError.self) { try LivePopulation.read(from: url) }
    }

    @Test("its report counts what the service saw: requests, impressions, events, first impressions")
    func report() async throws {
        let service = FakeLiveService()
        let population = try await run(service, days: 4, settings())
        let report = LiveReport(population)
        let (requests, events) = await (service.requests, service.events)
        #expect(report.total.requests == requests.count && report.total.filledRequests == requests.count)
        #expect(report.total.searches == requests.count { $0.query != nil })
        #expect(report.total.impressions == requests.reduce(0) { $0 + $1.page.items.count })
        #expect(report.total.clicks == events.count { $0.event.action == .click })
        #expect(report.total.purchases == events.count { $0.event.action == .purchase })
        let clicked = Set(events.map(\.request))
        #expect(report.total.clickedRequests == clicked.count)
        #expect(report.days.map(\.day) == [0, 1, 2, 3] && report.days.allSatisfy { $0.active == 20 })
        #expect(report.total.arrived == 20 + report.days.dropLast().reduce(0) { $0 + $1.left })
        let young = requests.reduce(0) { sum, request in
            sum + request.page.items.count { id in (LiveCatalog.number(of: id) ?? 0) >= 100 }
        }
        #expect(abs(report.total.youngShare - Double(young) / Double(report.total.impressions)) < 1e-12 && young > 0)
        #expect(report.newItems.map(\.item) == ["item-100", "item-101", "item-102"])
        for (item, day) in zip(report.newItems, 1...) {
            let shown = requests.filter { $0.page.items.contains(ItemID(item.item)) }
            let first = try #require(shown.min { $0.time < $1.time })
            #expect(item.firstUser == first.user.rawValue && item.day == day)
            #expect(item.firstImpressionHours == Double(first.time - settings().time(ofDay: day)) / 3_600)
        }
        #expect(report.reach.map(\.items) == [3, 1, 0] && report.reach[0].shownShare == 1)
    }

    @Test("an arm's clicks are the sum of its people's; the true effect is what clicks tend to")
    func arms() async throws {
        let service = FakeLiveService()
        let population = try await run(service, days: 20, settings(users: 60))
        let told = LiveReportedEffect(arm: "odd", baseline: "even", effect: 0, low: -1, high: 1)
        let reported = LiveReportedTest(name: "halves", arms: ["even", "odd"], requests: 0, effects: [told])
        let report = LiveReport(population, reported: [reported])
        let test = try #require(report.abTests.first)
        let requests = await service.requests
        let clicked = Set(await service.events.map(\.request))
        for (arm, name) in zip(test.arms, ["even", "odd"]) {
            // Only a page with items is in a store.
            let own = requests.filter { $0.page.arms == ["halves": name] && !$0.page.items.isEmpty }
            #expect(arm.arm == name && arm.requests == own.count && arm.people == Set(own.map(\.user)).count)
            let rate = Double(own.count { clicked.contains($0.page.request) }) / Double(own.count)
            #expect(abs(arm.clickedRequestRate - rate) < 1e-12)
            // Independent draws: within four standard errors, for this seed.
            let error = (arm.expectedClickedRequestRate * (1 - arm.expectedClickedRequestRate) / Double(own.count))
                .squareRoot()
            #expect(abs(rate - arm.expectedClickedRequestRate) < 4 * error)
        }
        let effect = try #require(test.effects.first)
        let difference = test.arms[1].expectedClickedRequestRate - test.arms[0].expectedClickedRequestRate
        #expect(effect.trueEffect == difference && effect.covers == true && effect.reported == told)
        #expect(population.requestsByTest == ["halves": requests.count { !$0.page.items.isEmpty }])
        let total = report.total
        let error = (total.expectedClickRate / Double(total.impressions)).squareRoot()
        #expect(abs(total.clickRate - total.expectedClickRate) < 4 * error)
        #expect(total.ratio > 0.02 && total.ratio < 1 && total.bestClickRate > total.expectedClickRate)
    }

    @Test("a population that begins later finds the items of the days before")
    func beginsLater() async throws {
        let service = FakeLiveService()
        var population = try LivePopulation(settings(), firstDay: 5)
        try await LiveSimulation(service, rules: LiveRules()).run(&population, days: 2)
        let report = LiveReport(population)
        #expect(report.days.map(\.day) == [5, 6] && report.newItems.map(\.item) == ["item-104", "item-105"])
        #expect(await service.items.map(\.id.rawValue) == (0..<106).map { "item-\($0)" })
        let times = await service.requests.map(\.time)
        #expect(times.allSatisfy { (settings().time(ofDay: 5)..<settings().time(ofDay: 7)).contains($0) })
    }

    @Test("what the service keeps away is not on the best possible page")
    func rules() async throws {
        let open = LiveReport(try await run(FakeLiveService(), settings())).total
        var rules = LiveRules()
        rules.recommendation.blocked = Set((0..<50).map { ItemID("item-\($0)") })
        var population = try LivePopulation(settings())
        try await LiveSimulation(FakeLiveService(), rules: rules).run(&population, days: 3)
        let blocked = LiveReport(population).total
        #expect(blocked.bestClickRate < open.bestClickRate && blocked.expectedClickRate == open.expectedClickRate)
        rules.recommendation.seenActions = []
        var forgetful = try LivePopulation(settings())
        try await LiveSimulation(FakeLiveService(), rules: rules).run(&forgetful, days: 3)
        #expect(LiveReport(forgetful).total.bestClickRate > blocked.bestClickRate)
    }

    @Test("satisfied people come back more often")
    func satisfaction() {
        let (low, high) = (
            LiveParameters.returnProbability(satisfaction: 0), LiveParameters.returnProbability(satisfaction: 1)
        )
        #expect(abs(low - 0.7311) < 1e-4 && abs(high - 0.9820) < 1e-4)
    }

    @Test("a store that knows the day's events, and a page of another world, end it with what to do")
    func refuses() async throws {
        await #expect {
            try await run(FakeLiveService(knowsAll: true), settings())
        } throws: { "\($0)".contains("events of day 0") && "\($0)".contains("Restore the store") }
        for stranger in ["movie-1", "item-100000"] {
            await #expect {
                try await run(FakeLiveService(stranger: ItemID(stranger)), settings())
            } throws: { "\($0)".contains("'\(stranger)'") && "\($0)".contains("new store") }
        }
        #expect(throws: LiveError.self) { try LivePopulation(settings(users: 0)) }
    }
}
