// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// One person of a live population, with what is kept of them from day to day.
struct LivePerson: Sendable, Equatable, Codable {
    /// A category that the person likes.
    struct Interest: Sendable, Equatable, Codable {
        var category: Int
        var weight: Double
    }

    /// Something that the person did.
    struct Act: Sendable, Equatable, Codable {
        var item: Int
        var action: Action
    }

    /// A page that the person asks for.
    struct Visit: Sendable {
        var time: Int64
        /// What is searched for; nil for a page of recommendations.
        var query: ShopQuery?
    }

    let number: Int
    /// The first day.
    let arrival: Int
    /// The logit of a click on an item that the taste says nothing about.
    let base: Double
    /// How fast examination falls with the position.
    let attention: Double
    /// The logit of a purchase, given a click.
    let purchaseBase: Double
    /// The probability that a session begins with a search.
    let searchShare: Double
    private(set) var interests: [Interest]
    /// What no interest explains of the taste.
    private(set) var whim: [Double]
    /// All clicks and purchases, oldest first.
    var history: [Act] = []
    /// The arm of each A/B test, as the last page said.
    var arms: [String: String] = [:]

    var id: UserID { ShopSimulator.userID(number) }

    init(_ number: Int, arrivingOn day: Int, in catalog: LiveCatalog) {
        var generator = catalog.settings.generator(.traits, number)
        self.number = number
        arrival = day
        base = LiveParameters.baseLogit + LiveParameters.baseSpread * generator.normal()
        attention = Double.random(in: LiveParameters.attention, using: &generator)
        purchaseBase = LiveParameters.purchaseLogit + LiveParameters.purchaseSpread * generator.normal()
        searchShare = Double.random(in: LiveParameters.searchShare, using: &generator)
        interests = []
        whim = LiveCatalog.vector(&generator)
        for _ in 0..<Int.random(in: LiveParameters.interestCount, using: &generator) {
            interests.append(newInterest(catalog, &generator))
        }
    }

    /// A category that the person does not like yet, by popularity.
    private func newInterest(_ catalog: LiveCatalog, _ generator: inout SplitMix64) -> Interest {
        var category = catalog.categories.draw(using: &generator)
        while interests.contains(where: { $0.category == category }) {
            category = catalog.categories.draw(using: &generator)
        }
        return Interest(category: category, weight: Double.random(in: LiveParameters.interestWeight, using: &generator))
    }

    /// The taste changes a little from the day before.
    mutating func drift(to day: Int, in catalog: LiveCatalog) {
        var generator = catalog.settings.generator(.drift, number, day)
        let change = (1 - LiveParameters.whimMemory * LiveParameters.whimMemory).squareRoot()
        for (index, news) in LiveCatalog.vector(&generator).enumerated() {
            whim[index] = LiveParameters.whimMemory * whim[index] + change * news
        }
        for index in interests.indices {
            interests[index].weight *= exp(LiveParameters.weightStep * generator.normal())
            if generator.happens(LiveParameters.interestChange) {
                interests[index] = newInterest(catalog, &generator)
            }
        }
    }

    /// The taste: the weight of quality, and then a vector of length 1 between the interests.
    func taste(in catalog: LiveCatalog) -> [Double] {
        var vector = whim.map { LiveParameters.whimWeight * $0 }
        for interest in interests {
            for (index, value) in catalog.categoryVectors[interest.category].enumerated() {
                vector[index] += interest.weight * value
            }
        }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return [LiveParameters.qualityWeight] + vector.map { $0 / length }
    }

    /// The pages that the person asks for on a day, whatever comes of them.
    func visits(onDay day: Int, in catalog: LiveCatalog) -> [Visit] {
        var generator = catalog.settings.generator(.plan, number, day)
        var starts = [Int64.random(in: LiveParameters.sessionStart, using: &generator)]
        if generator.happens(LiveParameters.secondSession) {
            starts.append(Int64.random(in: LiveParameters.sessionStart, using: &generator))
        }
        var visits: [Visit] = []
        var time: Int64 = 0
        for start in starts.sorted() {
            time = visits.isEmpty ? start : max(start, time + LiveParameters.sessionPause)
            let begin = catalog.settings.time(ofDay: day)
            let query = generator.happens(searchShare) ? query(in: catalog, &generator) : nil
            visits.append(Visit(time: begin + time, query: query))
            for _ in 1..<LiveParameters.mostPages where generator.happens(LiveParameters.nextPage) {
                time += Int64.random(in: LiveParameters.pagePause, using: &generator)
                visits.append(Visit(time: begin + time, query: nil))
            }
        }
        return visits
    }

    /// The words of a category that the person likes, or of a title there.
    private func query(in catalog: LiveCatalog, _ generator: inout SplitMix64) -> ShopQuery {
        let category = interests[WeightedDraw(interests.map(\.weight)).draw(using: &generator)].category
        guard generator.happens(LiveParameters.titleShare) else {
            return ShopQuery(category: category, using: &generator)
        }
        let style = Int.random(in: ShopCatalog.styles.indices, using: &generator)
        return ShopQuery(category: category, style: style, using: &generator)
    }
}
