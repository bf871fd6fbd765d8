// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// The numbers of the law that the simulator `shop` plants; `Documentation/simulated-worlds.md` tells it in words.
///
/// Prices and budgets are counted in ``priceSpread``, from the mean of a category: a user with the budget 1 looks in every
/// category for items one spread above its mean. So one number says what they pay in all departments.
enum ShopParameters {
    // Items.
    static let categoryLogPrice = 2.0..<5.0  // where the mean of a category's log-price lies
    static let priceSpread = 0.5  // standard deviation of the log-price within a category
    static let qualitySpread = 0.5
    static let priceSteps = 10  // values of the feature `price`, as many items of the category in each
    static let popularityShift = 20.0  // the r-th item of a category is drawn with the weight 1 / (r + this)

    // Users.
    static let ages = ["18-24", "25-34", "35-44", "45-54", "55+"]
    static let genders = ["female", "male"]
    static let budgetByAge = 0.25  // the budget rises by this with every age group from the middle one
    static let ownBudget = 0.9  // standard deviation of what age does not say of the budget
    static let favoriteCount = 4  // favorite categories
    static let favoredWeight = 2.0  // of a category in the half of departments that the gender goes with, against 1
    static let tasteMemory = 0.97  // correlation of a taste with itself one request before

    // Requests.
    static let requests = 8...16  // of a user
    static let shownCount = 12
    static let askedCount = 8  // shown items of what is asked; of these half have the style that the query names
    static let departmentCount = 3  // shown items of the same department
    static let orderNoise = 0.5  // the order falls with quality plus a normal deviation of this size
    static let needShare = 0.15  // of queries
    static let styledShare = 0.6  // of queries for a category in a department where people name styles
    static let favoriteShare = 0.75  // of queries that come from a favorite category
    static let pluralShare = 0.32  // of queries for a category alone
    static let slipShare = 0.08  // likewise, with two letters swapped
    static let reversedShare = 0.3  // of queries for a style, which then comes last
    static let devices = ["phone", "computer", "tablet"]
    static let deviceShares = WeightedDraw([0.6, 0.3, 0.1])
    static let deviceEffects = [0, 0.3, -0.3]

    // Events.
    static let passedOverShare = 0.1  // of shown items without a click that are looked at all the same
    static let searchEvents = 3.5  // about so many events follow a request
    static let browsedChoices = 8  // a browsed item is the choice of so many

    // Times, in seconds.
    static let firstTime: Int64 = 1_704_067_200  // 2024-01-01
    static let arrivals: Range<Int64> = 0..<7_776_000  // users arrive within 90 days
    static let pause: ClosedRange<Int64> = 21_600...259_200  // before browsing, and again before a request
    static let step: ClosedRange<Int64> = 5...120  // between events

    /// How well an item answers a query, from 0 to 1.
    enum Relevance {
        static let asked = 1.0
        static let otherStyle = 0.5  // of what is asked, but not the style that was named
        static let sameDepartment = 0.25
    }

    /// All that the choice of one shown item depends on.
    struct Look {
        var relevance = 0.0
        var taste = 0.0  // of the user, for the item's style in its department; variance 1
        var misfit = 0.0  // distance of the item's price from the user's budget, in spreads
        var quality = 0.0
        var deviceEffect = 0.0
        var place = 0  // from 0

        /// The mean of `misfit`: that of the absolute difference of two normal numbers.
        static let meanMisfit = 1.13
    }

    static func clickProbability(_ look: Look) -> Double {
        sigmoid(
            -2.6 + 2.2 * look.relevance + 1.1 * look.taste - 0.8 * look.misfit + 0.6 * look.quality + look.deviceEffect
                - 0.4 * log(1 + Double(look.place))
        )
    }

    /// The probability that an item is bought when it was clicked.
    static func purchaseProbability(_ look: Look) -> Double {
        sigmoid(-1.1 + 0.5 * look.taste - 0.8 * look.misfit + 0.4 * look.quality)
    }

    /// How gladly a user looks at an item while browsing: the logarithm of the weight of the choice.
    static func interest(_ look: Look) -> Double { 1.1 * look.taste - 0.8 * look.misfit + 0.6 * look.quality }

    static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}

extension SplitMix64 {
    /// A number with mean 0 and variance 1, normal but for its ends at -6 and 6; the same on every machine.
    mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += Double.random(in: 0..<1, using: &self) }
        return sum
    }

    /// A number with mean 0 and variance 1, evenly spread.
    mutating func even() -> Double { (Double.random(in: 0..<1, using: &self) - 0.5) * 12.0.squareRoot() }

    /// Whether something of this probability happens.
    mutating func happens(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}
