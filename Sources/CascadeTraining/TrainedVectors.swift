// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeRecommenders
import CascadeTorch

extension TrainedRun {
    /// Vectors of several rows, as numbers outside libtorch.
    public struct Vectors: Sendable {
        /// Row by row: `[N, D]` of items, `[U, Q, D]` of users.
        public let values: [Float]
        /// Vectors of each user `Q`; 1 for items.
        public let interests: Int
        /// Features of a vector `D`.
        public let dimension: Int
    }

    /// The vectors of all items, in the order of the data set.
    ///
    /// - Throws: ``ConfigurationError`` when the model has no item vectors.
    public func itemVectors() throws -> Vectors {
        let retriever = try vectorRetriever()
        return try withoutGradients { () throws in
            let vectors = try retriever.itemVectors()
            return Vectors(values: try vectors.floats(), interests: 1, dimension: vectors.shape[1])
        }
    }

    /// The vectors of users of a part, spread evenly over it, as they were before their target.
    ///
    /// - Parameters:
    ///   - part: Validation or test.
    ///   - limit: How many users at most.
    /// - Throws: ``ConfigurationError`` when the model has no vectors; ``DatasetError`` when the part is empty.
    public func userVectors(_ part: Part, limit: Int) throws -> Vectors {
        let retriever = try vectorRetriever()
        let cases = data.cases(part).spread(limit)
        guard !cases.isEmpty else {
            throw DatasetError(
                .noEvaluationCases,
                "\(data.dataset.manifest.name): the split has no \(part.rawValue) users"
            )
        }
        return try withoutGradients { () throws in
            let rows = try TopKEvaluator(data, seen: experiment.seen, on: device).batches(cases, retriever).map {
                host,
                _ in
                try retriever.userVectors(Batch(host, on: device, noiseSeed: 0))
            }
            let vectors = try Tensor.concatenated(rows)
            return Vectors(values: try vectors.floats(), interests: vectors.shape[1], dimension: vectors.shape[2])
        }
    }

    private func vectorRetriever() throws -> any VectorRetriever {
        guard let retriever = model.vectorRetriever else {
            throw ConfigurationError(
                """
                \(experiment.model.name): it has no item vectors, so there is nothing to index; take a run of a model that \
                compares vectors, such as sasrec or t2diff
                """
            )
        }
        return retriever
    }
}
