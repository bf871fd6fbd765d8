// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeRecommenders
import CascadeRuns
import CascadeServing
import CascadeSimulation
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

/// What an engine leaves behind when a new one has taken its place.
@Suite("Engines and process-wide state", .serialized)
struct ServingLeakTests {
    @Test("twenty models served in turn leave neither a thread nor a tensor")
    func replaced() async {
        await #expect(processExitsWith: .success) {
            Runtime.setThreads(1)
            let folder = try TemporaryFolder()
            var world = try Simulator.named("drift")
            (world.users, world.items) = (30, 100)
            let data = try world.write(to: folder.file("data"))
            try train(on: data, to: folder.file("run"))
            #expect(Runtime.liveHandles == 0)
            try await serve(folder.file("run"), data)
            try await expect(0, "handles") { Runtime.liveHandles }
            let threads = threadCount()
            for _ in 1..<20 { try await serve(folder.file("run"), data) }
            try await expect(0, "handles") { Runtime.liveHandles }
            try await expect(threads, "threads") { max(threadCount(), threads) }
        }
    }
}

private func train(on data: Dataset, to url: URL) throws {
    let settings = #"{"model": {"name": "sasrec", "width": 8, "length": 10}, "training": {"epochs": 1, "threads": 1}}"#
    let experiment = try Experiment(JSONDecoder().decode(JSONValue.self, from: Data(settings.utf8)))
    _ = try Trainer(experiment, on: data, to: url, TrainingOptions()).train()
}

/// Serves a little and lets go while requests are under way.
private func serve(_ run: URL, _ data: Dataset) async throws {
    var served: ServedModel? = try await RunLoader.load(.retriever, from: run)
    try await served?.warmUp()
    let event = Event(user: "u", item: data.itemID(ItemIndex(3)), time: 1)
    let request = FunnelRequest(id: "r", user: nil, history: [event], count: 5, now: 2)
    guard let source = served?.source else { return }
    let asking = (0..<16).map { _ in Task { try await source.candidates(for: request, limit: 5, excluding: []).count } }
    served = nil
    for task in asking { #expect(try await task.value == 5) }
}

/// Waits up to five seconds, for a thread ends a moment after its engine.
private func expect(_ wanted: Int, _ what: String, _ count: () -> Int) async throws {
    for _ in 0..<500 where count() != wanted { try await Task.sleep(for: .milliseconds(10)) }
    #expect(count() == wanted, "\(what)")
}

private func threadCount() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
}
