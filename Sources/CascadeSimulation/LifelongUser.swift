// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// One user of a simulator `lifelong`, event after event.
///
/// A user has from 7/8 to 9/8 of the mean number of events, in sessions of ten. Sessions begin at random moments within
/// eight and a half days, events of a session lie 5 seconds to 2 minutes apart.
struct LifelongUser: IteratorProtocol {
    private static let firstTime: Int64 = 1_511_539_200  // 2017-11-25 in China, where Taobao's log begins
    private static let period: Int64 = 734_400  // 8.5 days
    private static let eventsPerSession = 10
    private static let secondsWithinSession: ClosedRange<Int64> = 5...120

    private let simulator: LifelongSimulator
    private let length: Int
    private let sessions: [Int64]  // when each begins
    private var generator: SplitMix64
    private var categories: [Int32] = []
    private var time: Int64 = 0

    init(_ simulator: LifelongSimulator, user: Int, meanEvents: Int, seed: UInt64) {
        self.simulator = simulator
        var generator = SplitMix64(seed: SplitMix64.mix(seed, 2, UInt64(user)))
        length = Int.random(in: (meanEvents * 7 / 8)...(meanEvents * 9 / 8), using: &generator)
        let count = (length + Self.eventsPerSession - 1) / Self.eventsPerSession
        var moments: [Int64] = []
        for _ in 0..<count {
            moments.append(Self.firstTime + Int64.random(in: 0..<Self.period, using: &generator))
        }
        sessions = moments.sorted()
        categories.reserveCapacity(length)
        self.generator = generator
    }

    mutating func next() -> (item: Int, time: Int64)? {
        let event = categories.count
        guard event < length else { return nil }
        if event % Self.eventsPerSession == 0 { time = max(time, sessions[event / Self.eventsPerSession]) }
        time += Int64.random(in: Self.secondsWithinSession, using: &generator)
        let category = drawCategory()
        categories.append(Int32(category))
        let rank = simulator.ranks.draw(among: simulator.itemCount(of: category), using: &generator)
        return (category + rank * simulator.categoryCount, time)
    }

    private mutating func drawCategory() -> Int {
        guard Double.random(in: 0..<1, using: &generator) < LifelongSimulator.answering else {
            return simulator.categories.draw(using: &generator)
        }
        let position = simulator.positions.draw(using: &generator) + 1
        guard position <= categories.count else { return simulator.categories.draw(using: &generator) }
        let category = Int(categories[categories.count - position])
        guard Double.random(in: 0..<1, using: &generator) >= LifelongSimulator.loyalty else { return category }
        return drawRelated(to: category)
    }

    /// A category of the same group, by popularity.
    private mutating func drawRelated(to category: Int) -> Int {
        let group = simulator.group(of: category)
        var target = Double.random(in: 0..<simulator.popularity(ofGroup: group), using: &generator)
        var chosen = group
        for member in stride(from: group, to: simulator.categoryCount, by: simulator.groupCount) {
            chosen = member
            target -= simulator.popularity(of: member)
            if target < 0 { break }
        }
        return chosen
    }
}
