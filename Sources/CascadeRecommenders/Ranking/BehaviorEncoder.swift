// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeNN
import CascadeTorch

/// A map of one feature's vectors into another space; how earlier attempts try to tell attention from representation.
///
/// - Source: DARE, section 2.3 and appendix C.1.
struct FeatureMap: Module {
    let first: Linear
    let second: Linear?

    /// A square map, or one with a hidden layer of the same width.
    init(_ input: Int, _ output: Int, isDeep: Bool, using generator: Generator) throws {
        first = try Linear(input, isDeep ? input : output, bias: isDeep, using: generator)
        second = isDeep ? try Linear(input, output, using: generator) : nil
    }

    /// The matrix `[output, input]` of a map that is nothing else.
    var matrix: Tensor? { second == nil ? first.weight.value : nil }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        guard let second else { return try first(x) }
        return try second(first(x).relu())
    }
}

/// A table of one feature's vectors, with or without a map after it.
struct FeatureTable: Module {
    let table: Embedding
    let map: FeatureMap?
    let width: Int

    init(_ count: Int, _ width: Int, _ spread: Double, isRowSparse: Bool, using generator: Generator) throws {
        table = try Embedding(count, width, .normal(spread), isRowSparse: isRowSparse, using: generator)
        (map, self.width) = (nil, width)
    }

    private init(_ table: Embedding, _ map: FeatureMap?, width: Int) {
        (self.table, self.map, self.width) = (table, map, width)
    }

    /// The same table behind a map of its own.
    func mapped(to output: Int, isDeep: Bool, using generator: Generator) throws -> FeatureTable {
        FeatureTable(table, try FeatureMap(width, output, isDeep: isDeep, using: generator), width: output)
    }

    /// Its own rows, equal to these, with dense gradients, behind the same map.
    func copied() throws -> FeatureTable {
        FeatureTable(Embedding(weight: try Parameter(table.weight.value.copy())), map, width: width)
    }

    /// The map, where it is a matrix `[width, rowWidth]` and nothing else.
    var matrix: Tensor? { map?.matrix }
    /// Whether the map is more than a matrix.
    var isDeep: Bool { map != nil && matrix == nil }
    /// Features of what ``rows(_:)`` gives.
    var rowWidth: Int { matrix?.size(1) ?? width }

    /// int64 `[...]` to `[..., rowWidth]`: before the map, if that is a matrix.
    func rows(_ numbers: Tensor) throws -> Tensor {
        let rows = try table(numbers)
        return try isDeep ? map?(rows) ?? rows : rows
    }

    /// int64 `[...]` to `[..., width]`.
    func callAsFunction(_ numbers: Tensor) throws -> Tensor {
        let rows = try table(numbers)
        return try map?(rows) ?? rows
    }
}

/// How behaviors and candidates become vectors, feature by feature: item, category and time.
struct BehaviorEncoder: Module {
    let items: FeatureTable
    let categories: FeatureTable?
    /// By distance from the request; row 0 is the request itself.
    let places: FeatureTable
    /// By age in buckets, nil when ages are not read; row 0 is the request itself.
    let ages: FeatureTable?

    /// What decides the size of the tables.
    struct Shape {
        let data: DatasetShape
        let width: Int
        let length: Int
        let initializerStd: Double
        let readsTimeDeltas: Bool
        let isRowSparse: Bool
    }

    init(_ s: Shape, using generator: Generator) throws {
        func table(_ count: Int, sparse: Bool = false) throws -> FeatureTable {
            try FeatureTable(count, s.width, s.initializerStd, isRowSparse: sparse, using: generator)
        }
        items = try table(s.data.items + 1, sparse: s.isRowSparse)
        categories = s.data.categoryCount > 0 ? try table(s.data.categoryCount + 1, sparse: s.isRowSparse) : nil
        places = try table(s.length + 1)
        ages = s.readsTimeDeltas ? try table(Behaviors.ageBuckets + 1) : nil
    }

    private init(_ items: FeatureTable, _ categories: FeatureTable?, _ places: FeatureTable, _ ages: FeatureTable?) {
        (self.items, self.categories, self.places, self.ages) = (items, categories, places, ages)
    }

    /// The same tables behind maps of their own, for the features that are named.
    func mapped(_ kind: Projection, to width: Int, using generator: Generator) throws -> BehaviorEncoder {
        let (isDeep, parts) = (kind == .mlp, kind.features)
        func mapped(_ table: FeatureTable?, _ feature: Projection.Feature) throws -> FeatureTable? {
            guard parts.contains(feature) else { return table }
            return try table?.mapped(to: width, isDeep: isDeep, using: generator)
        }
        return BehaviorEncoder(
            try mapped(items, .item) ?? items,
            try mapped(categories, .category),
            try mapped(places, .time) ?? places,
            try mapped(ages, .time)
        )
    }

    /// Tables of its own with equal rows.
    func copied() throws -> BehaviorEncoder {
        BehaviorEncoder(try items.copied(), try categories?.copied(), try places.copied(), try ages?.copied())
    }

    /// Its tables by feature.
    var tables: [(name: String, table: FeatureTable)] {
        [("items", items), ("categories", categories), ("places", places), ("ages", ages)].compactMap { name, table in
            table.map { (name, $0) }
        }
    }

    /// Features of an item's vector, without time.
    var semanticWidth: Int { items.width + (categories?.width ?? 0) }
    /// Features of the time's vector.
    var timeWidth: Int { places.width }

    /// Time vectors of the behaviors: `[1, L, D_t]`, or `[B, L, D_t]` when ages are read.
    func times(_ b: Behaviors) throws -> Tensor {
        let distance = try places(b.places.clamped(to: Double(places.table.weight.value.size(0) - 1))).unsqueezed(0)
        guard let ages else { return distance }
        return try distance + ages(b.ages())
    }

    /// The request's own time vector: `[D_t]`.
    func now(on device: Device) throws -> Tensor {
        let zero = try Tensor([Int64(0)], on: device)
        let place = try places(zero).squeezed(0)
        guard let ages else { return place }
        return try place + ages(zero).squeezed(0)
    }

    /// Item and category side by side: `[..., semanticWidth]`.
    func semantics(_ numbers: Tensor, _ categoryNumbers: Tensor?) throws -> Tensor {
        try finished(rows(numbers, categoryNumbers))
    }

    /// Item and category side by side, before maps that are linear: `[..., D]`.
    ///
    /// Products and sums with many behaviors can be taken of these, and the maps be left to what is fewer.
    func rows(_ numbers: Tensor, _ categoryNumbers: Tensor?) throws -> Tensor {
        var parts = [(items, numbers)]
        if let categories, let categoryNumbers { parts.append((categories, categoryNumbers)) }
        guard hasDeepMaps else { return try Embedding.sideBySide(parts.map { ($0.table, $1) }) }
        return try .concatenated(parts.map { try $0.rows($1) }, -1)
    }

    /// What ``rows(_:_:)`` gives, or weighted sums of it, after the linear maps: `[..., semanticWidth]`.
    func finished(_ rows: Tensor) throws -> Tensor {
        try byFeature(rows, \.rowWidth) { part, matrix in try part.linear(matrix) }
    }

    /// Vectors whose products with ``rows(_:_:)`` are those of the given ones with ``semantics(_:_:)``.
    ///
    /// - Parameter vectors: `[..., semanticWidth]`.
    func pulledBack(_ vectors: Tensor) throws -> Tensor {
        try byFeature(vectors, \.width) { part, matrix in try part.matmul(matrix) }
    }

    /// Whether a map that is not linear stands between a table and its vectors.
    var hasDeepMaps: Bool { semanticTables.contains(where: \.isDeep) }

    private var semanticTables: [FeatureTable] { [items, categories].compactMap(\.self) }

    /// Changes the columns of each feature behind a linear map by its matrix.
    private func byFeature(
        _ x: Tensor,
        _ width: (FeatureTable) -> Int,
        _ change: (Tensor, Tensor) throws -> Tensor
    ) throws -> Tensor {
        guard semanticTables.contains(where: { $0.matrix != nil }) else { return x }
        var start = 0
        return try .concatenated(
            semanticTables.map { table in
                let part = try x.sliced(-1, from: start, to: start + width(table))
                start += width(table)
                return try table.matrix.map { try change(part, $0) } ?? part
            },
            -1
        )
    }
}

/// Which features attention and representation map into spaces of their own.
///
/// - Source: DARE, section 2.3 and appendix C.1.
public enum Projection: String, Codable, Sendable, CaseIterable {
    case none, linear, item, category, time
    case categoryAndTime = "category-and-time"
    /// Every feature, with a hidden layer.
    case mlp

    enum Feature { case item, category, time }

    var features: [Feature] {
        switch self {
        case .none: []
        case .linear, .mlp: [.item, .category, .time]
        case .item: [.item]
        case .category: [.category]
        case .time: [.time]
        case .categoryAndTime: [.category, .time]
        }
    }
}
