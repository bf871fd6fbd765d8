// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeSimulation

@Suite("Simulated worlds")
struct SimulatorTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func world(users: Int = 600, items: Int = 400, seed: UInt64 = 3) throws -> Simulator {
        var world = try Simulator.named("drift")
        (world.users, world.items, world.seed) = (users, items, seed)
        return world
    }

    @Test("are known by name, and a slip is answered with the nearest")
    func findsNames() throws {
        for name in Simulator.names { #expect(try Simulator.named(name).name == name) }
        let error = #expect(throws: DatasetError.self) { _ = try Simulator.named("drfit") }
        #expect(error?.reason == .badOption)
        #expect(error?.description.contains("Did you mean 'drift'?") == true)
    }

    @Test("give the same data for the same seed and others for another")
    func isDeterministic() throws {
        let hashes = try [3, 3, 4].enumerated().map { place, seed in
            try world(users: 50, seed: UInt64(seed)).write(to: folder.file("\(place)")).manifest.contentHash
        }
        #expect(hashes[0] == hashes[1])
        #expect(hashes[0] != hashes[2])
    }

    @Test("have the users, the mean length and the side information that were asked for")
    func hasShape() throws {
        let dataset = try world().write(to: folder.file("data"))
        #expect(dataset.userCount == 600)
        #expect(dataset.itemCount <= 400)
        let lengths = DatasetSummary(dataset).historyLengths
        #expect(abs(lengths.mean - 50) < 8)  // a standard error of 45 / sqrt(600) is 1.8
        #expect(lengths.minimum >= 5)
        #expect(dataset.itemFeature("topic")?.vocabulary.count == 20)
        #expect(dataset.title(ItemIndex(0)).hasPrefix("Topic "))
        #expect(dataset.title(ItemIndex(0)).contains(" - item "))
        #expect(dataset.manifest.provenance["simulator.seed"] == "3")
    }

    @Test("never show a user an item twice, keep a session to one topic and part sessions by more than half an hour")
    func hasSessions() throws {
        let dataset = try world().write(to: folder.file("data"))
        let topic = try #require(dataset.itemFeature("topic"))
        var (inside, between, changes) = (0, 0, 0)
        for user in 0..<dataset.userCount {
            let rows = dataset.events(of: UserIndex(user))
            #expect(Set(rows.map { dataset.items[$0] }).count == rows.count)
            for row in rows.dropFirst() {
                let gap = dataset.times[row] - dataset.times[row - 1]
                let isSameTopic =
                    topic.values(of: Int(dataset.items[row])) == topic.values(of: Int(dataset.items[row - 1]))
                #expect(gap <= 600 || gap >= 6 * 3_600)
                if gap <= 600 { inside += isSameTopic ? 1 : 0 } else { changes += isSameTopic ? 0 : 1 }
                between += gap <= 600 ? 0 : 1
            }
        }
        let events = dataset.eventCount - dataset.userCount
        // A topic that a user has exhausted is left within the session: rare.
        #expect(Double(inside) > 0.98 * Double(events - between))
        #expect((0.55...0.8).contains(Double(changes) / Double(between)))  // 0.5 + 0.2 * 19 / 20 = 0.69
    }

    @Test("work at the smallest size, and refuse parameters that make no sense")
    func checksParameters() throws {
        var smallest = try world(users: 3, items: 10)
        smallest.meanEvents = 5
        #expect(try smallest.write(to: folder.file("small")).userCount == 3)
        for (users, items) in [(0, 400), (600, 9), (-1, 400), (600, 40)] {
            let world = try world(users: users, items: items)
            let error = #expect(throws: DatasetError.self) { _ = try world.write(to: folder.file("bad")) }
            #expect(error?.reason == .badOption)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.file("bad").path))
    }

    @Test("reward knowing the order: transition counts find over three times as many next items as popularity")
    func orderMatters() throws {
        let data = try SplitDataset(world().write(to: folder.file("data")), .leaveOneOut)
        var popularity = [Int](repeating: 0, count: data.dataset.itemCount)
        var transitions: [Int32: [Int32: Int]] = [:]
        let items = data.dataset.items
        for sequence in data.training {
            for row in sequence.events {
                popularity[Int(items[row])] += 1
                if row > sequence.events.lowerBound {
                    transitions[items[row - 1], default: [:]][items[row], default: 0] += 1
                }
            }
        }
        let popular = popularity.indices.sorted { (popularity[$1], $0) < (popularity[$0], $1) }.map { Int32($0) }
        var (byPopularity, byOrder) = (0, 0)
        let cases = data.cases(.test)
        for test in cases {
            let seen = Set(test.history.map { items[$0] })
            let followers = transitions[items[test.history.upperBound - 1]] ?? [:]
            let likely = followers.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
            byPopularity += popular.lazy.filter { !seen.contains($0) }.prefix(10).contains(items[test.target]) ? 1 : 0
            byOrder += likely.filter { !seen.contains($0) }.prefix(10).contains(items[test.target]) ? 1 : 0
        }
        #expect(byPopularity > 0)
        #expect(byOrder > 3 * byPopularity, "\(byOrder) against \(byPopularity) of \(cases.count)")
    }
}
