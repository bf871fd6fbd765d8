// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles

/// What one person did on one day.
struct LivePersonDay: Sendable {
    /// One answered request.
    struct Page: Sendable {
        var arms: [String: String]
        var tally: LiveTally
    }

    var person: LivePerson
    var pages: [Page] = []
    /// Arms that the person was not in before.
    var newArms: [String: String] = [:]
    /// When new items were first shown to this person on this day.
    var firstImpressions: [Int: Int64] = [:]
    /// Whether the person comes back the day after.
    var returns = false
}

/// Lets a population use a service, day after day.
///
/// What people do depends on the seed and on the pages that they get, not on the order in which answers arrive: each
/// person, day and page has a random generator of its own.
public struct LiveSimulation: Sendable {
    /// How many people use the service at the same time.
    public static let concurrency = 8

    private let service: any LiveService
    private let rules: LiveRules

    /// Prepares a simulation.
    ///
    /// - Parameters:
    ///   - service: What answers.
    ///   - rules: What it may show.
    public init(_ service: any LiveService, rules: LiveRules) {
        self.service = service
        self.rules = rules
    }

    /// Lives some days.
    ///
    /// - Parameters:
    ///   - population: The people; unchanged by a day that fails.
    ///   - days: How many days.
    ///   - ended: Is given the population after each day, to report and to write it.
    /// - Throws: What the service throws, and ``LiveError`` for a store that does not fit.
    public func run(
        _ population: inout LivePopulation,
        days: Int,
        ended: (LivePopulation) async throws -> Void = { _ in }
    ) async throws {
        guard days > 0 else { return }
        let world = LiveWorld(population.settings, throughDay: population.nextDay + days - 1)
        for _ in 0..<days {
            var next = population
            try await live(&next, in: world)
            population = next
            try await ended(population)
        }
    }

    private func live(_ population: inout LivePopulation, in world: LiveWorld) async throws {
        let (day, catalog) = (population.nextDay, world.catalog)
        let arrived = population.fill(catalog)
        let count = catalog.count(onDay: day)
        let news = (population.knownItems..<count).map(catalog.record)
        if !news.isEmpty { try await service.add(news, at: population.settings.time(ofDay: day)) }
        population.knownItems = count
        let newItems = day == 0 ? 0 : population.settings.newItems
        population.end(try await lives(population.people, day, in: world), arrived: arrived, newItems: newItems)
    }

    /// What all people do on a day, in their order; some at the same time.
    private func lives(_ people: [LivePerson], _ day: Int, in world: LiveWorld) async throws -> [LivePersonDay] {
        try await withThrowingTaskGroup(of: (Int, LivePersonDay).self) { group in
            var lives = [LivePersonDay?](repeating: nil, count: people.count)
            var waiting = people.enumerated().makeIterator()
            func start() {
                guard let (index, person) = waiting.next() else { return }
                group.addTask { (index, try await life(of: person, day, in: world)) }
            }
            for _ in 0..<Self.concurrency { start() }
            while let (index, life) = try await group.next() {
                lives[index] = life
                start()
            }
            return lives.compactMap { $0 }
        }
    }

    private func life(of person: LivePerson, _ day: Int, in world: LiveWorld) async throws -> LivePersonDay {
        var life = LivePersonDay(person: person)
        if day > person.arrival { life.person.drift(to: day, in: world.catalog) }
        let visits = life.person.visits(onDay: day, in: world.catalog)
        for (number, visit) in visits.enumerated() {
            let answer = try await service.page(
                for: person.id,
                query: visit.query?.text,
                count: rules.pageSize,
                at: visit.time
            )
            let reader = LiveReader(world: world, rules: rules, day: day, number: number, visit: visit)
            let events = try reader.read(answer, &life)
            guard !events.isEmpty else { continue }
            let known = try await service.record(events, at: visit.time)
            guard known == 0 else { throw Self.known(day) }
        }
        let satisfaction = Double(life.pages.count { $0.tally.clicks > 0 }) / Double(visits.count)
        var generator = world.catalog.settings.generator(.departure, person.number, day)
        life.returns = generator.happens(LiveParameters.returnProbability(satisfaction: satisfaction))
        return life
    }

    private static func known(_ day: Int) -> LiveError {
        LiveError(
            .badData,
            "the store: found events of day \(day) of this population, expected none. Restore the store as it was before "
                + "that day, or begin with a new store or another --seed."
        )
    }
}
