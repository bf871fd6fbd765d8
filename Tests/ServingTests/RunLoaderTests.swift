// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeRecommenders
import CascadeRetrieval
import CascadeRuns
import CascadeServing
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Loading what is to be served")
struct RunLoaderTests {
    let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func index(_ run: RunDirectory, _ name: String) throws -> URL {
        let (trained, url) = (try run.open(), workshop.folder.file(name))
        let items = try trained.itemVectors()
        let index = try IndexRecipe.hnsw(HNSWIndex.Parameters()).build(
            ItemVectors(items.values, dimension: items.dimension)
        )
        let ids = (0..<workshop.data.itemCount).map { workshop.data.itemID(ItemIndex($0)) }
        try IndexDirectory.write(index, items: ids, origin: .init(source: name, model: "sasrec"), to: url)
        return url
    }

    @Test("a run and its index say which they are, and answer as one")
    func together() async throws {
        let run = try workshop.run("sasrec")
        let index = try index(run, "index")
        let exact = try await RunLoader.load(.retriever, from: run.url)
        let served = try await RunLoader.load(.retriever, from: run.url, index: index)
        try await served.warmUp()
        #expect(served.version.hasPrefix("sasrec-") && served.version.contains("+hnsw-"))
        #expect(exact.version.split(separator: "+").map(String.init) == [String(served.version.prefix(15)), "exact"])
        #expect(try served.metrics == run.manifest().validation && served.metrics["recall@10"] != nil)
        let request = workshop.request(1)
        let found = try await #require(served.source).candidates(for: request, limit: 5, excluding: [])
        #expect(found == (try await #require(exact.source).candidates(for: request, limit: 5, excluding: [])))
        let alone = try await RunLoader.load(.index, from: index)
        #expect(alone.version.hasPrefix("sasrec+hnsw-") && alone.source == nil && alone.scorer == nil)
        let near = try await #require(alone.similar).similar(to: found[0].item, limit: 5)
        #expect(near == (try await #require(served.similar).similar(to: found[0].item, limit: 5)))
        await served.stop()
        await #expect(throws: EngineError.self) {
            try await #require(served.source).candidates(for: request, limit: 5, excluding: [])
        }
    }

    @Test("what serves answers on when every file of its run, index and data set is cut to nothing")
    func emptied() async throws {
        let run = try workshop.run("sasrec")
        let index = try index(run, "index")
        let served = try await RunLoader.load(.retriever, from: run.url, index: index)
        let scorer = try await RunLoader.load(.ranker, from: workshop.run("dare").url)
        let request = workshop.request(1)
        let source = try #require(served.source)
        let score = try #require(scorer.scorer)
        let found = try await source.candidates(for: request, limit: 10, excluding: [])
        let scores = try await score.scores(of: found.map(\.item), for: request)
        for folder in [run.url, index, workshop.data.url, workshop.folder.file("dare")] {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                #expect(truncate(folder.appendingPathComponent(name).path, 0) == 0)
            }
        }
        let request2 = FunnelRequest(
            id: "again",
            user: request.user,
            history: request.history.dropLast(),
            count: 10,
            now: request.now
        )
        #expect(try await source.candidates(for: request, limit: 10, excluding: []) == found)
        #expect(try await score.scores(of: found.map(\.item), for: request) == scores)
        #expect(try await source.candidates(for: request2, limit: 10, excluding: []).count == 10)
    }

    @Test("a run that was trained anew on other data brings its own data set, whatever the slot names")
    func retrained() async throws {
        let newer = try Workshop(users: 50)
        let served = try await RunLoader.load(.retriever, from: newer.run("sasrec").url, data: workshop.data.url)
        #expect(served.version.hasPrefix("sasrec-"))
        try FileManager.default.removeItem(at: newer.data.url)
        await #expect(throws: CheckpointError.self) {
            try await RunLoader.load(.retriever, from: newer.folder.file("sasrec"), data: workshop.data.url)
        }
    }

    @Test("what does not belong together is refused, and the message says what to do")
    func refuses() async throws {
        let run = try workshop.run("sasrec")
        let other = try index(workshop.run("sasrec", seed: 2, "other"), "other-index")
        func problem(_ role: SlotConfiguration.Kind, _ run: RunDirectory, index: URL? = nil, data: URL? = nil) async
            -> String
        {
            do {
                _ = try await RunLoader.load(role, from: run.url, index: index, data: data)
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(await problem(.retriever, run, index: other).contains("Build it again"))
        #expect(await problem(.ranker, run).contains("cannot serve as ranker: it finds candidates"))
        #expect(await problem(.searchRanker, run).contains("it finds candidates"))
        let dare = try workshop.run("dare")
        #expect(await problem(.retriever, dare).contains("it scores candidates"))
        #expect(await problem(.searchRanker, dare).contains("it reads no query"))
        #expect(await problem(.ranker, dare, index: other).contains("name none"))
        #expect(await problem(.retriever, try workshop.run("popularity"), index: other).contains("it has no vectors"))
        let strange = try Workshop(users: 50)
        let moved = try workshop.run("sasrec", "moved")
        let manifest = try String(contentsOf: moved.url.appending(path: "manifest.json"), encoding: .utf8)
        try Data(manifest.replacing(workshop.data.url.path, with: "/nowhere").utf8)
            .write(to: moved.url.appending(path: "manifest.json"))
        #expect(await problem(.retriever, moved, data: strange.data.url).contains("holds other data"))
        #expect(await problem(.retriever, RunDirectory(workshop.folder.file("none"))).contains("no run here"))
        var damaged = try Data(contentsOf: run.weights)
        damaged.removeLast(100)
        try damaged.write(to: run.weights)
        #expect(await problem(.retriever, run).contains("weights.safetensors"))
    }

    @Test(
        "every model of the catalog is served and warmed up in its role",
        arguments: ["dare", "t2diff", "item-knn"]
    )
    func warm(model: String) async throws {
        let entry = try ModelRegistry.builtin.entry(model)
        let served = try await RunLoader.load(
            (entry.task.traits.candidates != nil) ? .ranker : .retriever,
            from: workshop.run(model).url
        )
        try await served.warmUp()
        #expect(served.version.hasPrefix(model + "-"))
    }

    @Test("impossible settings are refused")
    func settings() throws {
        #expect(throws: ConfigurationError.self) {
            try EngineSettings(overriding: .object(["threads": .integer(0)]), path: "x")
        }
        let settings = try EngineSettings(overriding: .object(["max_batch_delay_ms": .integer(5)]), path: "x")
        #expect(settings.maxBatchDelayMS == 5 && settings.threads == 1)
    }

    @Test("settings of before 0.2 set what they set")
    func formerKeys() throws {
        let old = JSONValue.object(["batch": .integer(4), "budget": .number(1.5), "judge": .string("attention")])
        let renewed = try EngineSettings.formerKeys.renew(old, path: "slots.a.options")
        #expect(renewed.notices.count == 3)
        let settings = try EngineSettings(overriding: renewed.tree, path: "slots.a.options")
        #expect(settings.maxBatchSize == 4 && settings.maxBatchDelayMS == 1.5 && settings.scorer == .attention)
    }
}
