// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// Synthetic vectors in clusters, as trained embeddings are: normal noise around normally distributed centers.
public struct ClusteredVectors {
    private let centers: [Float]
    private let dimension: Int
    private let standardDeviation: Float
    private var generator: SplitMix64
    private var spare: Float?

    /// Draws the centers, whose features have standard deviation 1.
    ///
    /// - Parameters:
    ///   - clusters: Number of centers, at least 1.
    ///   - dimension: Features of a vector.
    ///   - standardDeviation: Standard deviation of a feature around the center.
    ///   - seed: Equal seeds draw equal vectors.
    public init(clusters: Int, dimension: Int, standardDeviation: Float = 0.5, seed: UInt64) {
        self.dimension = dimension
        self.standardDeviation = standardDeviation
        generator = SplitMix64(seed: seed)
        var drawn: [Float] = []
        var spare: Float?
        for _ in 0..<clusters * dimension { drawn.append(Self.normal(&generator, &spare)) }
        centers = drawn
        self.spare = spare
    }

    /// The next vectors, `[count, dimension]`, each around a center that is drawn for it.
    public mutating func draw(_ count: Int) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(count * dimension)
        for _ in 0..<count {
            let center = Int.random(in: 0..<centers.count / dimension, using: &generator) * dimension
            for feature in 0..<dimension {
                values.append(centers[center + feature] + standardDeviation * Self.normal(&generator, &spare))
            }
        }
        return values
    }

    /// A normal number; they come in pairs.
    ///
    /// - Source: Box and Muller 1958.
    private static func normal(_ generator: inout SplitMix64, _ spare: inout Float?) -> Float {
        if let number = spare {
            spare = nil
            return number
        }
        let radius = (-2 * log(1 - Float.random(in: 0..<1, using: &generator))).squareRoot()
        let angle = 2 * Float.pi * Float.random(in: 0..<1, using: &generator)
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}
