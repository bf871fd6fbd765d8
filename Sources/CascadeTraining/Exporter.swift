// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTorch
public import Foundation

extension TrainedRun {
    /// Writes what an outsider needs to recompute every metric without Cascade.
    ///
    /// `item_vectors.npy` float32 `[N, D]` and `user_vectors.npy` float32 `[U, Q, D]`, or `scores.npy` float32
    /// `[U, N]` for a model without vectors; `targets.npy` int64 `[U]`; `seen_offsets.npy` int64 `[U + 1]` and
    /// `seen_items.npy` int64, what each user's ranking leaves out; `users.txt`, `items.txt`; `metrics.json`, exactly
    /// what `cascade evaluate --json` prints; `weights.safetensors`. Scores are dot products in double precision.
    ///
    /// Of a ranker `scores.npy` float32 `[E]` (log-odds), `labels.npy` uint8 `[E]`, `groups.npy` int64 `[E]` (the request
    /// of each candidate), `items.txt`, `metrics.json` and `weights.safetensors`; where it judges purchases,
    /// `purchase_scores.npy` and `purchase_labels.npy` of the same candidates.
    ///
    /// - Parameters:
    ///   - url: A directory that must not exist yet; it appears whole or not at all.
    ///   - part: Validation or test.
    ///   - weights: The run's weights file.
    public func export(to url: URL, _ part: Part = .test, weights: URL) throws {
        if let outcome = try judged(part) { return try export(outcome, to: url, part, weights: weights) }
        let evaluator = evaluator()
        let cases = data.cases(part)
        try DurableDirectory.create(at: url) { folder in
            let report = try evaluate(part).report
            func file(_ name: String) -> URL { folder.appending(path: name) }
            try withoutGradients { () throws in
                let vectors = model as? any VectorRetriever
                var rows: [Tensor] = []
                for (host, _) in evaluator.batches(cases, model) {
                    let batch = try Batch(host, on: device, noiseSeed: 0)
                    rows.append(try vectors?.userVectors(batch) ?? model.scores(batch).to(.float32))
                }
                let all = try Tensor.concatenated(rows)
                if let vectors {
                    try vectors.itemVectors().writeNpy(to: file("item_vectors.npy"))
                    try all.writeNpy(to: file("user_vectors.npy"))
                } else {
                    try all.writeNpy(to: file("scores.npy"))
                }
            }
            var (offsets, seen): ([Int64], [Int64]) = ([0], [])
            for example in cases {
                seen += evaluator.excluded(example).sorted().map(Int64.init)
                offsets.append(Int64(seen.count))
            }
            let dataset = data.dataset
            let targets = cases.map { Int64(dataset.items[$0.target]) }
            try Npy.write(targets, shape: [targets.count], to: file("targets.npy"))
            try Npy.write(offsets, shape: [offsets.count], to: file("seen_offsets.npy"))
            try Npy.write(seen, shape: [seen.count], to: file("seen_items.npy"))
            let users = cases.map { dataset.userID($0.user).rawValue + "\n" }.joined()
            try DurableFile.write(users, to: file("users.txt"))
            try writeItems(to: file("items.txt"))
            try DurableFile.write(report.json() + "\n", to: file("metrics.json"))
            try DurableFile.write(Data(contentsOf: weights, options: .mappedIfSafe), to: file("weights.safetensors"))
        }
    }

    private func export(_ outcome: CTREvaluator.Outcome, to url: URL, _ part: Part, weights: URL) throws {
        try DurableDirectory.create(at: url) { folder in
            func file(_ name: String) -> URL { folder.appending(path: name) }
            let report = try evaluate(part).report
            let count = outcome.scores.count
            func write(_ scores: [Float], _ labels: [Bool], _ prefix: String) throws {
                try Npy.write(scores, shape: [count], to: file("\(prefix)scores.npy"))
                try Npy.write(labels.map { UInt8($0 ? 1 : 0) }, shape: [count], to: file("\(prefix)labels.npy"))
            }
            try write(outcome.scores, outcome.labels, "")
            if let purchases = outcome.purchases { try write(purchases.scores, purchases.labels, "purchase_") }
            try Npy.write(outcome.requests.map(Int64.init), shape: [count], to: file("groups.npy"))
            try writeItems(to: file("items.txt"))
            try DurableFile.write(report.json() + "\n", to: file("metrics.json"))
            try DurableFile.write(Data(contentsOf: weights, options: .mappedIfSafe), to: file("weights.safetensors"))
        }
    }

    private func writeItems(to url: URL) throws {
        let dataset = data.dataset
        let items = (0..<dataset.itemCount).map { dataset.itemID(ItemIndex(rawValue: $0)).rawValue + "\n" }.joined()
        try DurableFile.write(items, to: url)
    }
}
