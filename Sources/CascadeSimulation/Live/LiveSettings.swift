// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeTensorFiles

/// The size, the seed and the first day of a population that is alive.
public struct LiveSettings: Sendable, Equatable, Codable {
    /// The names of the worlds that a population can live in.
    public static let worlds = ["shop"]

    /// The number of people of every day.
    public var users = 200
    /// The number of items at the beginning of day 0.
    public var items = 1_000
    /// The random seed.
    public var seed: UInt64 = 1
    /// The beginning of day 0, in seconds since 1970-01-01 UTC; 2024-01-01 unless set.
    public var start = ShopParameters.firstTime

    /// The defaults.
    public init() {}

    /// The number of items that arrive at the beginning of every day but day 0.
    public var newItems: Int { max(1, Int((Double(items) * LiveParameters.dailyItemShare).rounded())) }

    /// When a day begins, in seconds since 1970-01-01 UTC.
    public func time(ofDay day: Int) -> Int64 { start + Int64(day) * LiveParameters.secondsPerDay }

    /// Refuses numbers that make no population.
    ///
    /// - Throws: ``LiveError``.
    public func validate() throws {
        let fewest = ShopCatalog.categories.count
        for (name, value, range) in [("users", users, 1...10_000_000), ("items", items, fewest...10_000_000)]
        where !range.contains(value) {
            throw LiveError(
                .badConfiguration,
                "\(name): found \(value), expected \(range.lowerBound) to \(range.upperBound). Choose another number."
            )
        }
        // The oldest items are a year older than day 0.
        let earliest = LiveParameters.ages.upperBound * LiveParameters.secondsPerDay
        guard (earliest...4_102_444_800).contains(start) else {
            throw LiveError(
                .badConfiguration,
                "start: found \(start), expected seconds since 1970-01-01 UTC from 1971 to 2099. Choose another time."
            )
        }
    }

    /// A generator for one purpose, and for one person, item or day where there are several.
    func generator(_ purpose: LiveParameters.Purpose, _ parts: Int...) -> SplitMix64 {
        SplitMix64(
            seed: parts.reduce(SplitMix64.mix(seed, purpose.rawValue)) {
                SplitMix64.mix($0, UInt64(bitPattern: Int64($1)))
            }
        )
    }
}

/// Why a live population cannot go on.
public struct LiveError: CascadeError, Equatable {
    /// What is at fault.
    public let category: ErrorCategory
    /// Where, what was found, what was expected, and what to do.
    public let description: String

    /// Creates an error.
    public init(_ category: ErrorCategory, _ description: String) {
        self.category = category
        self.description = description
    }
}
