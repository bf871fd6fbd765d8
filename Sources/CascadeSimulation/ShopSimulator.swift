// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import Foundation

/// The ground truth of the simulator `shop`: who clicks and buys what of the lists that a search shows, every probability known.
///
/// A click depends on how well the item answers the query, on the user's taste for its style in its department, on how far
/// its price lies from the user's budget, on its quality, the device and its place. Tastes in one department say nothing of
/// those in another and drift slowly; the budget is the same in all. So the part of a history that is of the query's
/// department tells the style, and all of it tells the price.
///
/// `Documentation/simulated-worlds.md` has the formulas. The world is the same for the same items and seed on every machine,
/// and ``init(of:)`` finds it again from a data set directory.
public struct ShopSimulator: Sendable, Equatable {
    /// The number of categories, in 8 departments.
    public static let categoryCount = ShopCatalog.categories.count

    /// What chance depends on.
    public let seed: UInt64
    let catalog: ShopCatalog
    let browsedEvents: Int  // before a request, at most

    /// Sets the parameters.
    ///
    /// - Parameters:
    ///   - items: The number of items, at least 400, so that a list can be filled.
    ///   - meanEvents: About how many events a user has before the last request.
    ///   - seed: What chance depends on.
    public init(items: Int, meanEvents: Int, seed: UInt64) {
        precondition(items >= 10 * Self.categoryCount, "a list needs ten items of each category")
        self.seed = seed
        catalog = ShopCatalog(items: items, seed: seed)
        let requests = Double(ShopParameters.requests.lowerBound + ShopParameters.requests.upperBound) / 2
        let browsed = (Double(meanEvents) - ShopParameters.searchEvents * (requests - 1)) / requests
        browsedEvents = max(0, Int((2 * browsed).rounded()))
    }

    /// Finds the parameters of a data set that the simulator `shop` wrote.
    ///
    /// - Throws: ``DatasetError`` `.badOption` when the data set comes from elsewhere.
    public init(of dataset: Dataset) throws {
        guard dataset.simulatorName == "shop", let items = dataset.simulatorNote("items").flatMap({ Int($0) }),
            let meanEvents = dataset.simulatorNote("mean-events").flatMap({ Int($0) }),
            let seed = dataset.simulatorNote("seed").flatMap({ UInt64($0) }), items >= 10 * Self.categoryCount
        else {
            throw DatasetError(
                .badOption,
                """
                \(dataset.url.path): its manifest has no parameters of the simulator 'shop', so its ground truth is unknown. Use \
                data of `cascade data simulate --simulator shop`.
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
        var isMet = [Bool](repeating: false, count: catalog.items.count)
        for user in 0..<users {
            let id = Self.userID(user)
            var visitor = ShopUser(self, user: user)
            builder.setUserFeature("age", [ShopParameters.ages[visitor.age]], for: id)
            builder.setUserFeature("gender", [ShopParameters.genders[visitor.gender]], for: id)
            while let session = visitor.next() {
                for (item, time) in session.browsed {
                    isMet[item] = true
                    builder.add(Event(user: id, item: Self.itemID(item), action: .view, time: time))
                }
                builder.add(request(session, of: id))
                for shown in session.impressions { isMet[shown.item] = true }
                for (item, action, time) in session.acted {
                    let item = Self.itemID(item)
                    builder.add(Event(user: id, item: item, action: action, time: time, query: session.query.text))
                }
            }
        }
        catalog.describe(isMet, in: &builder)
    }

    private func request(_ session: ShopSession, of user: UserID) -> SearchRequest {
        SearchRequest(
            user: user,
            query: session.query.text,
            time: session.time,
            shown: session.impressions.map { shown in
                SearchRequest.Shown(
                    Self.itemID(shown.item),
                    isClicked: shown.isClicked,
                    isPurchased: shown.isPurchased,
                    values: [Float(catalog.logPrice(shown.item)), Float(log(1 + Double(shown.look.place)))]
                )
            },
            context: ["device": [ShopParameters.devices[session.device]], "hour": ["\(session.time / 3_600 % 24)"]]
        )
    }

    static let (itemPrefix, userPrefix) = ("item-", "user-")

    static func itemID(_ item: Int) -> ItemID { ItemID("\(itemPrefix)\(item)") }
    static func userID(_ user: Int) -> UserID { UserID("\(userPrefix)\(user)") }
}
