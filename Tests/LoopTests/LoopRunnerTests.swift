// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeTensorFiles
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CascadeLoop

/// Steps that leave what real ones leave, and can be stopped, or fail, at any of them.
private final class FakeSteps: LoopSteps {
    struct State {
        var log: [String] = []
        /// After how many more pieces of work it stops; nil for never.
        var remaining: Int?
        var isInterrupted = false
        var failing: Set<String> = []
        var used: [URL] = []
        var decided: [String: Int] = [:]
    }

    let state = Mutex(State())
    var log: [String] { state.withLock { $0.log } }
    var isInterrupted: Bool { state.withLock { $0.isInterrupted } }

    /// One piece of work, before or after which the process may be stopped.
    private func work(_ name: String, _ body: () throws -> Void) throws {
        let stops = state.withLock { state in
            if let left = state.remaining {
                state.remaining = left - 1
                if left <= 0 { state.isInterrupted = true }
            }
            return state.isInterrupted
        }
        if stops { throw CancellationError() }
        if state.withLock({ $0.failing.contains(name.split(separator: " ")[0].description) }) {
            throw ConfigurationError("\(name) fails")
        }
        try body()
        state.withLock { $0.log.append(name) }
    }

    private func make(_ url: URL, _ text: String) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url.appending(path: "weights.safetensors"))
    }

    func makeData(for round: LoopRound, at target: URL, previous: URL?) async throws -> String {
        let from = previous.map { " after \($0.deletingLastPathComponent().lastPathComponent)" } ?? ""
        try work("data \(round.number)\(from)") { try make(target, "data") }
        return "data until \(round.until)"
    }

    func train(_ model: LoopConfiguration.Model, on data: URL, to target: URL, from parent: URL?) async throws
        -> [String: Double]
    {
        let done = target.appending(path: "done")
        guard !FileManager.default.fileExists(atPath: done.path) else { return ["ndcg@10": 0.5] }
        let begun = FileManager.default.fileExists(atPath: target.path)
        let from = parent.map {
            " from \($0.deletingLastPathComponent().deletingLastPathComponent().lastPathComponent)"
        }
        if !begun { try work("begin \(model.slot)") { try make(target, "half") } }
        try work("train \(model.slot)\(from ?? "")") { try Data().write(to: done) }
        return ["ndcg@10": 0.5]
    }

    func buildIndex(_ model: LoopConfiguration.Model, of run: URL, at target: URL) async throws {
        try work("index \(model.slot)") { try make(target, "index") }
    }

    func promote(_ model: LoopConfiguration.Model, run: URL, index: URL?) async throws -> LoopRound.Outcome {
        if state.withLock({ $0.decided[run.path] }) == nil {
            try work("promote \(model.slot)\(index == nil ? "" : " with its index")") {
                state.withLock { $0.decided[run.path, default: 0] += 1 }
            }
        }
        return LoopRound.Outcome(model.slot == "rank" ? .refused : .promoted, version: "v", reason: "a test")
    }

    func foldersInUse() async throws -> [URL] { state.withLock { $0.used } }
    func say(_ text: String) {}
}

@Suite("The loop's rounds")
struct LoopRunnerTests {
    private let folder: TemporaryFolder
    private let steps = FakeSteps()

    init() throws { folder = try TemporaryFolder() }

    private func configuration(_ further: [String: JSONValue] = [:]) throws -> LoopConfiguration {
        var tree: JSONValue = [
            "service": "serve.yaml", "folder": "work", "keep_rounds": 2,
            "models": [
                "recall": ["model": "sasrec", "index": "hnsw"], "rank": ["model": "dare", "warm_start": false],
            ],
        ]
        for (key, value) in further { tree[key] = value }
        return try LoopConfiguration(tree, relativeTo: folder.url)
    }

    private func round(at time: Int64, _ further: [String: JSONValue] = [:]) async throws -> LoopRound? {
        try await LoopRunner(configuration(further), steps: steps).runRound(at: time)
    }

    @Test("a round makes data, trains and decides slot by slot; the next begins with what it left")
    func rounds() async throws {
        let first = try #require(try await round(at: 1_000_000))
        #expect(first.number == 1 && first.status == .finished && first.until == 1_000_000 - 86_400)
        #expect(first.slots["recall"]?.decision == .promoted && first.slots["rank"]?.decision == .refused)
        #expect(first.slots["recall"]?.metrics == ["ndcg@10": 0.5])
        _ = try await round(at: 2_000_000, ["data": ["since_days": 10, "holdout_hours": 2]])
        #expect(
            steps.log == [
                "data 1", "begin rank", "train rank", "promote rank", "begin recall", "train recall", "index recall",
                "promote recall with its index", "data 2 after 000001", "begin rank", "train rank", "promote rank",
                "begin recall", "train recall from 000001", "index recall", "promote recall with its index",
            ]
        )
        let record = folder.url.appending(path: "work/rounds/000002/round.json")
        let second = try JSONDecoder().decode(LoopRound.self, from: Data(contentsOf: record))
        #expect(second.since == 2_000_000 - 864_000 && second.until == 2_000_000 - 7_200)
    }

    @Test("a round that is stopped anywhere is taken up, and nothing is done twice", arguments: 0..<16)
    func takenUp(stop: Int) async throws {
        steps.state.withLock { $0.remaining = stop }
        let stopped = try await round(at: 1_000_000)
        // Seven pieces of work are a round.
        #expect((stopped == nil) == (stop < 8))
        steps.state.withLock { ($0.remaining, $0.isInterrupted) = (nil, false) }
        let ended = try await round(at: 5_000_000)
        #expect(ended?.number == (stop < 8 ? 1 : 2) && ended?.status == .finished)
        let expected = [
            "data 1", "begin rank", "train rank", "promote rank", "begin recall", "train recall", "index recall",
            "promote recall with its index",
        ]
        #expect(Array(steps.log.prefix(8)) == expected)
        #expect(steps.state.withLock { $0.decided.values.allSatisfy { $0 == 1 } })
    }

    @Test("a slot that fails leaves the others alone; a round without data has failed, and the next is new")
    func failures() async throws {
        steps.state.withLock { $0.failing = ["train"] }
        let failed = try #require(try await round(at: 1_000_000))
        #expect(failed.status == .finished && failed.slots.values.allSatisfy { $0.decision == .failed })
        #expect(failed.slots["rank"]?.reason.contains("train rank fails") == true)
        steps.state.withLock { $0.failing = ["data"] }
        let empty = try #require(try await round(at: 1_100_000))
        #expect(empty.number == 2 && empty.status == .failed && empty.problem?.contains("data 2") == true)
        steps.state.withLock { $0.failing = [] }
        #expect(try await round(at: 1_200_000)?.number == 3)
    }

    @Test("old rounds go, but for those that serve")
    func cleaning() async throws {
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "work/rounds").path).sorted()
        }
        for number in 1...3 { _ = try await round(at: Int64(number) * 1_000_000) }
        #expect(try names() == ["000002", "000003"])
        steps.state.withLock { $0.used = [folder.url.appending(path: "work/rounds/000002/runs/recall")] }
        let left = folder.url.appending(path: "work/rounds/.old-000001")
        try FileManager.default.createDirectory(at: left, withIntermediateDirectories: true)
        for number in 4...5 { _ = try await round(at: Int64(number) * 1_000_000) }
        #expect(try names() == ["000002", "000004", "000005"])
    }

    @Test("one process works in a folder")
    func lock() async throws {
        _ = try await round(at: 1_000_000)
        let place = folder.url.appending(path: "work")
        let lock = try FolderLock(place.appending(path: ".lock"), of: place, for: "runs this loop")
        let error = await #expect(throws: FileError.self) { _ = try await round(at: 2_000_000) }
        #expect(error?.reason == .locked && error?.description.contains("runs this loop") == true)
        lock.release()
        #expect(try await round(at: 2_000_000)?.number == 2)
    }

    @Test("the timer begins a round when it is due, takes up what was interrupted at once, and ends when asked")
    func timer() async throws {
        let clock = Mutex(Int64(1_000_000))
        let runner = LoopRunner(try configuration(["every_hours": 1]), steps: steps)
        let slept = Mutex<[Double]>([])
        try await runner.runForever(now: { clock.withLock { $0 } }) { seconds in
            slept.withLock { $0.append(seconds) }
            clock.withLock { $0 += Int64(seconds) }
            if slept.withLock({ $0.count }) == 3 { steps.state.withLock { $0.isInterrupted = true } }
        }
        #expect(slept.withLock { $0 } == [3_600, 3_600, 3_600])
        #expect(steps.log.count { $0.hasPrefix("data") } == 3)
    }

    private static let wrong: [(change: [String: JSONValue], words: String)] = [
        (["models": .object([:])], "models: found none"),
        (["models": ["recall": ["budget": "60s"]]], "models.recall: found neither 'model' nor 'config'"),
        (["every_hours": 0], "every_hours: found 0"), (["keep": 3], "keep"),
        (["data": ["since_days": 1]], "data.since_days: found 1.0 days, expected more than data.holdout_hours"),
        (["models": ["recall": ["model": "sasrec", "warm_start": "yes"]]], "models.recall.warm_start"),
    ]

    @Test("mistakes in the configuration are named", arguments: wrong.indices)
    func mistakes(number: Int) throws {
        let (change, words) = Self.wrong[number]
        let error = #expect(throws: ConfigurationError.self) { try configuration(change) }
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }

    @Test("paths begin at the file's folder, and settings are text for the command")
    func paths() throws {
        let loop = try configuration([
            "models": [
                "a": ["config": "x/a.yaml", "settings": ["embedding_size": 16, "model.dropout": 0.1], "seed": 7]
            ]
        ])
        #expect(loop.service.path == folder.url.appending(path: "serve.yaml").standardizedFileURL.path)
        #expect(loop.models[0].experiment?.path == folder.url.appending(path: "x/a.yaml").standardizedFileURL.path)
        #expect(loop.models[0].settings == ["embedding_size=16", "model.dropout=0.1"] && loop.models[0].seed == 7)
    }
}
