// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// One visit of a user of the world `shop`: what they looked at beforehand, the request, and what they made of the list.
struct ShopVisit {
    struct Shown {
        let item: Int
        let look: ShopLaw.Look
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
    let shown: [Shown]
    /// What was done with the list, in its order.
    let acted: [(item: Int, action: Action, time: Int64)]
}

/// What one user of the world `shop` does, visit after visit.
struct ShopJourney: IteratorProtocol {
    let age: Int
    let gender: Int
    private let catalogue: ShopCatalogue
    private let budget: Double
    private let favourites: [Int]  // categories
    private let browsing: Int  // events before a request at most; half as many in the mean
    private var left: Int  // visits
    private var tastes: [Double] = []  // by department, then style
    private var time: Int64
    private var generator: SplitMix64

    init(_ world: ShopWorld, user: Int) {
        var generator = SplitMix64(seed: SplitMix64.mix(world.seed, 1, UInt64(user)))
        catalogue = world.catalogue
        age = Int.random(in: ShopLaw.ages.indices, using: &generator)
        gender = Int.random(in: ShopLaw.genders.indices, using: &generator)
        budget =
            ShopLaw.budgetByAge * Double(age - ShopLaw.ages.count / 2) + ShopLaw.ownBudget * generator.normal()
        favourites = Self.drawFavourites(gender, &generator)
        browsing = world.browsedEvents
        left = Int.random(in: ShopLaw.requests, using: &generator)
        for _ in 0..<ShopCatalogue.departments.count * ShopCatalogue.styles.count { tastes.append(generator.normal()) }
        time = ShopLaw.firstTime + Int64.random(in: ShopLaw.arrivals, using: &generator)
        self.generator = generator
    }

    private static func drawFavourites(_ gender: Int, _ generator: inout SplitMix64) -> [Int] {
        let draw = WeightedDraw(
            ShopCatalogue.categories.indices.map { category in
                let isFavoured = ShopCatalogue.department(ofCategory: category) / 2 % 2 == gender
                return isFavoured ? ShopLaw.favouredWeight : 1
            }
        )
        var favourites: [Int] = []
        while favourites.count < ShopLaw.favouriteCount {
            let category = draw.draw(using: &generator)
            if !favourites.contains(category) { favourites.append(category) }
        }
        return favourites
    }

    mutating func next() -> ShopVisit? {
        guard left > 0 else { return nil }
        left -= 1
        drift()
        time += Int64.random(in: ShopLaw.pause, using: &generator)
        let browsed = (0..<Int.random(in: 0...browsing, using: &generator)).map { _ in (browse(), step()) }
        time += Int64.random(in: ShopLaw.pause, using: &generator)
        let query = ask()
        let device = ShopLaw.deviceShares.draw(using: &generator)
        let asked = time
        let shown = list(query).enumerated().map { place, item in decide(item, place, query, device) }
        let acted = shown.flatMap { shown in
            shown.actions.map { action in (shown.item, action, step()) }
        }
        return ShopVisit(browsed: browsed, time: asked, query: query, device: device, shown: shown, acted: acted)
    }

    /// The time of an event that follows.
    private mutating func step() -> Int64 {
        time += Int64.random(in: ShopLaw.step, using: &generator)
        return time
    }

    private mutating func drift() {
        let change = (1 - ShopLaw.tasteMemory * ShopLaw.tasteMemory).squareRoot()
        for taste in tastes.indices {
            tastes[taste] = ShopLaw.tasteMemory * tastes[taste] + change * generator.even()
        }
    }

    private func taste(_ department: Int, _ style: Int) -> Double {
        tastes[department * ShopCatalogue.styles.count + style]
    }

    /// How an item looks to the user, whatever they ask.
    private func look(at item: Int) -> ShopLaw.Look {
        let found = catalogue.items[item]
        return ShopLaw.Look(
            taste: taste(catalogue.department(of: item), found.style),
            misfit: abs(found.price - budget),
            quality: found.quality
        )
    }

    /// One of a few items of a favourite category or its department, chosen by taste, price and quality.
    private mutating func browse() -> Int {
        let favourite = favourites[Int.random(in: favourites.indices, using: &generator)]
        let department = ShopCatalogue.department(ofCategory: favourite)
        let category =
            generator.happens(ShopLaw.favouriteShare)
            ? favourite : Int.random(in: ShopCatalogue.categories(ofDepartment: department), using: &generator)
        var items: [Int] = []
        for _ in 0..<ShopLaw.browsedChoices { items.append(catalogue.draw(from: category, using: &generator)) }
        let choice = WeightedDraw(items.map { exp(ShopLaw.interest(look(at: $0))) })
        return items[choice.draw(using: &generator)]
    }

    private mutating func ask() -> ShopQuery {
        let isNeed = generator.happens(ShopLaw.needShare)
        let isFavourite = generator.happens(ShopLaw.favouriteShare)
        if isNeed {
            let liked = ShopCatalogue.needs.filter { $0.categories.contains(where: favourites.contains) }
            let needs = isFavourite && !liked.isEmpty ? liked : ShopCatalogue.needs
            return ShopQuery(needs[Int.random(in: needs.indices, using: &generator)])
        }
        let categories = isFavourite ? favourites : Array(ShopCatalogue.categories.indices)
        let category = categories[Int.random(in: categories.indices, using: &generator)]
        guard ShopCatalogue.namesStyles(category), generator.happens(ShopLaw.styledShare) else {
            return ShopQuery(category: category, using: &generator)
        }
        let department = ShopCatalogue.department(ofCategory: category)
        let liked = WeightedDraw(ShopCatalogue.styles.indices.map { exp(taste(department, $0)) })
        return ShopQuery(category: category, style: liked.draw(using: &generator), using: &generator)
    }

    /// What the shop shows, the best first.
    private mutating func list(_ query: ShopQuery) -> [Int] {
        var items: [Int] = []
        for slot in 0..<ShopLaw.askedCount {
            let style = slot.isMultiple(of: 2) ? query.style : nil
            items.append(draw(from: query.categories, style, besides: items))
        }
        let departments = query.categories.map(ShopCatalogue.department(ofCategory:))
        for _ in 0..<ShopLaw.departmentCount {
            let department = departments[Int.random(in: departments.indices, using: &generator)]
            items.append(draw(from: Array(ShopCatalogue.categories(ofDepartment: department)), nil, besides: items))
        }
        while items.count < ShopLaw.shownCount {
            items.append(draw(from: Array(ShopCatalogue.categories.indices), nil, besides: items))
        }
        let ranked = items.map { (catalogue.items[$0].quality + ShopLaw.orderNoise * generator.normal(), $0) }
        return ranked.sorted { ($0.0, $0.1) > ($1.0, $1.1) }.map(\.1)
    }

    /// An item of one of the categories that is not listed yet, of the style where one turns up in a few tries.
    private mutating func draw(from categories: [Int], _ style: Int?, besides listed: [Int]) -> Int {
        var tries = 0
        while true {
            let category = categories[Int.random(in: categories.indices, using: &generator)]
            let item = catalogue.draw(from: category, using: &generator)
            tries += 1
            guard !listed.contains(item) else { continue }
            if style == nil || catalogue.items[item].style == style || tries > 30 { return item }
        }
    }

    private mutating func decide(_ item: Int, _ place: Int, _ query: ShopQuery, _ device: Int) -> ShopVisit.Shown {
        var look = look(at: item)
        look.relevance = query.relevance(of: catalogue.items[item])
        look.deviceEffect = ShopLaw.deviceEffects[device]
        look.place = place
        var shown = ShopVisit.Shown(item: item, look: look)
        shown.isClicked = generator.happens(ShopLaw.clickProbability(look))
        shown.isPurchased = shown.isClicked && generator.happens(ShopLaw.purchaseProbability(look))
        shown.isPassedOver = !shown.isClicked && generator.happens(ShopLaw.passedOverShare)
        return shown
    }
}
