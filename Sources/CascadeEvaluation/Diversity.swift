// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Lists that give up some score for variety: chosen greedily to make
/// `Q(S) = sum of scores + weight * number of pairs without a common category` large.
///
/// A weight of 0 leaves a list as it is. The unit of the weight is that of the model's scores.
///
/// - Source: Cen et al. 2020, arXiv:2005.09347, aggregation module, whose Q this is, and its greedy inference.
/// - Deviation: M9: see `Documentation/paper-readings.md`.
public struct Diversity: Sendable {
    /// An item with a model's score.
    public typealias Candidate = (item: Int, score: Double)
    /// How many of the best items are candidates when a model is evaluated.
    public static let candidateCount = 100
    /// Length of the lists that are then made of them.
    public static let listLength = 50

    /// Lambda: what a pair of items without a common category is worth; at least 0.
    public let weight: Double
    /// What items belong to.
    public let categories: ItemCategories

    /// Sets the exchange rate between score and variety.
    public init(weight: Double, categories: ItemCategories) {
        precondition(weight >= 0 && weight.isFinite, "the weight (\(weight)) is at least 0")
        self.weight = weight
        self.categories = categories
    }

    /// The list's worth, Q.
    public func value(of list: [Candidate]) -> Double {
        var pairs = 0
        for (place, candidate) in list.enumerated() {
            pairs += list[..<place].count { categories.differ($0.item, candidate.item) }
        }
        return list.reduce(0) { $0 + $1.score } + weight * Double(pairs)
    }

    /// Picks items one after another, each adding the most to Q; of equals, the one that comes first.
    ///
    /// - Parameters:
    ///   - candidates: Best first.
    ///   - count: Length of the list; shorter when there are fewer candidates.
    /// - Complexity: `count * candidates.count` comparisons of categories.
    public func list(of candidates: [Candidate], count: Int) -> [Candidate] {
        guard weight > 0 else { return Array(candidates.prefix(count)) }
        var gains = candidates.map(\.score)
        var open = Array(candidates.indices)
        var list: [Candidate] = []
        while list.count < count, let first = open.indices.first {
            let best = open.indices.reduce(first) { gains[open[$1]] > gains[open[$0]] ? $1 : $0 }
            let chosen = candidates[open.remove(at: best)]
            list.append(chosen)
            for index in open where categories.differ(candidates[index].item, chosen.item) { gains[index] += weight }
        }
        return list
    }
}

/// What diversity does to the lists of all users: how well they do, and how varied they are, before and after.
public struct DiversityStatistics: Sendable {
    /// K of the lists whose variety is measured.
    public static let cutoffs = [10, 20, 50]

    private let diversity: Diversity
    private var ranks: TargetRanks = []
    private var sums: [(before: Variety, after: Variety)] = cutoffs.map { _ in (Variety(), Variety()) }

    private struct Variety {
        var categories = 0.0
        var diversity = 0.0

        mutating func add(_ list: ArraySlice<Diversity.Candidate>, _ known: ItemCategories) {
            let items = list.map(\.item)
            categories += Double(known.distinctCount(in: items))
            diversity += known.intraListDiversity(of: items)
        }
    }

    /// Starts without lists.
    public init(_ diversity: Diversity) { self.diversity = diversity }

    /// Adds one user with one target.
    ///
    /// - Parameters:
    ///   - candidates: The ``Diversity/candidateCount`` items that score highest, best first.
    ///   - target: The item that should have been recommended.
    ///   - rank: Its rank in the whole catalog, ties counted against the model.
    public mutating func add(_ candidates: [Diversity.Candidate], target: Int, rank: Int) {
        add(candidates, targets: [(target, rank)])
    }

    /// Adds one user.
    ///
    /// - Parameters:
    ///   - candidates: The ``Diversity/candidateCount`` items that score highest, best first.
    ///   - targets: The items that should have been recommended, each with its rank in the whole catalog, ties counted
    ///     against the model. It takes this place among the candidates, so that a weight of 0 gives the metrics of the
    ///     plain ranking.
    public mutating func add(_ candidates: [Diversity.Candidate], targets: [(item: Int, rank: Int)]) {
        let wanted = Set(targets.map(\.item))
        var plain = candidates.filter { !wanted.contains($0.item) }
        for (item, rank) in targets.sorted(by: { $0.rank < $1.rank }) where rank <= Diversity.candidateCount {
            guard let found = candidates.first(where: { $0.item == item }) else { continue }
            plain.insert(found, at: min(rank - 1, plain.count))
        }
        let list = diversity.list(of: plain, count: Diversity.listLength)
        let places = Dictionary(uniqueKeysWithValues: zip(list.map(\.item), 1...))
        // Beyond the list every place is as good as another.
        ranks.append(targets.enumerated().map { places[$1.item] ?? Diversity.listLength + 1 + $0 })
        for (index, cutoff) in Self.cutoffs.enumerated() {
            sums[index].before.add(plain.prefix(cutoff), diversity.categories)
            sums[index].after.add(list.prefix(cutoff), diversity.categories)
        }
    }

    /// Variety of the plain lists, averaged over users: `categories@K` is the number of distinct categories,
    /// `diversity@K` the share of pairs without a common one.
    public var plain: [String: Double] { variety(\.before) }

    /// Variety of the diversified lists, and recall, mean reciprocal rank and discounted gain within them.
    public var diversified: [String: Double] {
        let cutoffs = [1, 2, 5, 10, 20, 50]
        let metrics = RankingMetrics(ranks: ranks, cutoffs: cutoffs).values
        return variety(\.after).merging(metrics.map { ($0.name, $0.value) }) { $1 }
    }

    private func variety(_ side: KeyPath<(before: Variety, after: Variety), Variety>) -> [String: Double] {
        guard !ranks.isEmpty else { return [:] }
        let users = Double(ranks.count)
        return Dictionary(
            uniqueKeysWithValues: zip(Self.cutoffs, sums).flatMap { cutoff, sum in
                [
                    ("categories@\(cutoff)", sum[keyPath: side].categories / users),
                    ("diversity@\(cutoff)", sum[keyPath: side].diversity / users),
                ]
            }
        )
    }
}
