// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Turns features of the moment, as callers name them, into the numbers that a model was trained with.
public struct ContextReader: Sendable {
    private struct Feature: Sendable {
        let name: String
        /// The number of each value, from 1.
        let numbers: [ByteString: Int32]
        /// The number of requests without a value; 0, which stands for unknown, when the data set has none.
        let missing: Int32
    }

    private let features: [Feature]

    /// Reads the features of a data set's requests.
    public init(_ dataset: Dataset) {
        features = dataset.requestFeatureNames.map { name in
            let combinations = dataset.requestCombinations(name)
            guard let feature = dataset.requestFeature(name) else {
                return Feature(name: name, numbers: [:], missing: 0)
            }
            var (numbers, missing): ([ByteString: Int32], Int32) = ([:], 0)
            for (request, number) in combinations.enumerated() {
                let values = feature.values(of: request)
                if values.isEmpty { missing = number + 1 }
                if values.count == 1 { numbers[ByteString(values[0])] = number + 1 }
            }
            return Feature(name: name, numbers: numbers, missing: missing)
        }
    }

    /// One number for each feature of requests, in the order of their names; 0 for a value that no request had.
    ///
    /// Names that no request had are ignored.
    public func numbers(of context: [String: String]) -> [Int32] {
        features.map { feature in
            guard let value = context[feature.name] else { return feature.missing }
            return feature.numbers[ByteString(value)] ?? 0
        }
    }
}
