// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// Ranks the whole catalog for every user of a part of the data.
///
/// A target's rank is 1 + the number of other candidates that score at least as high, so ties count against the
/// model. Users are taken in blocks, so that memory is `block * N`; the result does not depend on the block.
public struct TopKEvaluator {
    /// K of the metrics.
    public static let cutoffs = RankingMetrics.cutoffs
    /// Every ranking metric's name.
    public static let metricNames = RankingMetrics.names
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
        /// One rank per case, in the order of the cases.
        public let ranks: [Int]
        /// Of the recommended lists: how much of the catalog they cover, how popular it is.
        public let lists: RecommendationStatistics
        /// What diversity did to the lists, when it was asked for.
        public let diversity: DiversityStatistics?
        /// Whether the scores tell anything apart, by the first block of users.
        public let health: ScoreHealth
        /// The metrics, averaged over users.
        public var metrics: RankingMetrics { RankingMetrics(ranks: ranks, cutoffs: TopKEvaluator.cutoffs) }
    }

    /// Ranks the target of every case.
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
        var ranks: [Int] = []
        ranks.reserveCapacity(cases.count)
        var lists = RecommendationStatistics(trainingCounts: counts)
        var diverse = diversity.map(DiversityStatistics.init)
        var (health, chance) = (ScoreHealth(), ChanceOfRanks())
        for (host, block) in batches(cases, model) {
            try withoutGradients {
                let batch = try Batch(host, on: device, noiseSeed: noiseSeed)
                let scores = try finiteScores(scorer, batch)
                if ranks.isEmpty { health.fault = try .init(scores, areAlike: areAlike(block)) }
                let excluded = try exclude(block, from: scores)
                let target = try scores.gathered(1, batch.targets.unsqueezed(1))
                let found = try scores.greaterOrEqual(target).sum(1).integers()
                for (rank, count) in zip(found, excluded) { chance.add(rank: rank, of: scores.size(1) - count) }
                ranks += found
                for list in try best(Self.listLength, of: scores) { lists.add(list: list.map(\.item)) }
                if let listing {
                    for (row, list) in try best(listing.length, of: scores).enumerated() {
                        listing.use(ranks.count - batch.rows + row, list.map(\.item))
                    }
                }
                guard diversity != nil else { return }
                let targets = block.map { Int(data.dataset.items[$0.target]) }
                for (row, list) in try best(Diversity.candidateCount, of: scores).enumerated() {
                    diverse?.add(list, target: targets[row], rank: ranks[ranks.count - batch.rows + row])
                }
            }
        }
        health.isAtChance = chance.isAtChance
        return Outcome(ranks: ranks, lists: lists, diversity: diverse, health: health)
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
        if keepingTarget { items.remove(data.dataset.items[example.target]) }
        return items
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
