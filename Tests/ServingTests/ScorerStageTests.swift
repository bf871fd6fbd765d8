// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeRecommenders
import CascadeRuns
import CascadeServing
import CascadeTensorFiles
import CascadeTraining
import Foundation
import Testing

@Suite("Serving a CTR model")
struct RankerStageTests {
    let workshop: Workshop
    var data: Dataset { workshop.data }

    init() throws { workshop = try Workshop() }

    @Test("scores as the evaluation does", arguments: ["dare", "twin"])
    func equalsOffline(model: String) async throws {
        let run = try workshop.run(model)
        let trained = try run.open()
        let ranker = try #require(trained.model.ctrRanker)
        let outcome = try trained.ctrEvaluator().evaluate(ranker, .test)
        let served = try await RunLoader.load(.ranker, from: run.url)
        let scorer = try #require(served.scorer)
        let cases = trained.data.cases(.test)
        var place = 0
        for host in try trained.ctrEvaluator().requests(ranker, .test) {
            for row in 0..<host.history.rows {
                let example = cases[place / host.width]
                let items = host.candidates[row * host.width..<(row + 1) * host.width]
                    .map { data.itemID(ItemIndex(Int($0) - 1)) }
                let request = workshop.request(example.user.rawValue, example.history, now: data.times[example.target])
                let scores = try await scorer.scores(of: items, for: request)
                for score in scores {
                    let expected = 1 / (1 + exp(-Double(outcome.scores[place])))
                    #expect(abs(try #require(score) - expected) <= tolerance)
                    place += 1
                }
            }
        }
        #expect(place == outcome.scores.count)
    }

    @Test("scores for somebody without a history, in blocks, and says nil of what it does not know")
    func edges() async throws {
        let served = try await RunLoader.load(.ranker, from: workshop.run("dare").url)
        let scorer = try #require(served.scorer)
        let all = (0..<data.itemCount).map { data.itemID(ItemIndex($0)) }
        let nobody = FunnelRequest(id: "r", user: nil, history: [], count: 5, now: 0)
        let few = try await scorer.scores(of: ["nothing"] + all + ["nothing"], for: nobody)
        #expect(few.first == .some(nil) && few.last == .some(nil) && few.compactMap { $0 }.count == all.count)
        let many = try await scorer.scores(of: Array(repeating: all, count: 30).flatMap { $0 }, for: nobody)
        #expect(many.count == 30 * all.count)
        for (place, score) in many.enumerated() {
            let expected = try #require(few[1 + place % all.count])
            #expect(abs(try #require(score) - expected) <= tolerance)
        }
        #expect(try await scorer.scores(of: [], for: nobody) == [])
    }

    @Test("by its attention alone prefers what the history is about")
    func attention() async throws {
        var settings = EngineSettings()
        settings.scorer = .attention
        let run = try workshop.run("dare")
        let served = try await RunLoader.load(.ranker, from: run.url, settings)
        let whole = try await RunLoader.load(.ranker, from: run.url)
        #expect(served.version == whole.version + "-attention")
        let scorer = try #require(served.scorer)
        let request = workshop.request(2)
        let items = (0..<data.itemCount).map { data.itemID(ItemIndex($0)) }
        let scores = try await scorer.scores(of: items, for: request).compactMap { $0 }
        #expect(scores.count == items.count && Set(scores).count > 1 && scores.allSatisfy(\.isFinite))
        let nobody = FunnelRequest(id: "r", user: nil, history: [], count: 5, now: 0)
        #expect(try await scorer.scores(of: [items[0]], for: nobody) == [0])
    }
}

@Suite("Serving a query-aware ranker")
struct SearchStageTests {
    let workshop: Workshop
    var data: Dataset { workshop.data }

    init() throws { workshop = try Workshop(world: "shop", users: 60, items: 400) }

    @Test("scores as the run searches offline, any query", arguments: ["diffusion-gs", "qin"])
    func equalsOffline(model: String) async throws {
        let run = try workshop.run(model)
        let trained = try run.open()
        let served = try await RunLoader.load(.searchRanker, from: run.url)
        let scorer = try #require(served.scorer)
        let candidates = (0..<50).map { ItemIndex($0) }
        for (user, query) in [(0, "crimson running shoe"), (3, ""), (5, "zzqx 🏃‍♀️ never seen"), (8, "shoe")] {
            let request = workshop.request(user, query: query)
            let answer = try trained.search(query, by: UserIndex(user), among: candidates)
            let expected = Dictionary(uniqueKeysWithValues: answer.items.map { ($0.item, $0.click) })
            let scores = try await scorer.scores(of: candidates.map(data.itemID), for: request)
            for (item, score) in zip(candidates, scores) {
                let difference = abs(try #require(score) - (try #require(expected[item])))
                #expect(difference <= tolerance, "user \(user), '\(query)'")
            }
        }
    }

    @Test("reads the moment that the caller names, and takes a value that it never met as unknown")
    func context() async throws {
        let run = try workshop.run("qin")
        let scorer = try #require(try await RunLoader.load(.searchRanker, from: run.url).scorer)
        let items = (0..<9).map { data.itemID(ItemIndex($0)) }
        func scores(_ context: [String: String]) async throws -> [Double?] {
            let usual = workshop.request(3, query: "shoe")
            let request = FunnelRequest(
                id: "r",
                user: usual.user,
                history: usual.history,
                query: usual.query,
                context: context,
                count: 9,
                now: usual.now
            )
            return try await scorer.scores(of: items, for: request)
        }
        let devices = try #require(data.requestFeature("device")).vocabulary
        let known = try await scores(["device": devices[0]])
        let (other, strange) = (try await scores(["device": devices[1]]), try await scores(["device": "a toaster"]))
        let (none, more) = (try await scores([:]), try await scores(["device": devices[0], "mood": "good"]))
        #expect(known != other && strange == none && strange != known && known == more)
    }

    @Test("draws each person's noise by that person and moment, whoever else asks")
    func noise() async throws {
        let run = try workshop.run("diffusion-gs")
        let alone = try await RunLoader.load(.searchRanker, from: run.url, EngineSettings.alone)
        let together = try await RunLoader.load(.searchRanker, from: run.url, EngineSettings.crowded)
        let items = (0..<20).map { data.itemID(ItemIndex($0)) }
        var expected: [[Double?]] = []
        for user in 0..<32 {
            expected.append(
                try await #require(alone.scorer).scores(of: items, for: workshop.request(user, query: "red shoe"))
            )
        }
        let scorer = try #require(together.scorer)
        let found = try await withThrowingTaskGroup(of: (Int, [Double?]).self) { group in
            for user in 0..<32 {
                group.addTask {
                    (user, try await scorer.scores(of: items, for: workshop.request(user, query: "red shoe")))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (user, scores) in found {
            for (score, wanted) in zip(scores, expected[user]) {
                #expect(abs(try #require(score) - (try #require(wanted))) <= tolerance, "user \(user)")
            }
        }
        #expect(Set(expected.map { $0.map { $0 ?? 0 } }).count > 1)
    }
}

extension EngineSettings {
    /// Everybody alone.
    static let alone = EngineSettings.gathering(1, milliseconds: 0)
    /// Many together.
    static let crowded = EngineSettings.gathering(32, milliseconds: 50)

    private static func gathering(_ batch: Int, milliseconds: Double) -> EngineSettings {
        var settings = EngineSettings()
        (settings.maxBatchSize, settings.maxBatchDelayMS) = (batch, milliseconds)
        return settings
    }
}
