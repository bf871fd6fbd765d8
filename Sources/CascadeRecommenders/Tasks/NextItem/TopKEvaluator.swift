// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// Ranks the whole catalog for every user of a part of the data.
///
/// A target's rank is 1 + the number of other candidates that score at least as high, so ties count against the
/// model; of several targets with equal scores, one stands before the other. A user's targets are the different items of
/// the case's target events. They stay candidates, whatever the policy for seen items, and what else is in the history
/// goes. Users are taken in blocks, so that memory is `block * N`; the result does not depend on the block.
public struct TopKEvaluator {
    /// K of the metrics.
    public static let cutoffs = RankingMetrics.cutoffs
    /// Every ranking metric's name, those that only several targets tell apart last.
    public static let metricNames = RankingMetrics.allNames
    /// Every metric's name, those of CTR models after those of rankings.
    public static let allMetricNames = metricNames + ClickMetrics.names
    /// Length of the lists whose coverage and popularity are reported.
    public static let listLength = 20

    let data: SplitDataset
    let seen: SeenPolicy
    let device: Device
    let block: Int

    /// Prepares an evaluation.
    ///
    /// - Parameters:
    ///   - data: The divided data.
    ///   - seen: Whether items of the history are candidates.
    ///   - device: Where the model is.
    ///   - block: Users at a time.
    public init(_ data: SplitDataset, seen: SeenPolicy, on device: Device = .cpu, block: Int = 256) {
        (self.data, self.seen, self.device, self.block) = (data, seen, device, block)
    }

    /// What an evaluation finds.
    public struct Outcome {
        /// The ranks of every case's targets, in the order of the cases.
        public let targetRanks: TargetRanks
        /// The ranks of all targets, case after case; one per case where the split has one target a user.
        public var ranks: [Int] { targetRanks.flat }
        /// Of the recommended lists: how much of the catalog they cover, how popular it is.
        public let lists: RecommendationStatistics
        /// What diversity did to the lists, when it was asked for.
        public let diversity: DiversityStatistics?
        /// Whether the scores tell anything apart, by the first block of users.
        public let health: ScoreHealth
        /// The metrics, averaged over users.
        public var metrics: RankingMetrics { RankingMetrics(ranks: targetRanks, cutoffs: TopKEvaluator.cutoffs) }
    }

    /// Ranks the targets of every case.
    ///
    /// - Parameters:
    ///   - model: In inference mode by construction.
    ///   - part: Validation or test.
    ///   - noiseSeed: What diffusion models start from; another number is another draw.
    ///   - limit: At most so many cases, spread evenly; 0 means all.
    ///   - diversity: Also makes diverse lists of every user's best items.
    ///   - listing: Told every case's best items, by the place of the case: how many, and who is told.
    /// - Throws: ``DatasetError`` when the part is empty; ``DivergenceError`` when a score is not a number.
    public func evaluate(
        _ model: any CatalogScorer,
        _ part: Part,
        noiseSeed: UInt64 = 0,
        limit: Int = 0,
        diversity: Diversity? = nil,
        listing: (length: Int, use: (_ place: Int, _ items: [Int]) -> Void)? = nil
    ) throws -> Outcome {
        let cases = data.cases(part).spread(limit)
        guard !cases.isEmpty else {
            throw DatasetError(
                .noEvaluationCases,
                "\(data.dataset.manifest.name): the split has no \(part.rawValue) users to rank for; choose the other part"
            )
        }
        let scorer = try model.batchScorer()
        let counts = data.trainingItemCounts()
        var ranks: TargetRanks = []
        var lists = RecommendationStatistics(trainingCounts: counts)
        var diverse = diversity.map(DiversityStatistics.init)
        var (health, chance) = (ScoreHealth(), ChanceOfRanks())
        for (host, block) in batches(cases, model) {
            try withoutGradients {
                let batch = try Batch(host, on: device, noiseSeed: noiseSeed)
                let scores = try finiteScores(scorer, batch)
                if ranks.isEmpty { health.fault = try .init(scores, areAlike: areAlike(block)) }
                let excluded = try exclude(block, from: scores)
                let targets = block.map(targetItems)
                let found = try self.ranks(of: targets, in: scores)
                for (found, count) in zip(found, excluded) {
                    // Each target among the candidates that are none.
                    let candidates = scores.size(1) - count - found.count + 1
                    for (place, rank) in found.sorted().enumerated() { chance.add(rank: rank - place, of: candidates) }
                }
                for found in found { ranks.append(found) }
                for list in try best(Self.listLength, of: scores) { lists.add(list: list.map(\.item)) }
                if let listing {
                    for (row, list) in try best(listing.length, of: scores).enumerated() {
                        listing.use(ranks.count - batch.rows + row, list.map(\.item))
                    }
                }
                guard diversity != nil else { return }
                for (row, list) in try best(Diversity.candidateCount, of: scores).enumerated() {
                    let targets = zip(targets[row].map(Int.init), found[row]).map { (item: $0, rank: $1) }
                    diverse?.add(list, targets: targets)
                }
            }
        }
        health.isAtChance = chance.isAtChance
        return Outcome(targetRanks: ranks, lists: lists, diversity: diverse, health: health)
    }

    /// The items that score highest for one history, best first, with their scores.
    public func recommend(
        _ model: any CatalogScorer,
        for example: EvaluationCase,
        count: Int,
        noiseSeed: UInt64 = 0
    ) throws -> [(item: ItemIndex, score: Double)] {
        let scorer = try model.batchScorer()
        var result: [(item: ItemIndex, score: Double)] = []
        for (host, block) in batches([example], model) {
            try withoutGradients {
                let batch = try Batch(host, on: device, noiseSeed: noiseSeed)
                let scores = try finiteScores(scorer, batch)
                try exclude(block, from: scores, keepingTarget: false)
                result = try best(count, of: scores)[0].map { (ItemIndex(rawValue: $0.item), $0.score) }
            }
        }
        return result
    }

    /// Batches of a model's form, each beside the cases that it holds.
    package func batches(_ cases: [EvaluationCase], _ model: any CatalogScorer) -> some Sequence<
        (HostBatch, ArraySlice<EvaluationCase>)
    > {
        let hosts = EvaluationBatches(
            cases,
            of: data.dataset,
            length: max(model.length, 1),
            padding: type(of: model).padding,
            batchSize: block
        )
        let slices = stride(from: 0, to: cases.count, by: block).lazy.map { [block] in
            cases[$0..<Swift.min($0 + block, cases.count)]
        }
        return zip(hosts, slices)
    }

    /// Items that the seen policy takes out of a user's ranking.
    package func excluded(_ example: EvaluationCase, keepingTarget: Bool = true) -> Set<Int32> {
        guard seen == .exclude else { return [] }
        var items = Set(example.history.map { data.dataset.items[$0] })
        if keepingTarget { items.subtract(data.dataset.items[example.targets]) }
        return items
    }

    /// The items that a case asks for, each once, in the order of their first events.
    package func targetItems(_ example: EvaluationCase) -> [Int64] {
        let items = data.dataset.items[example.targets].map(Int64.init)
        guard items.count > 1 else { return items }
        var known: Set<Int64> = []
        return items.filter { known.insert($0).inserted }
    }

    /// The rank of every target of every row, in the order of the targets.
    ///
    /// - Parameters:
    ///   - targets: By row, different items.
    ///   - scores: `[B, N]`.
    private func ranks(of targets: [[Int64]], in scores: Tensor) throws -> [[Int]] {
        let width = targets.reduce(1) { max($0, $1.count) }
        // Short rows repeat their first target.
        let numbers = targets.flatMap { $0 + [Int64](repeating: $0[0], count: width - $0.count) }
        let wanted = try scores.gathered(1, Tensor(numbers, shape: [targets.count, width], on: device))  // [B, T]
        let counts = try (0..<width).map {
            try scores.greaterOrEqual(wanted.sliced(1, from: $0, to: $0 + 1)).sum(1).integers()
        }
        guard width > 1 else { return counts[0].map { [$0] } }
        let values = try wanted.doubles()
        return targets.enumerated().map { row, items in
            let places = items.indices
            func score(_ place: Int) -> Double { values[row * width + place] }
            let order = places.sorted { (score($1), $0) < (score($0), $1) }
            var ranks = [Int](repeating: 0, count: items.count)
            for (position, place) in order.enumerated() {
                // Of those that score at least as high, the targets are counted by their order alone.
                let rivals = places.count { score($0) >= score(place) }
                ranks[place] = counts[place][row] - rivals + 1 + position
            }
            return ranks
        }
    }

    /// Scores of the whole catalog, in storage of their own.
    private func finiteScores(_ scorer: (Batch) throws -> Tensor, _ batch: Batch) throws -> Tensor {
        let scores = try scorer(batch)
        try ScoreHealth.requireFinite(scores)
        return scores
    }

    /// Takes what the seen policy excludes out of the scores.
    ///
    /// - Returns: How many items that are, for each case.
    @discardableResult
    private func exclude(
        _ cases: ArraySlice<EvaluationCase>,
        from scores: Tensor,
        keepingTarget: Bool = true
    ) throws -> [Int] {
        var (rows, columns): ([Int64], [Int64]) = ([], [])
        let counts = cases.enumerated().map { row, example in
            let items = excluded(example, keepingTarget: keepingTarget)
            for item in items {
                rows.append(Int64(row))
                columns.append(Int64(item))
            }
            return items.count
        }
        if !rows.isEmpty {
            try scores.fill(rows: Tensor(rows, on: device), columns: Tensor(columns, on: device), -.infinity)
        }
        return counts
    }

    /// Whether all cases have the same history, as far as a model might read it.
    private func areAlike(_ cases: ArraySlice<EvaluationCase>) -> Bool {
        guard let first = cases.first else { return true }
        return cases.allSatisfy { data.dataset.items[$0.history].elementsEqual(data.dataset.items[first.history]) }
    }

    /// The candidates of every row that score highest, best first.
    private func best(_ count: Int, of scores: Tensor) throws -> [[Diversity.Candidate]] {
        let top = try scores.top(min(count, scores.size(1)))
        let (items, values, width) = (try top.indices.integers(), try top.values.doubles(), top.indices.size(1))
        return (0..<scores.size(0)).map { row in
            (row * width..<(row + 1) * width).filter { values[$0] > -.infinity }.map { (items[$0], values[$0]) }
        }
    }
}
