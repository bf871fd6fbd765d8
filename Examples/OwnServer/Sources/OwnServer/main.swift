// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Cascade
import CascadeStore
import Foundation
import Hummingbird

// A funnel over a trained retriever and what is popular, inside a server of one's own.
//
//     OwnServer [PORT]    answers GET /for/USER?k=5 until it is stopped; without a port it asks itself once and ends
let folder = FileManager.default.temporaryDirectory.appending(path: "cascade-own-server-\(UUID().uuidString)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: folder) }

var world = try Simulator.named("drift")
(world.users, world.items) = (300, 200)
let data = try world.write(to: folder.appending(path: "data"))
let run = folder.appending(path: "run")
let experiment = try Experiment(["training": ["epochs": 3]], model: "sasrec")
_ = try Trainer(experiment, on: data, to: run, TrainingOptions()).train()

let store = try SQLiteStore(at: folder.appending(path: "store.sqlite"))
_ = try await store.seed(from: data)
let funnel = try FunnelService(
    FunnelConfiguration([
        "store": ["path": .string(folder.appending(path: "store.sqlite").path)],
        "slots": ["sasrec": ["kind": "retriever", "path": .string(run.path)]],
        "recommendation": ["sources": [["slot": "sasrec", "quota": 100], ["builtin": "popular", "quota": 20]]],
    ]),
    store: store,
    loader: RunSlots()
)
try await funnel.start()

let router = Router()
router.get("for/:user") { request, context in
    let user = UserID(try context.parameters.require("user"))
    let count = request.uri.queryParameters.get("k", as: Int.self) ?? 10
    let page = try await funnel.recommend(to: user, count: count)
    return page.items.map { "\($0.item.rawValue)\t\($0.score)\t\($0.sources.joined(separator: ","))\n" }.joined()
}
if let port = CommandLine.arguments.dropFirst().first.flatMap(Int.init) {
    try await Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
        .runService()
} else {
    let page = try await funnel.recommend(to: data.userID(UserIndex(0)), count: 5)
    for item in page.items { print(item.item.rawValue, item.score, item.sources.joined(separator: ",")) }
}
await funnel.shutdown()
try await store.close()
