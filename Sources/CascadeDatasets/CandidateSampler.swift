// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// How a CTR model gets what was not clicked: beside every target, items drawn at random.
public struct CandidateSettings: Codable, Sendable, Equatable {
    /// How negatives are drawn.
    public enum Sampling: String, Codable, Sendable, CaseIterable {
        case uniform, popularity
    }

    /// What the drawing may know.
    public enum Knowledge: String, Codable, Sendable, CaseIterable {
        /// Popularity among training events; what the user had in training, or up to the target, is not drawn. Training
        /// draws anew in every epoch.
        case strict
        /// Popularity among all events; what the user ever had, later than the target too, is not drawn, and training
        /// has the same negatives in every epoch. As the code that DARE's authors released.
        case paper
    }

    /// Whether an item that the user had before can be a negative.
    public enum KnownItems: String, Codable, Sendable, CaseIterable {
        /// It cannot. A target that the user had before is then told by that alone.
        case exclude
        /// It can, as any other item.
        case include
    }

    /// Negatives to a target.
    public var negatives = 2
    /// How they are drawn.
    public var sampling = Sampling.popularity
    /// Power of the popularity, for `popularity`.
    public var exponent = 1.0
    /// What the drawing may know.
    public var knowledge = Knowledge.strict
    /// Whether what the user had before is drawn; where people return to items, `include` keeps that from giving the
    /// target away.
    public var knownItems = KnownItems.exclude

    /// DARE's: two negatives, by popularity.
    public init() {}
}

/// Draws the candidates of requests: the item that was chosen, then items that were not.
///
/// What is drawn for a request depends on the seed, the epoch and the request alone.
///
/// - Source: DARE, section 4.1 and appendix B; its released data preparation.
public struct CandidateSampler: Sendable {
    /// Candidates to a request, C: the target and its negatives.
    public var width: Int { settings.negatives + 1 }
    private let settings: CandidateSettings
    private let data: SplitDataset
    private let sampler: any NegativeSampler
    private let seed: UInt64
    private let trainingEnds: [Int]  // by user: the end of their training rows

    /// After so many draws of the user's own items any but the target is taken: the user has (nearly) everything.
    private static let patience = 1_000

    /// Prepares the draws.
    ///
    /// - Throws: ``DatasetError`` as ``PopularityNegatives``, and `.badOption` when there are not more items than
    ///   candidates.
    public init(_ data: SplitDataset, _ settings: CandidateSettings, seed: UInt64) throws {
        guard settings.negatives >= 1, settings.negatives < data.dataset.itemCount else {
            throw DatasetError(
                .badOption,
                "candidates.negatives: found \(settings.negatives), expected 1 to \(data.dataset.itemCount - 1)"
            )
        }
        switch settings.sampling {
        case .uniform: sampler = UniformNegatives(itemCount: data.dataset.itemCount)
        case .popularity:
            let counts = settings.knowledge == .strict ? data.trainingItemCounts() : data.dataset.itemCounts()
            sampler = try PopularityNegatives(counts: counts, exponent: settings.exponent)
        }
        var ends = [Int](repeating: 0, count: data.dataset.userCount)
        for sequence in data.training { ends[sequence.user.rawValue] = sequence.events.upperBound }
        (self.data, self.settings, self.seed, trainingEnds) = (data, settings, seed, ends)
    }

    /// The candidates of one request, as item numbers from 1; the first is the target.
    ///
    /// - Parameters:
    ///   - target: The row of the item that was chosen.
    ///   - user: Whose it is.
    ///   - epoch: Training's, counted from 0; nil when a model is evaluated.
    func candidates(for target: Int, of user: UserIndex, epoch: Int?) -> [Int32] {
        let items = data.dataset.items
        let isFixed = settings.knowledge == .paper
        var generator = SplitMix64(
            seed: SplitMix64.mix(seed, UInt64(target), isFixed ? 0 : UInt64((epoch ?? -1) + 1))
        )
        let events = data.dataset.events(of: user)
        let known =
            settings.knownItems == .include
            ? events.lowerBound..<events.lowerBound
            : isFixed ? events : events.lowerBound..<max(trainingEnds[user.rawValue], target + 1)
        let chosen = items[target] + 1
        var candidates = [chosen]
        candidates.reserveCapacity(width)
        if epoch != nil, !isFixed { addRejected(by: user, until: data.dataset.times[target], &candidates, &generator) }
        var misses = 0
        items.withUnsafeBufferPointer { column in
            let own = UnsafeBufferPointer(rebasing: column[known])
            while candidates.count < width {
                let item = sampler.sample(1, using: &generator)[0]
                guard item != chosen || misses >= 2 * Self.patience else {
                    misses += 1
                    continue
                }
                if misses < Self.patience && own.contains(item - 1) { misses += 1 } else { candidates.append(item) }
            }
        }
        return candidates
    }

    /// Adds items that the user had rejected by then, as up to half of the negatives.
    private func addRejected(
        by user: UserIndex,
        until time: Int64,
        _ candidates: inout [Int32],
        _ generator: inout SplitMix64
    ) {
        guard let table = data.dataset.rejections else { return }
        var rejected = table.of(user).filter { table.times[$0] <= time }.map { table.items[$0] + 1 }
        rejected.shuffle(using: &generator)
        for item in rejected where candidates.count <= (settings.negatives + 1) / 2 && !candidates.contains(item) {
            candidates.append(item)
        }
    }
}

extension Dataset {
    /// `[itemCount]`: how many events each item has.
    public func itemCounts() -> [Int] {
        var counts = [Int](repeating: 0, count: itemCount)
        items.withUnsafeBufferPointer { for item in $0 { counts[Int(item)] += 1 } }
        return counts
    }
}
