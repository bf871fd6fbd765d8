// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// The numbers of the law that a live population follows; `Documentation/simulated-worlds.md` has the formulas.
enum LiveParameters {
    // Items.
    static let featureCount = 16  // beside the quality
    static let categoryShare = 0.8  // of the category's vector in an item's
    static let ownShare = 0.6  // of what is the item's own; the squares of both add up to 1
    static let dailyItemShare = 0.01  // new items a day, of those at the beginning
    static let ages: ClosedRange<Int64> = 30...365  // of the items of the beginning, in days
    static let youngDays: Int64 = 7  // how long an item counts as young
    static let categoryShift = 3.0  // the r-th most popular category is drawn with the weight 1 / (r + this)

    // Tastes.
    static let interestCount = 1...3
    static let interestWeight = 0.3..<1.0
    static let weightStep = 0.05  // standard deviation of the daily change of a weight's logarithm
    static let interestChange = 0.03  // probability that an interest makes room for another, a day
    static let whimWeight = 0.3  // of what no interest explains of a taste
    static let whimMemory = 0.97  // correlation of that with itself a day before
    static let qualityWeight = 0.25  // of an item's quality in everybody's taste

    // Clicks and purchases.
    static let baseLogit = -3.0
    static let baseSpread = 0.4
    static let tasteSlope = 4.0
    static let queryPenalty = 3.0  // what an item that does not answer the query loses
    static let attention = 0.4..<1.0  // the exponent of the examination probability
    static let purchaseLogit = -3.0
    static let purchaseSpread = 0.5
    static let purchaseSlope = 2.0

    // Days.
    static let secondsPerDay: Int64 = 86_400
    static let sessionStart: Range<Int64> = 21_600..<75_600  // from 6 to 21 o'clock
    static let secondSession = 0.4
    static let nextPage = 0.4
    static let mostPages = 4  // of a session
    static let pagePause: ClosedRange<Int64> = 120...300
    static let sessionPause: Int64 = 1_800
    static let searchShare = 0.0..<0.4  // of sessions that begin with a search, by person
    static let titleShare = 0.3  // of searches for the words of a title, not of a category
    static let returnLogit = 1.0
    static let returnSlope = 3.0

    // Events, in seconds after the page.
    static let firstClick: Int64 = 5
    static let clickStep: Int64 = 7  // for each position
    static let purchaseDelay: Int64 = 3

    /// The probability that a person looks at a position.
    static func examination(at position: Int, attention: Double) -> Double {
        pow(1 + Double(position), -attention)
    }

    /// The probability that a person comes back the day after.
    ///
    /// - Parameter satisfaction: The share of the day's pages with a click.
    static func returnProbability(satisfaction: Double) -> Double {
        ShopParameters.sigmoid(returnLogit + returnSlope * satisfaction)
    }

    /// What a generator is for, so that none repeats another's numbers.
    enum Purpose: UInt64 {
        case category = 100
        case item, popularity, traits, drift, plan, page, departure
    }
}
