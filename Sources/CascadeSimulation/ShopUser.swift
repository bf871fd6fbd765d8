// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// One session of a user of the simulator `shop`: views, a search request, and clicks and purchases of its results.
struct ShopSession {
    struct Impression {
        let item: Int
        let look: ShopParameters.Look
        var isClicked = false
        var isPurchased = false
        /// Looked at though not clicked.
        var isPassedOver = false

        /// A click and then perhaps a purchase, or a view, or nothing.
        var actions: [Action] {
            guard isClicked else { return isPassedOver ? [.view] : [] }
            return isPurchased ? [.click, .purchase] : [.click]
        }
    }

    let browsed: [(item: Int, time: Int64)]
    let time: Int64
    let query: ShopQuery
    let device: Int
    let impressions: [Impression]
    /// What was done with the list, in its order.
    let acted: [(item: Int, action: Action, time: Int64)]
}

/// One user of the simulator `shop`, session after session.
struct ShopUser: IteratorProtocol {
    let age: Int
    let gender: Int
    private let catalog: ShopCatalog
    private let budget: Double
    private let favorites: [Int]  // categories
    private let browsing: Int  // events before a request at most; half as many in the mean
    private var left: Int  // sessions
    private var tastes: [Double] = []  // by department, then style
    private var time: Int64
    private var generator: SplitMix64

    init(_ simulator: ShopSimulator, user: Int) {
        var generator = SplitMix64(seed: SplitMix64.mix(simulator.seed, 1, UInt64(user)))
        catalog = simulator.catalog
        age = Int.random(in: ShopParameters.ages.indices, using: &generator)
        gender = Int.random(in: ShopParameters.genders.indices, using: &generator)
        budget =
            ShopParameters.budgetByAge * Double(age - ShopParameters.ages.count / 2) + ShopParameters.ownBudget
            * generator.normal()
        favorites = Self.drawFavorites(gender, &generator)
        browsing = simulator.browsedEvents
        left = Int.random(in: ShopParameters.requests, using: &generator)
        for _ in 0..<ShopCatalog.departments.count * ShopCatalog.styles.count { tastes.append(generator.normal()) }
        time = ShopParameters.firstTime + Int64.random(in: ShopParameters.arrivals, using: &generator)
        self.generator = generator
    }

    private static func drawFavorites(_ gender: Int, _ generator: inout SplitMix64) -> [Int] {
        let draw = WeightedDraw(
            ShopCatalog.categories.indices.map { category in
                let isFavored = ShopCatalog.department(ofCategory: category) / 2 % 2 == gender
                return isFavored ? ShopParameters.favoredWeight : 1
            }
        )
        var favorites: [Int] = []
        while favorites.count < ShopParameters.favoriteCount {
            let category = draw.draw(using: &generator)
            if !favorites.contains(category) { favorites.append(category) }
        }
        return favorites
    }

    mutating func next() -> ShopSession? {
        guard left > 0 else { return nil }
        left -= 1
        drift()
        time += Int64.random(in: ShopParameters.pause, using: &generator)
        let browsed = (0..<Int.random(in: 0...browsing, using: &generator)).map { _ in (browse(), step()) }
        time += Int64.random(in: ShopParameters.pause, using: &generator)
        let query = ask()
        let device = ShopParameters.deviceShares.draw(using: &generator)
        let requested = time
        let impressions = list(query).enumerated().map { place, item in decide(item, place, query, device) }
        let acted = impressions.flatMap { shown in
            shown.actions.map { action in (shown.item, action, step()) }
        }
        return ShopSession(
            browsed: browsed,
            time: requested,
            query: query,
            device: device,
            impressions: impressions,
            acted: acted
        )
    }

    /// The time of an event that follows.
    private mutating func step() -> Int64 {
        time += Int64.random(in: ShopParameters.step, using: &generator)
        return time
    }

    private mutating func drift() {
        let change = (1 - ShopParameters.tasteMemory * ShopParameters.tasteMemory).squareRoot()
        for taste in tastes.indices {
            tastes[taste] = ShopParameters.tasteMemory * tastes[taste] + change * generator.even()
        }
    }

    private func taste(_ department: Int, _ style: Int) -> Double {
        tastes[department * ShopCatalog.styles.count + style]
    }

    /// How an item looks to the user, whatever they ask.
    private func look(at item: Int) -> ShopParameters.Look {
        let found = catalog.items[item]
        return ShopParameters.Look(
            taste: taste(catalog.department(of: item), found.style),
            misfit: abs(found.price - budget),
            quality: found.quality
        )
    }

    /// One of a few items of a favorite category or its department, chosen by taste, price and quality.
    private mutating func browse() -> Int {
        let favorite = favorites[Int.random(in: favorites.indices, using: &generator)]
        let department = ShopCatalog.department(ofCategory: favorite)
        let category =
            generator.happens(ShopParameters.favoriteShare)
            ? favorite : Int.random(in: ShopCatalog.categories(ofDepartment: department), using: &generator)
        var items: [Int] = []
        for _ in 0..<ShopParameters.browsedChoices { items.append(catalog.draw(from: category, using: &generator)) }
        let choice = WeightedDraw(items.map { exp(ShopParameters.interest(look(at: $0))) })
        return items[choice.draw(using: &generator)]
    }

    private mutating func ask() -> ShopQuery {
        let isNeed = generator.happens(ShopParameters.needShare)
        let isFavorite = generator.happens(ShopParameters.favoriteShare)
        if isNeed {
            let liked = ShopCatalog.needs.filter { $0.categories.contains(where: favorites.contains) }
            let needs = isFavorite && !liked.isEmpty ? liked : ShopCatalog.needs
            return ShopQuery(needs[Int.random(in: needs.indices, using: &generator)])
        }
        let categories = isFavorite ? favorites : Array(ShopCatalog.categories.indices)
        let category = categories[Int.random(in: categories.indices, using: &generator)]
        guard ShopCatalog.namesStyles(category), generator.happens(ShopParameters.styledShare) else {
            return ShopQuery(category: category, using: &generator)
        }
        let department = ShopCatalog.department(ofCategory: category)
        let liked = WeightedDraw(ShopCatalog.styles.indices.map { exp(taste(department, $0)) })
        return ShopQuery(category: category, style: liked.draw(using: &generator), using: &generator)
    }

    /// What the shop shows, the best first.
    private mutating func list(_ query: ShopQuery) -> [Int] {
        var items: [Int] = []
        for slot in 0..<ShopParameters.askedCount {
            let style = slot.isMultiple(of: 2) ? query.style : nil
            items.append(draw(from: query.categories, style, besides: items))
        }
        let departments = query.categories.map(ShopCatalog.department(ofCategory:))
        for _ in 0..<ShopParameters.departmentCount {
            let department = departments[Int.random(in: departments.indices, using: &generator)]
            items.append(draw(from: Array(ShopCatalog.categories(ofDepartment: department)), nil, besides: items))
        }
        while items.count < ShopParameters.shownCount {
            items.append(draw(from: Array(ShopCatalog.categories.indices), nil, besides: items))
        }
        let ranked = items.map { (catalog.items[$0].quality + ShopParameters.orderNoise * generator.normal(), $0) }
        return ranked.sorted { ($0.0, $0.1) > ($1.0, $1.1) }.map(\.1)
    }

    /// An item of one of the categories that is not listed yet, of the style where one turns up in a few tries.
    private mutating func draw(from categories: [Int], _ style: Int?, besides listed: [Int]) -> Int {
        var tries = 0
        while true {
            let category = categories[Int.random(in: categories.indices, using: &generator)]
            let item = catalog.draw(from: category, using: &generator)
            tries += 1
            guard !listed.contains(item) else { continue }
            if style == nil || catalog.items[item].style == style || tries > 30 { return item }
        }
    }

    private mutating func decide(_ item: Int, _ place: Int, _ query: ShopQuery, _ device: Int) -> ShopSession.Impression
    {
        var look = look(at: item)
        look.relevance = query.relevance(of: catalog.items[item])
        look.deviceEffect = ShopParameters.deviceEffects[device]
        look.place = place
        var shown = ShopSession.Impression(item: item, look: look)
        shown.isClicked = generator.happens(ShopParameters.clickProbability(look))
        shown.isPurchased = shown.isClicked && generator.happens(ShopParameters.purchaseProbability(look))
        shown.isPassedOver = !shown.isClicked && generator.happens(ShopParameters.passedOverShare)
        return shown
    }
}
