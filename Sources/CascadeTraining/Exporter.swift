// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
public import Foundation

extension TrainedRun {
    /// Writes what an outsider needs to recompute every metric without Cascade.
    ///
    /// What the task exports, see ``RecommendationTask/export(_:to:)``: vectors or scores, targets or labels. Besides:
    /// `items.txt`; `metrics.json`, exactly what `cascade evaluate --json` prints; `weights.safetensors`. Scores are dot
    /// products in double precision.
    ///
    /// - Parameters:
    ///   - url: A directory that must not exist yet; it appears whole or not at all.
    ///   - part: Validation or test.
    ///   - weights: The run's weights file.
    public func export(to url: URL, _ part: Part = .test, weights: URL) throws {
        try DurableDirectory.create(at: url) { folder in
            func file(_ name: String) -> URL { folder.appending(path: name) }
            let report = try evaluate(part).report
            try task.export(part, to: folder)
            let dataset = data.dataset
            let items = (0..<dataset.itemCount).map { dataset.itemID(ItemIndex(rawValue: $0)).rawValue + "\n" }.joined()
            try DurableFile.write(items, to: file("items.txt"))
            try DurableFile.write(report.json() + "\n", to: file("metrics.json"))
            try DurableFile.write(Data(contentsOf: weights, options: .mappedIfSafe), to: file("weights.safetensors"))
        }
    }
}
