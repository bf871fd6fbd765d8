// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation

/// A person before a page: what they click and buy, and what was to be expected.
struct LiveReader {
    let world: LiveWorld
    let rules: LiveRules
    let day: Int
    /// The page's number within the person's day.
    let number: Int
    let visit: LivePerson.Visit

    private var catalog: LiveCatalog { world.catalog }

    /// Reads a page: enters what came of it, and returns the events.
    ///
    /// - Throws: ``LiveError`` for an item that is not of this world.
    func read(_ page: LivePage, _ life: inout LivePersonDay) throws -> [LiveEvent] {
        let count = catalog.count(onDay: day)
        let items = try page.items.map { try number(of: $0, among: count) }
        let attractions = world.attractions(for: life.person, query: visit.query, among: count)
        var tally = tally(of: items, attractions, life.person)
        let events = react(to: items, of: page, attractions, &life.person, &tally)
        for (test, arm) in page.arms where life.person.arms[test] != arm {
            life.person.arms[test] = arm
            life.newArms[test] = arm
        }
        for item in items where catalog.isNew(item) && life.firstImpressions[item] == nil {
            life.firstImpressions[item] = visit.time
        }
        life.pages.append(.init(arms: page.arms, tally: tally))
        return events
    }

    private func number(of id: ItemID, among count: Int) throws -> Int {
        guard let item = LiveCatalog.number(of: id), item < count else {
            throw LiveError(
                .badData,
                "a page of the service: found the item '\(id)', which is not of this population's world; expected only items "
                    + "that the simulation added. Use a new store without a seed, and the same --items and --seed as before."
            )
        }
        return item
    }

    /// What the page and the best possible one are worth.
    private func tally(of items: [Int], _ attractions: [Double], _ person: LivePerson) -> LiveTally {
        let funnel = visit.query == nil ? rules.recommendation : rules.search
        let seen = Set(
            person.history.suffix(rules.historyEvents).filter { funnel.seenActions.contains($0.action) }.map(\.item)
        )
        let blocked = Set(funnel.blocked.compactMap(LiveCatalog.number))
        let best = LiveWorld.bestPage(of: rules.pageSize, attractions) { !seen.contains($0) && !blocked.contains($0) }
        let value = LiveWorld.value(of: items, attractions, attention: person.attention)
        var tally = LiveTally()
        tally.requests = 1
        tally.searches = visit.query == nil ? 0 : 1
        tally.filledRequests = items.isEmpty ? 0 : 1
        tally.impressions = items.count
        tally.expectedClicks = value.clicks
        tally.expectedClickedRequests = value.clicked
        tally.bestClicks = LiveWorld.value(of: best, attractions, attention: person.attention).clicks
        tally.bestImpressions = best.count
        let young = visit.time - LiveParameters.youngDays * LiveParameters.secondsPerDay
        tally.youngImpressions = items.count { catalog.created($0) > young }
        tally.categories = Set(items.map { catalog.shop.items[$0].category }).count
        return tally
    }

    /// Draws clicks and purchases: two numbers for every position, whatever comes of them.
    private func react(
        to items: [Int],
        of page: LivePage,
        _ attractions: [Double],
        _ person: inout LivePerson,
        _ tally: inout LiveTally
    ) -> [LiveEvent] {
        var generator = catalog.settings.generator(.page, person.number, day, number)
        var events: [LiveEvent] = []
        for (position, item) in items.enumerated() {
            let examination = LiveParameters.examination(at: position, attention: person.attention)
            let isClicked = generator.happens(examination * attractions[item])
            let isBought = generator.happens(world.purchaseProbability(of: item, by: person)) && isClicked
            guard isClicked else { continue }
            tally.clicks += 1
            let time = visit.time + LiveParameters.firstClick + Int64(position) * LiveParameters.clickStep
            person.history.append(.init(item: item, action: .click))
            events.append(event(.click, item, position, of: page, by: person, at: time))
            guard isBought else { continue }
            tally.purchases += 1
            person.history.append(.init(item: item, action: .purchase))
            events.append(
                event(.purchase, item, position, of: page, by: person, at: time + LiveParameters.purchaseDelay)
            )
        }
        tally.clickedRequests = tally.clicks > 0 ? 1 : 0
        return events
    }

    private func event(
        _ action: Action,
        _ item: Int,
        _ position: Int,
        of page: LivePage,
        by person: LivePerson,
        at time: Int64
    ) -> LiveEvent {
        // What was paid, in hundredths that a number of the store keeps.
        let price = (exp(catalog.shop.logPrice(item)) * 100).rounded() / 100
        return LiveEvent(
            id: "live-\(catalog.settings.seed)-\(person.number)-\(day)-\(number)-\(position)-\(action.name)",
            event: Event(
                user: person.id,
                item: ShopSimulator.itemID(item),
                action: action,
                time: time,
                query: visit.query?.text,
                value: action == .purchase ? price : nil
            ),
            request: page.request
        )
    }
}
