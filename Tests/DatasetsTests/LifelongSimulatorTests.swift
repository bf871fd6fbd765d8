// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeSimulation

@Suite("The world lifelong")
struct LifelongSimulatorTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private func written(
        users: Int,
        meanEvents: Int = 240,
        categories: Int = 40,
        _ name: String = "lifelong"
    ) throws -> Dataset {
        var world = try Simulator.named(name)
        (world.users, world.categories, world.meanEvents, world.seed) = (users, categories, meanEvents, 5)
        return try world.write(to: folder.file("\(name)-\(users)"))
    }

    /// The categories of every user's events, in the order of time.
    private func histories(_ dataset: Dataset) throws -> [[Int]] {
        let category = try LifelongSimulator(of: dataset).categories(of: dataset)
        return (0..<dataset.userCount).map { user in
            dataset.events(of: UserIndex(user)).map { category[Int(dataset.items[$0])] }
        }
    }

    @Test("plants shares that sum to 1, under which popularity is stationary")
    func isConsistent() {
        for (items, count) in [(2_000, 40), (50, 7), (10, 1), (3, 3)] {
            let world = LifelongSimulator(items: items, categories: count, window: 30)
            #expect(abs((0..<count).map(world.popularity(of:)).reduce(0, +) - 1) < 1e-12)
            #expect(abs((1...40).map(world.decay).reduce(0, +) - 0.95) < 1e-12)
            #expect((1..<30).allSatisfy { world.decay($0) > world.decay($0 + 1) })
            for category in 0..<count {
                let row = (0..<count).map { world.kernel(from: category, to: $0) }
                #expect(abs(row.reduce(0, +) - 1) < 1e-12)
                #expect(row.max() == row[category] && row.count { $0 > 0 } <= 4)
                let after = (0..<count).map { world.popularity(of: $0) * world.kernel(from: $0, to: category) }
                #expect(abs(after.reduce(0, +) - world.popularity(of: category)) < 1e-12)
            }
        }
    }

    @Test("scores a candidate by the relevance of each behavior, and categories sum to 1")
    func scores() {
        let world = LifelongSimulator(items: 100, categories: 9, window: 4)
        let history = [3, 0, 3, 8, 5, 1]  // of which the last four count
        for candidate in 0..<9 {
            let relevances = (1...6).map { position in
                world.relevance(behaviorCategory: history[6 - position], position: position, targetCategory: candidate)
            }
            let score = world.score(history: history, candidate: candidate)
            #expect(abs(score - (0.05 + relevances.reduce(0, +))) < 1e-12)
            #expect(relevances[4] == 0 && relevances[5] == 0)
        }
        for length in 0...6 {
            let total = (0..<9).map {
                world.popularity(of: $0) * world.score(history: history.prefix(length), candidate: $0)
            }
            #expect(abs(total.reduce(0, +) - 1) < 1e-12)
        }
    }

    @Test("knows the dependence on one behavior as an enumeration of all histories has it", arguments: 1...4)
    func enumerates(_ length: Int) {
        let world = LifelongSimulator(items: 20, categories: 5, window: 3)  // groups {0, 2, 4} and {1, 3}
        let truth = LifelongGroundTruth(world, historyLength: length)
        var paths: [(events: [Int], probability: Double)] = [([], 1)]
        for _ in 0...length {
            paths = paths.flatMap { path in
                (0..<5).map { next in
                    let chance = world.popularity(of: next) * world.score(history: path.events, candidate: next)
                    return (path.events + [next], path.probability * chance)
                }
            }
        }
        for position in 1...length {
            var information = 0.0
            for category in 0..<5 {
                for target in 0..<5 {
                    let expected = paths.filter {
                        $0.events[length] == target && $0.events[length - position] == category
                    }
                    .map(\.probability).reduce(0, +)
                    let found = truth.jointProbability(
                        behaviorCategory: category,
                        position: position,
                        targetCategory: target
                    )
                    #expect(abs(found - expected) < 1e-12)
                    let independent = world.popularity(of: category) * world.popularity(of: target)
                    let pointwise = truth.pointwiseMutualInformation(
                        behaviorCategory: category,
                        position: position,
                        targetCategory: target
                    )
                    #expect(abs(pointwise - log(expected / independent)) < 1e-9)
                    information += expected * log(expected / independent)
                }
            }
            #expect(abs(truth.mutualInformation(position: position) - information) < 1e-12)
        }
    }

    @Test("agrees with counts over thousands of simulated users")
    func agreesWithCounts() throws {
        let histories = try histories(written(users: 12_000, meanEvents: 8, categories: 6))
        let world = LifelongSimulator(items: 2_000, categories: 6, window: 100)
        let truth = LifelongGroundTruth(world, historyLength: 6)  // users have 7 events at least
        for position in 1...6 {
            var counts = [Double](repeating: 0, count: 36)
            for events in histories { counts[events[6 - position] * 6 + events[6]] += 1 }
            var (statistic, withoutDependence) = (0.0, 0.0)
            for (cell, count) in counts.enumerated() {
                let (category, target) = (cell / 6, cell % 6)
                let users = Double(histories.count)
                let expected =
                    users
                    * truth.jointProbability(behaviorCategory: category, position: position, targetCategory: target)
                let independent = users * world.popularity(of: category) * world.popularity(of: target)
                statistic += (count - expected) * (count - expected) / expected
                withoutDependence += (count - independent) * (count - independent) / independent
            }
            // Chi-square with 35 degrees of freedom: 66.6 is exceeded with a probability of 0.001.
            #expect(statistic < 66.6, "position \(position): \(statistic)")
            #expect(withoutDependence > 300, "position \(position): \(withoutDependence)")
        }
    }

    @Test("says how often each history is followed by the category of its last event, or a related one")
    func isCalibrated() throws {
        let histories = try histories(written(users: 200))
        let world = LifelongSimulator(items: 2_000, categories: 40, window: 100)
        for related in [0, 10] {  // ten groups: category + 10 is of the same one
            var (excess, variance) = (0.0, 0.0)
            for events in histories {
                for place in stride(from: 20, to: events.count, by: 7) {
                    let target = (events[place - 1] + related) % 40
                    let chance =
                        world.popularity(of: target) * world.score(history: events[..<place], candidate: target)
                    excess += (events[place] == target ? 1 : 0) - chance
                    variance += chance * (1 - chance)
                }
            }
            #expect(variance > 100)
            #expect(abs(excess) < 4 * variance.squareRoot())
        }
    }

    @Test("gives the best scores, which part true from false far better than the last category alone")
    func idealScores() throws {
        let dataset = try written(users: 300)
        let world = try LifelongSimulator(of: dataset)
        let (scores, labels) = try world.idealScores(in: dataset)
        #expect(labels.count { $0 } == 300 && labels.count == 900)
        let (positive, negative) = (0..<900).reduce(into: ([Float](), [Float]())) { parts, index in
            if labels[index] { parts.0.append(scores[index]) } else { parts.1.append(scores[index]) }
        }
        let wins = positive.map { score in
            negative.reduce(0.0) { $0 + ($1 < score ? 1 : $1 == score ? 0.5 : 0) }
        }
        let area = wins.reduce(0, +) / Double(positive.count * negative.count)
        #expect((0.89...0.96).contains(area), "\(area)")
        let same = try histories(dataset).count { $0[$0.count - 1] == $0[$0.count - 2] }
        #expect(area > 0.5 + Double(same) / 300 / 2 + 0.1)  // what a rule 'the last category again' can reach
    }

    @Test("measures the information of one behavior about a label as a table of two by two has it")
    func labelInformation() {
        let world = LifelongSimulator(items: 100, categories: 16, window: 20)
        let truth = LifelongGroundTruth(world, historyLength: 30)
        func information(_ category: Int, _ position: Int, _ target: Int) -> Double {
            truth.mutualInformation(behaviorCategory: category, position: position, targetCategory: target)
        }
        let share = world.popularity(of: 3)
        let ofTrue =
            truth.jointProbability(behaviorCategory: 3, position: 2, targetCategory: 5) / world.popularity(of: 5)
        let table = [[ofTrue / 3, (1 - ofTrue) / 3], [share * 2 / 3, (1 - share) * 2 / 3]]
        var expected = 0.0
        for (row, margin) in [1.0 / 3, 2.0 / 3].enumerated() {
            for column in 0...1 {
                let cell = table[row][column]
                expected += cell * log(cell / (margin * (table[0][column] + table[1][column])))
            }
        }
        #expect(abs(information(3, 2, 5) - expected) < 1e-12)
        let pointwise = [5, 1, 2].map {  // the same category, a related one, another
            truth.pointwiseMutualInformation(behaviorCategory: $0, position: 1, targetCategory: 5)
        }
        #expect(pointwise[0] > pointwise[1] && pointwise[1] > 0 && pointwise[2] < 0)
        #expect((1..<10).allSatisfy { information(5, $0, 5) > information(5, $0 + 1, 5) })
        #expect(
            (1..<10).allSatisfy { truth.mutualInformation(position: $0) > truth.mutualInformation(position: $0 + 1) }
        )
    }

    @Test("has long histories in rising times, and items with one category, which the directory gives back")
    func hasShape() throws {
        let dataset = try written(users: 60)
        let lengths = DatasetSummary(dataset).historyLengths
        #expect(lengths.minimum >= 210 && lengths.maximum <= 270 && abs(lengths.mean - 240) < 12)
        let times = dataset.times
        for user in 0..<60 {
            #expect(dataset.events(of: UserIndex(user)).dropFirst().allSatisfy { times[$0 - 1] < times[$0] })
        }
        #expect(dataset.manifest.lastTime - dataset.manifest.firstTime < 9 * 86_400)
        let world = try LifelongSimulator(of: dataset)
        #expect(world == LifelongSimulator(items: 2_000, categories: 40, window: 100))
        let feature = try #require(dataset.itemFeature("category"))
        for (item, category) in try world.categories(of: dataset).enumerated() {
            #expect(feature.values(of: item) == ["category-\(category)"])
        }
    }

    @Test("comes in the shape of Taobao's log, and refuses data from elsewhere and impossible parameters")
    func otherWorlds() throws {
        let taobao = try Simulator.named("lifelong-taobao")
        #expect((taobao.items, taobao.categories, taobao.window) == (1_000_000, 9_400, 2_000))
        let drift = try Simulator.named("drift").write(to: folder.file("drift"))
        #expect(throws: DatasetError.self) { try LifelongSimulator(of: drift) }
        let other = LifelongSimulator(items: 20, categories: 5, window: 10)
        let dataset = try written(users: 3)
        #expect(throws: DatasetError.self) { try other.categories(of: dataset) }
        var crowded = try Simulator.named("lifelong")
        crowded.categories = 2_001
        let error = #expect(throws: DatasetError.self) { try crowded.write(to: folder.file("crowded")) }
        #expect(error?.description.contains("categories is 2001, expected 1 to 2000") == true)
    }
}
