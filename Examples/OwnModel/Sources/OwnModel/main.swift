// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Cascade
import Foundation

// The models of Cascade and one more. Whatever reads experiments and runs takes a registry.
let models = ModelRegistry.builtin.adding(AverageOfEmbeddings.self)
let folder = FileManager.default.temporaryDirectory.appending(path: "cascade-own-model-\(UUID().uuidString)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: folder) }

// Train: a synthetic dataset, the model's own settings and the training settings.
var world = try Simulator.named("drift")
(world.users, world.items) = (300, 200)
let data = try world.write(to: folder.appending(path: "data"))
let experiment = try Experiment(
    ["model": ["name": "average-of-embeddings", "width": 16], "training": ["epochs": 5]],
    among: models
)
var options = TrainingOptions()
options.observe = { event in
    if case .evaluated(let epoch, _, let metrics, _) = event {
        print("epoch \(epoch): NDCG@10 \(metrics["ndcg@10"] ?? 0) on validation")
    }
}
let run = RunDirectory(folder.appending(path: "run"), models: models)
_ = try Trainer(experiment, on: data, to: run.url, options).train()

// Evaluate: every user's last item among the whole catalog.
let report = try run.open().evaluate(.test).report
print("test: NDCG@10 \(report.metrics["ndcg@10"] ?? 0), \(report.users) users, \(report.items) items")

// Serve: the run becomes a stage of the funnel, here the source of its candidates.
let served = try await RunLoader.load(.retriever, from: run.url, among: models)
try await served.warmUp()
let user = data.userID(UserIndex(0))
let history = data.events(of: UserIndex(0)).map { row in
    Event(user: user, item: data.itemID(ItemIndex(Int(data.items[row]))), time: data.times[row])
}
let request = FunnelRequest(id: "1", user: user, history: history, count: 5, now: data.manifest.lastTime)
print("\(served.version) recommends to \(user.rawValue):")
for candidate in try await served.source?.candidates(for: request, limit: 5, excluding: []) ?? [] {
    print("  \(candidate.item.rawValue)  \(candidate.score)")
}
