// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeSimulation

@Suite("The world 'shop'")
struct ShopSimulatorTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private static let patience = 4.0  // standard errors; a fixed seed, so this asks for agreement once, not each time

    private func simulate(
        _ name: String = "data",
        users: Int = 300,
        items: Int = 1_200,
        seed: UInt64 = 5
    ) throws -> Dataset {
        var world = try Simulator.named("shop")
        (world.users, world.items, world.seed) = (users, items, seed)
        return try world.write(to: folder.file(name))
    }

    private func ideal(
        _ data: Dataset,
        _ knowledge: ShopSimulator.Knowledge = .everything
    ) throws -> ShopSimulator.IdealScores {
        let count = try #require(data.requests).count
        return try ShopSimulator(of: data).idealScores(in: data, requests: 0..<count, knowing: knowledge)
    }

    @Test("is the same for the same seed and another for another")
    func isDeterministic() throws {
        let data = try [5, 5, 6].enumerated().map { place, seed in
            try simulate("\(place)", users: 20, items: 400, seed: seed)
        }
        #expect(data[0].manifest.contentHash == data[1].manifest.contentHash)
        #expect(data[0].manifest.contentHash != data[2].manifest.contentHash)
        #expect(try ShopSimulator(of: data[0]) == ShopSimulator(items: 400, meanEvents: 60, seed: 5))
    }

    @Test("is the one that was published: a change of the law must be meant")
    func isStable() throws {
        let data = try simulate(users: 20, items: 400, seed: 1)
        let table = try #require(data.requests)
        #expect(table.count == 284 && data.eventCount == 1_421)
        #expect(data.events(with: .view) == 833 && data.events(with: .purchase) == 113)
        #expect(data.queryText(Int(table.queries[0])) == "video cameras")
        #expect(data.itemID(ItemIndex(Int(table.items[0]))) == "item-34" && table.features[0][0] == 4.6393943)
    }

    @Test("has the shape that its documentation states")
    func hasShape() throws {
        let data = try simulate()
        let table = try #require(data.requests)
        #expect(data.userCount == 300 && table.featureNames == ["price", "rank"])
        var (before, perUser) = ([Int32: Int](), [Int32: Int]())
        for request in 0..<table.count {
            let user = table.users[request]
            perUser[user, default: 0] += 1
            before[user] = Int(table.ends[request] - data.offsets[Int(user)])
            let shown = table.shown(request)
            #expect(shown.count == 12 && Set(shown.map { table.items[$0] }).count == 12)
            #expect(shown.allSatisfy { table.isClicked($0) || !table.isPurchased($0) })
            #expect(table.features[1][shown.lowerBound] == 0)
            #expect(table.features[1][shown.upperBound - 1] == Float(log(12.0)))
        }
        #expect(perUser.values.allSatisfy { (8...16).contains($0) })
        #expect((55...65).contains(Double(before.values.reduce(0, +)) / 300))
        let places = 0..<table.items.count
        let (clicks, purchases) = (places.count(where: table.isClicked), places.count(where: table.isPurchased))
        #expect((0.13...0.18).contains(Double(clicks) / Double(places.count)))
        #expect((0.2...0.28).contains(Double(purchases) / Double(clicks)))
        #expect(data.events(with: .click) == clicks && data.events(with: .purchase) == purchases)

        #expect(data.itemFeature("category")?.vocabulary.count == 40)
        #expect(data.itemFeature("department")?.vocabulary.count == 8)
        #expect(data.itemFeature("style")?.vocabulary.count == 6)
        #expect(data.itemFeature("price")?.vocabulary.count == 10)
        #expect(data.requestFeature("device")?.vocabulary.count == 3)
        #expect(data.requestFeature("hour")?.vocabulary.count == 24)
        let item = try data.itemIndex("item-41")  // the second of the second category
        let style = try #require(data.itemFeature("style")?.values(of: item.rawValue).first)
        #expect(data.title(item) == "\(style) hiking boot 2")
    }

    @Test("queries are written in many ways, and not too many")
    func queriesVary() throws {
        let data = try simulate(items: 400)
        let texts = Set((0..<data.manifest.queries).map(data.queryText))
        #expect((150...300).contains(texts.count))
        #expect(
            texts.isSuperset(of: [
                "running shoe", "running shoes", "running sohe", "summer dresses", "dmubbell", "hiking boto",
                "crimson sandal", "sandal crimson", "something for the gym",
            ])
        )
    }

    @Test("a history ends before its request, and what the request led to comes after")
    func historiesEndBefore() throws {
        let data = try simulate()
        let table = try #require(data.requests)
        for request in 0..<table.count {
            let events = data.events(of: UserIndex(Int(table.users[request])))
            let end = Int(table.ends[request])
            if end > events.lowerBound { #expect(data.times[end - 1] < table.times[request]) }
            let chosen = table.shown(request).filter(table.isClicked).map { table.items[$0] }
            guard !chosen.isEmpty else { continue }
            let query = data.queryText(Int(table.queries[request]))
            let isLast = request + 1 == table.count || table.users[request + 1] != table.users[request]
            let next = isLast ? events.upperBound : Int(table.ends[request + 1])
            let followed = (end..<next).prefix { data.query(at: $0) == query }
            let clicked = followed.filter { data.actions[$0] == Action.click.rawValue }.map { data.items[$0] }
            #expect(clicked == chosen && data.times[end] > table.times[request])
        }
    }

    @Test("clicks and purchases are as frequent as their probabilities say, in every tenth of them")
    func isCalibrated() throws {
        let scores = try ideal(simulate())
        for (name, probabilities, labels) in [
            ("click", scores.clicks, scores.isClicked), ("purchase", scores.purchases, scores.isPurchased),
        ] {
            let order = probabilities.indices.sorted { probabilities[$0] < probabilities[$1] }
            for tenth in 0..<10 {
                let members = order[order.count * tenth / 10..<order.count * (tenth + 1) / 10]
                let expected = members.reduce(0) { $0 + Double(probabilities[$1]) }
                let variance = members.reduce(0) { $0 + Double(probabilities[$1]) * (1 - Double(probabilities[$1])) }
                let deviation = (Double(members.count { labels[$0] }) - expected) / variance.squareRoot()
                #expect(abs(deviation) < Self.patience, "\(name), tenth \(tenth)")
            }
        }
    }

    @Test("the truth beats popularity and relevance by far, taste is worth much and the budget something")
    func truthIsBest() throws {
        let data = try simulate(users: 200)
        func area(_ scores: [Float], _ labels: [Bool]) throws -> Double {
            try #require(try areaUnderCurve(scores: scores, labels: labels))
        }
        func clicks(_ knowledge: ShopSimulator.Knowledge) throws -> Double {
            let scores = try ideal(data, knowledge)
            return try area(scores.clicks, scores.isClicked)
        }
        let scores = try ideal(data)
        let best = try area(scores.clicks, scores.isClicked)
        #expect((0.8...0.86).contains(best))
        #expect(try area(scores.purchases, scores.isPurchased) > best)
        let within = try GroupedAreaUnderCurve(scores: scores.clicks, labels: scores.isClicked, groups: scores.requests)
        #expect(try #require(within.weighted) > 0.78)

        let table = try #require(data.requests)
        var popularity = [Float](repeating: 0, count: data.itemCount)
        for row in 0..<data.eventCount { popularity[Int(data.items[row])] += 1 }
        let popular = try area((0..<table.items.count).map { popularity[Int(table.items[$0])] }, scores.isClicked)
        #expect(popular > 0.5 && best > popular + 0.15)
        #expect(try best > clicks(.relevance) + 0.15)
        #expect(try best > clicks([.relevance, .budget, .circumstances]) + 0.06)
        #expect(try best > clicks([.relevance, .taste, .circumstances]) + 0.015)
        #expect(scores.purchases.indices.allSatisfy { scores.purchases[$0] <= scores.clicks[$0] })
    }

    /// Clicks on shown items that are alike to an earlier click in some way, and on those that are not.
    private struct Contrast {
        var alike = (clicks: 0.0, count: 0.0)
        var unlike = (clicks: 0.0, count: 0.0)

        mutating func add(isAlike: Bool, isClicked: Bool) {
            if isAlike {
                alike = (alike.clicks + (isClicked ? 1 : 0), alike.count + 1)
            } else {
                unlike = (unlike.clicks + (isClicked ? 1 : 0), unlike.count + 1)
            }
        }

        /// The difference of the two shares, in standard errors.
        var deviation: Double {
            let share = (alike.clicks + unlike.clicks) / (alike.count + unlike.count)
            let variance = share * (1 - share) * (1 / alike.count + 1 / unlike.count)
            return (alike.clicks / alike.count - unlike.clicks / unlike.count) / variance.squareRoot()
        }
    }

    @Test("the style of a clicked item tells of clicks in its department and of no others, its price of all")
    func tastesAreOfDepartments() throws {
        let data = try simulate(users: 500)
        let table = try #require(data.requests)
        func values(_ name: String) throws -> [String] {
            let feature = try #require(data.itemFeature(name))
            return try (0..<data.itemCount).map { try #require(feature.values(of: $0).first) }
        }
        let (departments, styles) = (try values("department"), try values("style"))
        let prices = try values("price").map { Int($0.dropFirst("price-".count)) ?? 0 }
        var (inside, outside, price) = (Contrast(), Contrast(), Contrast())
        for request in 0..<table.count {
            let events = data.events(of: UserIndex(Int(table.users[request]))).lowerBound..<Int(table.ends[request])
            let clicked = events.filter { data.actions[$0] == Action.click.rawValue }.map { Int(data.items[$0]) }
            for place in table.shown(request) {
                let item = Int(table.items[place])
                if let other = clicked.last(where: { departments[$0] == departments[item] }) {
                    inside.add(isAlike: styles[other] == styles[item], isClicked: table.isClicked(place))
                }
                if let other = clicked.last(where: { departments[$0] != departments[item] }) {
                    outside.add(isAlike: styles[other] == styles[item], isClicked: table.isClicked(place))
                    let distance = abs(prices[other] - prices[item])
                    guard distance <= 2 || distance >= 6 else { continue }
                    price.add(isAlike: distance <= 2, isClicked: table.isClicked(place))
                }
            }
        }
        #expect(inside.deviation > 15)
        #expect(abs(outside.deviation) < Self.patience)
        #expect(price.deviation > 8)
    }

    @Test("age tells a little of the budget, and gender of the departments")
    func usersAreDescribed() throws {
        let data = try simulate(users: 500)
        let (ages, genders) = (try #require(data.userFeature("age")), try #require(data.userFeature("gender")))
        let prices = try #require(data.itemFeature("price"))
        let departments = try #require(data.itemFeature("department"))
        var price: [String: (sum: Double, count: Double)] = [:]
        var favored: [String: (inside: Double, count: Double)] = [:]
        for user in 0..<data.userCount {
            let (age, gender) = (ages.values(of: user)[0], genders.values(of: user)[0])
            for row in data.events(of: UserIndex(user)) {
                let item = Int(data.items[row])
                let (old, before) = (price[age] ?? (0, 0), favored[gender] ?? (0, 0))
                price[age] = (old.sum + (Double(prices.values(of: item)[0].dropFirst(6)) ?? 0), old.count + 1)
                let isInside = ["shoes", "clothing", "living", "garden"].contains(departments.values(of: item)[0])
                favored[gender] = (before.inside + (isInside ? 1 : 0), before.count + 1)
            }
        }
        #expect(Set(price.keys) == ["18-24", "25-34", "35-44", "45-54", "55+"])
        let (young, old) = (try #require(price["18-24"]), try #require(price["55+"]))
        #expect((0.4...2.5).contains(old.sum / old.count - young.sum / young.count))
        let (first, second) = (try #require(favored["female"]), try #require(favored["male"]))
        #expect((0.1...0.4).contains(first.inside / first.count - second.inside / second.count))
    }

    @Test("the truth is found in filtered data too, and refused of what another world made")
    func truthBelongsToItsData() throws {
        var world = try Simulator.named("shop")
        (world.users, world.items) = (60, 400)
        let filtered = try world.write(to: folder.file("filtered"), minUserEvents: 60, minItemEvents: 15)
        let table = try #require(filtered.requests)
        #expect((1..<60).contains(filtered.userCount) && (1..<400).contains(filtered.itemCount))
        #expect(try ideal(filtered).clicks.count == table.items.count)

        let other = ShopSimulator(items: 400, meanEvents: 60, seed: 2)
        let drift = try Simulator.named("drift").write(to: folder.file("drift"))
        for act in [
            { _ = try other.idealScores(in: filtered, requests: [0]) },
            { _ = try other.idealScores(in: drift, requests: [0]) },
            { _ = try ShopSimulator(of: drift) },
        ] {
            let error = #expect(throws: DatasetError.self, performing: act)
            #expect(error?.reason == .badOption && error?.description.contains("shop") == true)
        }
    }

    @Test("works at the smallest size, browses as much as is asked, and refuses parameters that make no sense")
    func checksParameters() throws {
        #expect(try simulate("small", users: 1, items: 400).requests?.count ?? 0 >= 8)
        var world = try Simulator.named("shop")
        (world.users, world.items, world.meanEvents) = (40, 400, 300)
        let longer = try world.write(to: folder.file("long"))
        #expect((270...330).contains(longer.eventCount / 40))
        world.meanEvents = 2
        #expect((30...55).contains(try world.write(to: folder.file("short")).eventCount / 40))
        for (items, categories) in [(399, 40), (400, 20)] {
            (world.items, world.categories) = (items, categories)
            let error = #expect(throws: DatasetError.self) { _ = try world.write(to: folder.file("bad")) }
            #expect(error?.reason == .badOption && error?.description.contains("40") == true)
        }
        #expect(throws: DatasetError.self) { _ = try world.writeUserBehavior(to: folder.file("bad")) }
    }
}

extension Dataset {
    /// How many events have an action.
    fileprivate func events(with action: Action) -> Int { (0..<eventCount).count { actions[$0] == action.rawValue } }
}
