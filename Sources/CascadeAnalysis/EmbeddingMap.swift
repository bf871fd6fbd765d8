// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

/// A map of the item vectors: their two principal components, colored by category.
enum EmbeddingMap: RunAnalysis {
    static let card = AnalysisCard(
        name: "map",
        summary: "item vectors in two dimensions, colored by category",
        source: "Cascade",
        needs: "models with item vectors",
        options: [.category, .items]
    )

    /// So many categories have a color; the others share one.
    static let colors = 8

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let unit = "in the vectors' own unit"
        var table = Table(
            card.name,
            [
                .init("run"), .init("item"), .init("title"), .init("category"), .init("component 1", unit),
                .init("component 2", unit),
            ]
        )
        let maps = try runs.map { try add($0, options, to: &table) }
        let note = maps.last?.feature.map {
            " Colored by the first value of '\($0)'; the \(colors) most common have colors of their own."
        }
        return Figure(
            card,
            title: "Map of item vectors",
            caption:
                "The two principal components of the vectors of the \(maps.last?.items ?? 0) items with most training events.\(note ?? "")",
            tables: [table],
            panels: zip(runs, maps).map { run, map in
                Panel(
                    .points,
                    map.title,
                    of: table,
                    x: "component 1",
                    y: "component 2",
                    color: "category",
                    where: ["run": run.label]
                )
            }
        )
    }

    /// Adds the items of a run.
    ///
    /// - Returns: The panel's title, the feature that colors, and the number of items.
    private static func add(
        _ run: AnalyzedRun,
        _ options: AnalysisOptions,
        to table: inout Table
    ) throws -> (title: String, feature: String?, items: Int) {
        let (trained, model) = try run.openVectors()
        let dataset = trained.data.dataset
        let counts = trained.data.trainingItemCounts()
        let popular = counts.indices.filter { counts[$0] > 0 }
            .sorted { (counts[$1], $0) < (counts[$0], $1) }.prefix(options.items)
        guard popular.count > 2 else {
            throw ConfigurationError("\(dataset.url.path): \(popular.count) items have training events; a map needs 3")
        }
        let numbers = try Tensor(popular.map(Int64.init), on: trained.device)
        let components = try PrincipalComponents(withoutGradients { try model.itemVectors().rows(numbers).to(.cpu) })
        let places = components.coordinates
        let isColored = options.category != nil || !dataset.itemFeatureNames.isEmpty
        let feature = isColored ? try trained.category(options) : nil
        let categories =
            feature.map { feature in names(popular.map { dataset.itemFeature(feature)?.values(of: $0).first }) }
            ?? Array(repeating: "item", count: popular.count)
        let order = order(of: categories)
        for place in categories.indices.sorted(by: {
            (order[ByteString(categories[$0])] ?? 0, $0) < (order[ByteString(categories[$1])] ?? 0, $1)
        }) {
            let index = ItemIndex(popular[place])
            table.add([
                .text(run.label), .text(dataset.itemID(index).rawValue), .text(dataset.title(index)),
                .text(categories[place]), .number(places[place].x), .number(places[place].y),
            ])
        }
        let shares = components.shares.map { String(format: "%.1f %%", 100 * $0) }
        return ("\(run.label): \(shares.joined(separator: " + ")) of the variance", feature, popular.count)
    }

    private static let other = "other"
    private static let none = "none"

    /// The categories that are drawn: the most common by name.
    static func names(_ categories: [String?]) -> [String] {
        var counts: [ByteString: Int] = [:]
        for case .some(let name) in categories { counts[ByteString(name), default: 0] += 1 }
        let common = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        let kept = Set(common.count <= colors + 1 ? common[...] : common.prefix(colors))
        return categories.map { name in name.map { kept.contains(ByteString($0)) ? $0 : other } ?? none }
    }

    /// The place of each name in the legend: the most common first, what has no name of its own last.
    private static func order(of names: [String]) -> [ByteString: Int] {
        var counts: [ByteString: Int] = [:]
        for name in names { counts[ByteString(name), default: 0] += [other, none].contains(name) ? 0 : 1 }
        let ordered = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return Dictionary(uniqueKeysWithValues: ordered.enumerated().map { ($1.key, $0) })
    }
}

/// The two directions along which points differ most.
struct PrincipalComponents {
    /// Where each point lies along both, from the mean.
    let coordinates: [(x: Double, y: Double)]
    /// The share of the whole variance along each.
    let shares: [Double]

    /// Finds them for points `[N, D]`; D at least 2.
    init(_ points: Tensor) throws {
        let result = try withoutGradients {
            let centerd = try points.to(.float64) - points.to(.float64).mean(0, keep: true)
            var covariance = try centerd.transposed().matmul(centerd)
            let diagonal = try covariance.doubles()
            let width = points.size(1)
            let total = (0..<width).reduce(0) { $0 + diagonal[$1 * width + $1] }
            var (places, shares): ([[Double]], [Double]) = ([], [])
            for _ in 0..<2 {
                let (vector, value) = try Self.leading(covariance)
                places.append(try centerd.matmul(vector).doubles())
                shares.append(total > 0 ? value / total : 0)
                covariance = try covariance - vector.matmul(vector.transposed()) * value
            }
            return (places, shares)
        }
        coordinates = zip(result.0[0], result.0[1]).map { ($0, $1) }
        shares = result.1
    }

    /// The eigenvector `[D, 1]` of a covariance with the largest eigenvalue, its largest entry positive, by squaring the
    /// matrix until that direction alone is left.
    private static func leading(_ matrix: Tensor) throws -> (vector: Tensor, value: Double) {
        var power = matrix
        for _ in 0..<30 {
            let size = try power.square().sum().sqrt().item()
            guard size > 0 else { break }
            power = try power / size
            power = try power.matmul(power)
        }
        let lengths = try power.square().sum(0)
        let column = Int(try lengths.argMax(0).item())
        var vector = try power.sliced(1, from: column, to: column + 1)
        vector = try vector / vector.square().sum().sqrt().clamped(from: 1e-300)
        let entries = try vector.doubles()
        if let largest = entries.max(by: { abs($0) < abs($1) }), largest < 0 { vector = try -vector }
        return (vector, try (matrix.matmul(vector) * vector).sum().item())
    }
}
