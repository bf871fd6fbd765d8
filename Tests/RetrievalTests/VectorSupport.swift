// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRetrieval
import Foundation
import Testing

/// Vectors whose inner products are exact in float32 and in double, and often equal: multiples of 1/4 up to 2.
func coarseVectors(_ count: Int, _ dimension: Int, seed: UInt64) -> [Float] {
    var generator = SplitMix64(seed: seed)
    return (0..<count * dimension).map { _ in Float(Int.random(in: -8...8, using: &generator)) / 4 }
}

func clustered(_ count: Int, dimension: Int = 16, clusters: Int = 40, seed: UInt64 = 1) -> (
    items: ItemVectors, draw: (Int) -> [Float]
) {
    var source = ClusteredVectors(clusters: clusters, dimension: dimension, seed: seed)
    let values = source.draw(count)
    // Queries are further draws, so they are near items without being items.
    guard let items = try? ItemVectors(values, dimension: dimension) else { preconditionFailure("good vectors") }
    return (
        items,
        { count in
            var further = source
            return further.draw(count)
        }
    )
}

/// A random filter that allows about `share` of the items.
func randomFilter(_ count: Int, share: Double, seed: UInt64) -> ItemFilter {
    var generator = SplitMix64(seed: seed)
    let allowed = (0..<count).filter { _ in Double.random(in: 0..<1, using: &generator) < share }
    return ItemFilter(allowing: allowed.map { ItemIndex($0) }, of: count)
}

/// The definition, in double precision, item by item.
func definition(_ items: ItemVectors, _ user: [Float], limit: Int, _ filter: ItemFilter? = nil) -> [Int] {
    let dimension = items.dimension
    let vectors = Array(items.values)
    let scored = (0..<items.count).filter { filter?[ItemIndex($0)] ?? true }.map { item in
        let scores = stride(from: 0, to: user.count, by: dimension).map { start in
            (0..<dimension).reduce(0.0) { $0 + Double(user[start + $1]) * Double(vectors[item * dimension + $1]) }
        }
        return (item: item, score: scores.max() ?? 0)
    }
    return scored.sorted { ($1.score, $0.item) < ($0.score, $1.item) }.prefix(limit).map(\.item)
}

extension [Match] {
    var numbers: [Int] { map(\.item.rawValue) }
}

/// The kinds of index, with parameters for small catalogs.
enum Small {
    static let recipes: [IndexRecipe] = [.flat, graph, productGraph, lists, codes]

    static var approximate: [IndexRecipe] { [graph, productGraph, lists, codes] }

    static var graph: IndexRecipe {
        var parameters = HNSWIndex.Parameters()
        (parameters.m, parameters.efConstruction, parameters.efSearch) = (8, 80, 80)
        return .hnsw(parameters)
    }

    static var productGraph: IndexRecipe {
        var parameters = HNSWIndex.Parameters()
        (parameters.m, parameters.efConstruction, parameters.efSearch) = (16, 100, 100)
        parameters.distance = .product
        return .hnsw(parameters)
    }

    static var lists: IndexRecipe {
        var parameters = IVFIndex.Parameters()
        (parameters.nlist, parameters.nprobe) = (16, 6)
        return .ivf(parameters)
    }

    static var codes: IndexRecipe {
        var parameters = IVFIndex.Parameters.codes(dimension: 16)
        (parameters.nlist, parameters.nprobe) = (16, 6)
        return .ivf(parameters)
    }
}
