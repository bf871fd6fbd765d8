// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// Users whose interests drift between topics across sessions.
///
/// - Items of a topic are popular by Zipf's law: the weight of the r-th is 1 / r.
/// - A session stays in one topic. The topic of the next session is that of the last with probability 0.3, the one
///   that follows it in the simulator's order of topics with 0.5, and any with 0.2.
/// - After an item comes one of its three successors in the topic (chances 0.55, 0.2 and 0.1) if the user has not met
///   it yet, else an item of the topic by popularity. Nobody meets an item twice.
/// - Events of a session lie 20 seconds to 10 minutes apart, sessions 6 hours and a mean of 3 further days.
struct DriftSimulator {
    private static let stay = 0.3
    private static let follow = 0.5
    private static let successorChances = [0.55, 0.2, 0.1]
    private static let meanSession = 8.0
    private static let secondsWithinSession: ClosedRange<Int64> = 20...600
    private static let minimumPause: Int64 = 6 * 3_600
    private static let meanFurtherPause = 3 * 86_400.0
    private static let firstDay: Int64 = 1_577_836_800  // 2020-01-01
    private static let arrivalSeconds: Int64 = 365 * 86_400  // users arrive within a year

    private let parameters: Simulator
    private let topics: [Topic]
    private let following: [Int]  // the topic that follows each topic

    private struct Topic {
        var items: [Int] = []  // by falling popularity
        var popularity = WeightedDraw([1])  // by position in `items`
        var successors: [[Int]] = []  // by position in `items`: positions
    }

    init(_ parameters: Simulator) {
        self.parameters = parameters
        var generator = SplitMix64(seed: SplitMix64.mix(parameters.seed, 0))
        let count = min(parameters.categories, parameters.items / 10)
        var topics = [Topic](repeating: Topic(), count: count)
        for item in 0..<parameters.items { topics[item % count].items.append(item) }
        for index in topics.indices {
            topics[index].items.shuffle(using: &generator)
            let size = topics[index].items.count  // at least 10
            topics[index].popularity = WeightedDraw((1...size).map { 1 / Double($0) })
            for position in 0..<size {
                topics[index].successors.append(Self.drawSuccessors(of: position, in: size, &generator))
            }
        }
        self.topics = topics
        let circle = (0..<count).shuffled(using: &generator)
        var following = [Int](repeating: 0, count: count)
        for (place, topic) in circle.enumerated() { following[topic] = circle[(place + 1) % count] }
        self.following = following
    }

    /// Distinct positions in a topic of `size` items, none of them `position`.
    private static func drawSuccessors(of position: Int, in size: Int, _ generator: inout SplitMix64) -> [Int] {
        var drawn: [Int] = []
        while drawn.count < successorChances.count {
            let candidate = Int.random(in: 0..<size, using: &generator)
            if candidate != position, !drawn.contains(candidate) { drawn.append(candidate) }
        }
        return drawn
    }

    /// Adds the events of all users, and the titles and topics of the items.
    func run(into builder: inout DatasetBuilder) {
        let ids = (0..<parameters.items).map { ItemID("item-\($0)") }
        for user in 0..<parameters.users {
            var visitor = User(self, user)
            let id = UserID("user-\(user)")
            for _ in 0..<visitor.length {
                let (item, time) = visitor.next()
                builder.add(Event(user: id, item: ids[item], action: .click, time: time))
            }
        }
        for (number, topic) in topics.enumerated() {
            for (position, item) in topic.items.enumerated() {
                builder.setTitle("Topic \(number + 1) - item \(position + 1)", for: ids[item])
                builder.setItemFeature("topic", ["Topic \(number + 1)"], for: ids[item])
            }
        }
    }

    /// What one user does, event after event.
    private struct User {
        let length: Int
        private let simulator: DriftSimulator
        private var generator: SplitMix64
        private var topic: Int
        private var time: Int64
        private var position: Int?  // of the last item in the topic; nil when a session starts
        private var left = 0  // events left in the session
        private var seen: Set<Int> = []

        init(_ simulator: DriftSimulator, _ user: Int) {
            self.simulator = simulator
            generator = SplitMix64(seed: SplitMix64.mix(simulator.parameters.seed, 1, UInt64(user)))
            // At least 5, exponential above that, and at most half of the items so that something is always left.
            let further =
                -log(1 - Double.random(in: 0..<1, using: &generator)) * Double(simulator.parameters.meanEvents - 5)
            length = min(5 + Int(further.rounded()), max(5, simulator.parameters.items / 2))
            topic = Int.random(in: simulator.topics.indices, using: &generator)
            time = DriftSimulator.firstDay + Int64.random(in: 0..<DriftSimulator.arrivalSeconds, using: &generator)
            left = drawSession()
        }

        mutating func next() -> (item: Int, time: Int64) {
            if left == 0 {
                drift()
            } else if position != nil {
                time += Int64.random(in: DriftSimulator.secondsWithinSession, using: &generator)
            }
            while simulator.topics[topic].items.allSatisfy(seen.contains) {
                topic = simulator.following[topic]
                position = nil
            }
            let chosen = choose()
            let item = simulator.topics[topic].items[chosen]
            position = chosen
            left -= 1
            seen.insert(item)
            return (item, time)
        }

        /// Starts the next session.
        private mutating func drift() {
            let chance = Double.random(in: 0..<1, using: &generator)
            if chance >= DriftSimulator.stay + DriftSimulator.follow {
                topic = Int.random(in: simulator.topics.indices, using: &generator)
            } else if chance >= DriftSimulator.stay {
                topic = simulator.following[topic]
            }
            let further = -log(1 - Double.random(in: 0..<1, using: &generator)) * DriftSimulator.meanFurtherPause
            time += DriftSimulator.minimumPause + Int64(further)
            position = nil
            left = drawSession()
        }

        /// The position of an item of the topic that is new to the user; there must be one.
        private mutating func choose() -> Int {
            let topic = simulator.topics[topic]
            if let position {
                var chance = Double.random(in: 0..<1, using: &generator)
                for (successor, share) in zip(topic.successors[position], DriftSimulator.successorChances) {
                    chance -= share
                    guard chance < 0 else { continue }
                    if !seen.contains(topic.items[successor]) { return successor }
                    break
                }
            }
            var position = topic.popularity.draw(using: &generator)
            while seen.contains(topic.items[position]) { position = (position + 1) % topic.items.count }
            return position
        }

        /// The number of events of a session: at least 3.
        private mutating func drawSession() -> Int {
            3 + Int(-log(1 - Double.random(in: 0..<1, using: &generator)) * (DriftSimulator.meanSession - 3))
        }
    }
}
