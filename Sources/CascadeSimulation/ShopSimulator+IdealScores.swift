// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeTensorFiles
import Foundation

extension ShopSimulator {
    /// What a click depends on, as far as one can know it.
    public struct Knowledge: OptionSet, Sendable {
        /// One bit for each cause.
        public let rawValue: Int

        /// Creates a set of causes.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// How well an item answers the query.
        public static let relevance = Knowledge(rawValue: 1)
        /// The user's taste for the item's style: told by what they did in the query's department.
        public static let taste = Knowledge(rawValue: 2)
        /// How far the item's price is from the user's budget: told by all that they did.
        public static let budget = Knowledge(rawValue: 4)
        /// The item's quality, the device and the place in the list.
        public static let circumstances = Knowledge(rawValue: 8)
        /// All of these.
        public static let everything: Knowledge = [.relevance, .taste, .budget, .circumstances]
    }

    /// The true probabilities of shown items, and what came of them: one of each for every shown item.
    public struct IdealScores: Sendable, Equatable {
        /// The probability of a click.
        public internal(set) var clicks: [Float] = []
        /// The probability of a purchase, before it is known whether there is a click: at most that of a click.
        public internal(set) var purchases: [Float] = []
        /// Whether it was clicked.
        public internal(set) var isClicked: [Bool] = []
        /// Whether it was bought.
        public internal(set) var isPurchased: [Bool] = []
        /// Which of the requests that were asked for showed it, from 0.
        public internal(set) var requests: [Int] = []
    }

    /// The probabilities from which this simulator drew what users did, and so the best possible value of any measure.
    ///
    /// They know each user's tastes and budget at that moment, of which a model sees the traces in the history. So models stay
    /// below, the further the shorter the histories are.
    ///
    /// - Parameters:
    ///   - dataset: A data set that this simulator wrote.
    ///   - numbers: The numbers of requests of it, such as ``RequestDivision/numbers(_:)`` gives.
    ///   - knowledge: What to know; an unknown cause stands at its mean, so the order is the best that the rest allows, and
    ///     the probabilities are right with ``Knowledge/everything`` alone.
    /// - Returns: Shown items of the first request, then of the second and so on, in the order of the data set.
    /// - Throws: ``DatasetError`` `.badOption` when a request is not one of this simulator.
    public func idealScores(
        in dataset: Dataset,
        requests numbers: some Collection<Int>,
        knowing knowledge: Knowledge = .everything
    ) throws -> IdealScores {
        guard let table = dataset.requests else { throw Self.foreign(dataset, "it has no requests") }
        var result = IdealScores()
        var sessions: (user: Int32, byTime: [Int64: ShopSession]) = (-1, [:])
        for (place, request) in numbers.enumerated() {
            let user = table.users[request]
            if user != sessions.user {
                sessions = (user, try self.sessions(of: dataset.userID(UserIndex(Int(user))), dataset))
            }
            guard let session = sessions.byTime[table.times[request]] else {
                throw Self.foreign(dataset, "there was no request at \(table.times[request])")
            }
            for shown in table.shown(request) {
                let id = dataset.itemID(ItemIndex(Int(table.items[shown])))
                guard let found = session.impressions.first(where: { Self.itemID($0.item) == id }),
                    found.isClicked == table.isClicked(shown), found.isPurchased == table.isPurchased(shown)
                else { throw Self.foreign(dataset, "request \(request) came out otherwise for '\(id)'") }
                let look = found.look.known(knowledge)
                let click = ShopParameters.clickProbability(look)
                result.clicks.append(Float(click))
                result.purchases.append(Float(click * ShopParameters.purchaseProbability(look)))
                result.isClicked.append(found.isClicked)
                result.isPurchased.append(found.isPurchased)
                result.requests.append(place)
            }
        }
        return result
    }

    /// All sessions of a user, by the time of the request.
    private func sessions(of id: UserID, _ dataset: Dataset) throws -> [Int64: ShopSession] {
        guard id.rawValue.hasPrefix(Self.userPrefix), let user = Int(id.rawValue.dropFirst(Self.userPrefix.count)),
            user >= 0
        else { throw Self.foreign(dataset, "'\(id)' is no user of it") }
        var visitor = ShopUser(self, user: user)
        var result: [Int64: ShopSession] = [:]
        while let session = visitor.next() { result[session.time] = session }
        return result
    }

    private static func foreign(_ dataset: Dataset, _ found: String) -> DatasetError {
        DatasetError(
            .badOption,
            """
            \(dataset.url.path): is not what the simulator 'shop' with these parameters makes: \(found). Use the data set that it \
            wrote, with the version of Cascade that wrote it.
            """
        )
    }
}

extension ShopParameters.Look {
    /// The same with all that is not known at its mean.
    fileprivate func known(_ knowledge: ShopSimulator.Knowledge) -> ShopParameters.Look {
        var look = self
        if !knowledge.contains(.relevance) { look.relevance = 0.5 }
        if !knowledge.contains(.taste) { look.taste = 0 }
        if !knowledge.contains(.budget) { look.misfit = Self.meanMisfit }
        if !knowledge.contains(.circumstances) { (look.quality, look.deviceEffect, look.place) = (0, 0, 5) }
        return look
    }
}
