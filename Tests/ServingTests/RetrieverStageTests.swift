// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeRecommenders
import CascadeRuns
import CascadeServing
import CascadeTraining
import Foundation
import Testing

@Suite("Serving a retriever")
struct RetrieverStageTests {
    let workshop: Workshop
    var data: Dataset { workshop.data }

    init() throws { workshop = try Workshop() }

    @Test(
        "finds what the run recommends offline",
        arguments: ["sasrec", "t2diff", "comirec-sa", "ease", "item-knn", "popularity"]
    )
    func equalsOffline(model: String) async throws {
        let run = try workshop.run(model)
        let served = try await RunLoader.load(.retriever, from: run.url)
        let source = try #require(served.source)
        for user in stride(from: 0, to: data.userCount, by: 5) {
            let request = workshop.request(user)
            let found = try await source.candidates(
                for: request,
                limit: 10,
                excluding: Set(request.history.map(\.item))
            )
            let expected = try run.open().recommend(to: data.userID(UserIndex(user)), count: 10)
            #expect(areClose(found, expected.map { (data.itemID($0.item), $0.score) }), "user \(user)")
        }
    }

    @Test("scores items as its vectors do, and knows similar ones")
    func vectors() async throws {
        let served = try await RunLoader.load(.retriever, from: workshop.run("comirec-sa").url)
        let (source, scorer) = (try #require(served.source), try #require(served.scorer))
        let request = workshop.request(3)
        let found = try await source.candidates(for: request, limit: 20, excluding: [])
        let scores = try await scorer.scores(of: found.map(\.item) + ["nothing"], for: request)
        #expect(scores.last == .some(nil))
        let known = scores.compactMap { $0 }
        #expect(areClose(found, Array(zip(found.map(\.item), known))))
        let similar = try #require(served.similar)
        let near = try #require(try await similar.similar(to: found[0].item, limit: 5))
        #expect(near.count == 5 && !near.map(\.item).contains(found[0].item))
        #expect(try await similar.similar(to: "nothing", limit: 5) == nil)
    }

    @Test("64 at once get what each gets alone", arguments: ["sasrec", "t2diff", "ease"])
    func concurrency(model: String) async throws {
        let run = try workshop.run(model)
        let lonely = try #require(try await RunLoader.load(.retriever, from: run.url).source)
        let source = try #require(try await RunLoader.load(.retriever, from: run.url).source)
        var alone: [[ScoredItem]] = []
        for user in 0..<data.userCount {
            alone.append(try await lonely.candidates(for: workshop.request(user), limit: 10, excluding: []))
        }
        let together = try await withThrowingTaskGroup(of: (Int, [ScoredItem]).self) { group in
            for number in 0..<64 {
                let user = number % data.userCount
                group.addTask {
                    (user, try await source.candidates(for: workshop.request(user), limit: 10, excluding: []))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(together.count == 64)
        for (user, found) in together {
            #expect(areClose(found, alone[user].map { ($0.item, $0.score) }), "user \(user)")
        }
    }

    @Test("leaves out what is excluded, what it does not know, and old events; without any it finds nothing")
    func edges() async throws {
        let run = try workshop.run("sasrec")
        let served = try await RunLoader.load(.retriever, from: run.url)
        let source = try #require(served.source)
        let request = workshop.request(7)
        let plain = try await source.candidates(for: request, limit: 100, excluding: [])
        #expect(plain.count == data.itemCount && Set(plain.map(\.item)).count == data.itemCount)
        let hidden: Set<ItemID> = [plain[0].item, plain[2].item, "nothing"]
        let rest = try await source.candidates(for: request, limit: 5, excluding: hidden)
        #expect(rest == Array(plain.filter { !hidden.contains($0.item) }.prefix(5)))

        let strange = Event(user: "u", item: "not in the catalog", time: 5)
        let mixed = request.history.flatMap { [$0, strange] }
        func ask(_ history: [Event], _ user: UserID? = request.user) async throws -> [ScoredItem] {
            let request = FunnelRequest(id: "r", user: user, history: history, count: 5, now: 0)
            return try await source.candidates(for: request, limit: 100, excluding: [])
        }
        #expect(try await ask(mixed) == plain)
        #expect(try await ask(Array(request.history.suffix(20))) == plain, "the model reads 20")
        #expect(try await ask([]) == [])
        #expect(try await ask([strange]) == [])
        #expect(try await ask(request.history, "nobody known") == plain, "sasrec does not read who asks")
        #expect(try await source.candidates(for: request, limit: 0, excluding: []) == [])

        let scorer = try #require(served.scorer)
        let nobody = FunnelRequest(id: "r", user: nil, history: [], count: 5, now: 0)
        #expect(try await scorer.scores(of: [plain[0].item], for: nobody) == [nil])
        let popular = try await RunLoader.load(.retriever, from: workshop.run("popularity").url)
        let list = try await #require(popular.source).candidates(for: nobody, limit: 5, excluding: [])
        #expect(list.count == 5)
    }

    @Test("is replaced under load without a failure, and no answer mixes two")
    func swap() async throws {
        let runs = try [workshop.run("sasrec", seed: 1, "first"), workshop.run("sasrec", seed: 2, "second")]
        let request = workshop.request(4)
        var expected: [String: [ScoredItem]] = [:]
        var served: [ServedModel] = []
        for run in runs {
            let model = try await RunLoader.load(.retriever, from: run.url)
            let source = try #require(model.source)
            expected[source.version] = try await source.candidates(for: request, limit: 10, excluding: [])
            served.append(model)
        }
        #expect(expected.count == 2)
        let slot = Slot(served[0])
        let answers = try await withThrowingTaskGroup(of: [(String, [ScoredItem])].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var answers: [(String, [ScoredItem])] = []
                    for _ in 0..<25 {
                        guard let source = await slot.model.source else { return [] }
                        answers.append(
                            (source.version, try await source.candidates(for: request, limit: 10, excluding: []))
                        )
                    }
                    return answers
                }
            }
            for swap in 1...10 {
                let next = try await RunLoader.load(.retriever, from: runs[swap % 2].url)
                try await next.warmUp()
                await slot.replace(next)
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(answers.count == 200)
        for (version, found) in answers {
            #expect(areClose(found, expected[version]?.map { ($0.item, $0.score) } ?? []))
        }
    }
}

/// What serves at the moment.
private actor Slot {
    var model: ServedModel
    init(_ model: ServedModel) { self.model = model }
    func replace(_ other: ServedModel) { model = other }
}
