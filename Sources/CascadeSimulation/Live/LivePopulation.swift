// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
public import Foundation

/// The people of a simulation between two days: what is kept so that it can go on tomorrow.
///
/// A run of two days leaves the same as two runs of one day, each from what the one before has written.
public struct LivePopulation: Sendable, Equatable {
    /// The size, the seed and the first day.
    public let settings: LiveSettings
    /// The day that comes next.
    public internal(set) var nextDay: Int
    var nextPerson = 0
    /// How many items the service was told of.
    var knownItems = 0
    var people: [LivePerson] = []
    var ledger = LiveLedger()

    /// By A/B test: the requests so far whose page had an item, which is what a service counts.
    public var requestsByTest: [String: Int] {
        ledger.arms.mapValues { arms in arms.values.reduce(0) { $0 + $1.tally.filledRequests } }
    }

    /// A population without people, who come on the first day.
    ///
    /// - Parameters:
    ///   - settings: Its size and seed.
    ///   - day: The first day; the items of all days before are there.
    /// - Throws: ``LiveError`` for settings that make no population.
    public init(_ settings: LiveSettings, firstDay day: Int = 0) throws {
        try settings.validate()
        self.settings = settings
        nextDay = day
    }

    /// Lets new people come until there are as many as the settings say.
    ///
    /// - Returns: How many came.
    mutating func fill(_ catalog: LiveCatalog) -> Int {
        let missing = max(0, settings.users - people.count)
        for _ in 0..<missing {
            people.append(LivePerson(nextPerson, arrivingOn: nextDay, in: catalog))
            nextPerson += 1
        }
        return missing
    }

    /// Enters a day, in the order of the people, so that sums do not depend on who was answered first.
    mutating func end(_ lives: [LivePersonDay], arrived: Int, newItems: Int) {
        var day = LiveLedger.Day(day: nextDay, active: lives.count, arrived: arrived, newItems: newItems)
        for life in lives {
            for page in life.pages {
                day.tally += page.tally
                for (test, arm) in page.arms {
                    ledger.arms[test, default: [:]][arm, default: .init()].tally += page.tally
                }
            }
            for (test, arm) in life.newArms { ledger.arms[test]?[arm]?.people += 1 }
            for (item, time) in life.firstImpressions
            where time < ledger.firstImpressions[item]?.time ?? .max {
                ledger.firstImpressions[item] = .init(time: time, user: life.person.number)
            }
        }
        people = lives.filter(\.returns).map(\.person)
        day.left = lives.count - people.count
        ledger.days.append(day)
        nextDay += 1
    }
}

extension LivePopulation: Codable {
    private enum CodingKeys: CodingKey { case settings, nextDay, nextPerson, knownItems, people, ledger }

    /// Reads what ``write(to:)`` wrote; nil when there is no file.
    ///
    /// - Throws: ``LiveError`` for a file that is something else.
    public static func read(from url: URL) throws -> LivePopulation? {
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        do {
            return try JSONDecoder().decode(LivePopulation.self, from: Data(contentsOf: url))
        } catch {
            throw LiveError(
                .badData,
                "\(url.path): found something else, expected a population that 'cascade simulate live --state' wrote. "
                    + "Name another file, or remove this one to begin anew."
            )
        }
    }

    /// Writes everything to a file, whole or not at all.
    ///
    /// - Throws: `FileError` when it cannot be written.
    public func write(to url: URL) throws {
        try DurableFile.write(JSONEncoder.compact.encode(self), to: url)
    }

    /// Refuses to go on as a population of another size, seed or first day.
    ///
    /// - Throws: ``LiveError`` that names the difference.
    public func require(_ other: LiveSettings, in url: URL) throws {
        for (name, found, expected) in [
            ("users", "\(settings.users)", "\(other.users)"), ("items", "\(settings.items)", "\(other.items)"),
            ("seed", "\(settings.seed)", "\(other.seed)"), ("start", "\(settings.start)", "\(other.start)"),
        ] where found != expected {
            throw LiveError(
                .badConfiguration,
                "\(url.path): found a population with \(name) \(found), expected \(name) \(expected). Give the same "
                    + "\(name) as before, or name a new file."
            )
        }
    }
}
