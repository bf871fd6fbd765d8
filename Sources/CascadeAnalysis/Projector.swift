// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTensorBoard
import CascadeTensorFiles
import CascadeTorch
public import CascadeTraining
public import Foundation

extension TrainedRun {
    /// Writes item vectors in the form that TensorBoard's embedding projector reads.
    ///
    /// `tensors.tsv`, a vector a line; `metadata.tsv`, with the item's id, title, number of training events and
    /// features; `projector_config.pbtxt`; an empty event file, so that TensorBoard finds the folder.
    ///
    /// - Parameters:
    ///   - url: A directory that must not exist yet; it appears whole or not at all.
    ///   - limit: How many items, those with most training events first.
    /// - Throws: ``ConfigurationError`` when the model has no item vectors.
    /// - Source: TensorBoard's `projector_config.proto`.
    public func exportProjector(to url: URL, limit: Int) throws {
        guard let model = model.vectorRetriever else {
            throw ConfigurationError("'\(experiment.model.name)' has no item vectors; there is nothing to project")
        }
        let (dataset, counts) = (data.dataset, data.trainingItemCounts())
        let items = Array(counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }.prefix(limit))
        let features = dataset.itemFeatureNames
        func line(_ cells: [String]) -> String {
            // A tab or a line feed in a title would shift what follows.
            let clean = cells.map { String($0.map { $0 == "\t" || $0.isNewline ? " " : $0 }) }
            return clean.joined(separator: "\t") + "\n"
        }
        var metadata = line(["item", "title", "training events"] + features)
        for item in items {
            let values = features.map { dataset.itemFeature($0)?.values(of: item).joined(separator: ", ") ?? "" }
            let index = ItemIndex(item)
            metadata += line([dataset.itemID(index).rawValue, dataset.title(index), "\(counts[item])"] + values)
        }
        let rows = try Tensor(items.map(Int64.init), on: device)
        let vectors = try withoutGradients { try model.itemVectors().rows(rows) }
        let (values, width) = (try vectors.floats(), vectors.size(1))
        var tensors = ""
        for row in items.indices { tensors += line(values[row * width..<(row + 1) * width].map { "\($0)" }) }
        let configuration = """
            embeddings {
              tensor_name: "items of \(experiment.model.name)"
              tensor_shape: \(items.count)
              tensor_shape: \(width)
              tensor_path: "tensors.tsv"
              metadata_path: "metadata.tsv"
            }

            """
        try DurableDirectory.create(at: url) { folder in
            try DurableFile.write(tensors, to: folder.appending(path: "tensors.tsv"))
            try DurableFile.write(metadata, to: folder.appending(path: "metadata.tsv"))
            try DurableFile.write(configuration, to: folder.appending(path: "projector_config.pbtxt"))
            _ = try TensorBoardWriter(directory: folder, wallTime: Date().timeIntervalSince1970)
        }
    }
}
