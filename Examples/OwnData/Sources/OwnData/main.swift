// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Cascade
import Foundation

var builder = DatasetBuilder(name: "mine")
for (user, items) in histories {
    for (time, item) in items.enumerated() {
        builder.add(Event(user: UserID(user), item: ItemID(item), time: Int64(time)))
    }
}
let data = try builder.write(to: folder.appending(path: "data"), minUserEvents: 1, minItemEvents: 1)
let experiment = try Experiment(["training": ["epochs": 5]], model: "sasrec")
let run = RunDirectory(folder.appending(path: "run"))
_ = try Trainer(experiment, on: data, to: run.url, TrainingOptions()).train()
let trained = try run.open()
print("NDCG@10 on test:", try trained.evaluate(.test).report.metrics["ndcg@10"] ?? 0)
for (item, score) in try trained.recommend(to: "user-1", count: 3) { print(data.itemID(item), score) }
