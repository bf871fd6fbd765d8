// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import Foundation

/// The planted law of the world `shop`: who clicks and buys what of the lists that a search shows, every probability known.
///
/// A click depends on how well the item answers the query, on the user's taste for its style in its department, on how far
/// its price lies from the user's budget, on its quality, the device and its place. Tastes in one department say nothing of
/// those in another and drift slowly; the budget is the same in all. So the part of a history that is of the query's
/// department tells the style, and all of it tells the price.
///
/// `Documentation/simulated-worlds.md` has the formulas. The world is the same for the same items and seed on every machine,
/// and ``init(of:)`` finds it again from a data set directory.
public struct ShopWorld: Sendable, Equatable {
    /// The number of categories, in 8 departments.
    public static let categoryCount = ShopCatalogue.categories.count

    /// What chance depends on.
    public let seed: UInt64
    let catalogue: ShopCatalogue
    let browsedEvents: Int  // before a request, at most

    /// Plants the law.
    ///
    /// - Parameters:
    ///   - items: The number of items, at least 400, so that a list can be filled.
    ///   - meanEvents: About how many events a user has before the last request.
    ///   - seed: What chance depends on.
    public init(items: Int, meanEvents: Int, seed: UInt64) {
        precondition(items >= 10 * Self.categoryCount, "a list needs ten items of each category")
        self.seed = seed
        catalogue = ShopCatalogue(items: items, seed: seed)
        let requests = Double(ShopLaw.requests.lowerBound + ShopLaw.requests.upperBound) / 2
        let browsed = (Double(meanEvents) - ShopLaw.searchEvents * (requests - 1)) / requests
        browsedEvents = max(0, Int((2 * browsed).rounded()))
    }

    /// Finds the law of a data set that the world `shop` wrote.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the data set comes from elsewhere.
    public init(of dataset: Dataset) throws {
        let notes = dataset.manifest.provenance
        guard notes["world"] == "shop", let items = notes["world.items"].flatMap({ Int($0) }),
            let meanEvents = notes["world.mean-events"].flatMap({ Int($0) }),
            let seed = notes["world.seed"].flatMap({ UInt64($0) }), items >= 10 * Self.categoryCount
        else {
            throw DatasetError(
                .badOption,
                """
                \(dataset.url.path): its manifest has no parameters of the world 'shop', so what is true of it is not known. Use \
                data of `cascade data simulate --world shop`.
                """
            )
        }
        self.init(items: items, meanEvents: meanEvents, seed: seed)
    }

    /// Adds the requests and events of all users, and what is known of users and items.
    ///
    /// After a request come, in the order of the list: a click for each chosen item, then a purchase if it was bought, and a
    /// view of some of those that were not chosen; all with the query. Views without one are of browsing.
    func run(users: Int, into builder: inout DatasetBuilder) {
        builder.shownFeatures = ["price", "rank"]
        var isMet = [Bool](repeating: false, count: catalogue.items.count)
        for user in 0..<users {
            let id = Self.userID(user)
            var journey = ShopJourney(self, user: user)
            builder.setUserFeature("age", [ShopLaw.ages[journey.age]], for: id)
            builder.setUserFeature("gender", [ShopLaw.genders[journey.gender]], for: id)
            while let visit = journey.next() {
                for (item, time) in visit.browsed {
                    isMet[item] = true
                    builder.add(Event(user: id, item: Self.itemID(item), action: .view, time: time))
                }
                builder.add(request(visit, of: id))
                for shown in visit.shown { isMet[shown.item] = true }
                for (item, action, time) in visit.acted {
                    let item = Self.itemID(item)
                    builder.add(Event(user: id, item: item, action: action, time: time, query: visit.query.text))
                }
            }
        }
        catalogue.describe(isMet, in: &builder)
    }

    private func request(_ visit: ShopVisit, of user: UserID) -> SearchRequest {
        SearchRequest(
            user: user,
            query: visit.query.text,
            time: visit.time,
            shown: visit.shown.map { shown in
                SearchRequest.Shown(
                    Self.itemID(shown.item),
                    isClicked: shown.isClicked,
                    isPurchased: shown.isPurchased,
                    values: [Float(catalogue.logPrice(shown.item)), Float(log(1 + Double(shown.look.place)))]
                )
            },
            context: ["device": [ShopLaw.devices[visit.device]], "hour": ["\(visit.time / 3_600 % 24)"]]
        )
    }

    static let (itemPrefix, userPrefix) = ("item-", "user-")

    static func itemID(_ item: Int) -> ItemID { ItemID("\(itemPrefix)\(item)") }
    static func userID(_ user: Int) -> UserID { UserID("\(userPrefix)\(user)") }
}
