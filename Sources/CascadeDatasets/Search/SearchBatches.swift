// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// Makes batches of search requests, for training, for evaluation and for a request that comes in.
///
/// Beside what a list showed, negatives can be drawn as for CTR models, for sources that know only what was chosen.
public struct QuerySource: Sendable {
    /// Whether requests have a shown item that was not chosen, so that nothing needs to be drawn.
    public let showsNegatives: Bool
    private let data: SplitDataset
    private let table: RequestTable
    private let division: RequestDivision
    private let tokenizer: QueryTokenizer
    private let length: Int
    private let negatives: Int
    private let excludesKnown: Bool
    private let sampler: (any NegativeSampler)?
    private let seed: UInt64
    private let tokens: [[Int32]]
    private let contexts: [[Int32]]  // by feature, by request, from 1
    private let contextReader: ContextReader
    private let shown: ShownNumbers

    /// Prepares the batches.
    ///
    /// - Parameters:
    ///   - data: A division of requests.
    ///   - settings: How negatives are drawn beside what was shown; with `negatives: 0` none are.
    ///   - tokenizer: Turns queries into tokens.
    ///   - length: How many of the latest events of a history to use.
    ///   - seed: Decides what is drawn.
    /// - Throws: ``DatasetError`` `.badOption` when nothing is drawn and nothing was shown that was not chosen.
    public init(
        _ data: SplitDataset,
        _ settings: CandidateSettings,
        tokenizer: QueryTokenizer,
        length: Int,
        seed: UInt64
    ) throws {
        guard let table = data.dataset.requests, let division = data.requests else {
            throw DatasetError(.badOption, "\(data.dataset.manifest.name): has no search requests to make batches of")
        }
        guard settings.negatives >= 0, settings.negatives < data.dataset.itemCount else {
            throw DatasetError(
                .badOption,
                "candidates.negatives: found \(settings.negatives), expected 0 to \(data.dataset.itemCount - 1)"
            )
        }
        showsNegatives = (0..<table.items.count).contains { !table.isClicked($0) }
        guard settings.negatives > 0 || showsNegatives else {
            throw DatasetError(
                .badOption,
                """
                \(data.dataset.manifest.name): its requests name only what was chosen, so there is nothing to tell it from. Set \
                candidates.negatives to the number of items to draw beside it, for example 10.
                """
            )
        }
        switch (settings.negatives, settings.sampling) {
        case (0, _): sampler = nil
        case (_, .uniform): sampler = UniformNegatives(itemCount: data.dataset.itemCount)
        case (_, .popularity):
            var counts = data.trainingItemCounts()
            for request in division.training {
                for place in table.shown(request) where table.isClicked(place) { counts[Int(table.items[place])] += 1 }
            }
            sampler = try PopularityNegatives(counts: counts, exponent: settings.exponent)
        }
        self.data = data
        self.table = table
        self.division = division
        self.tokenizer = tokenizer
        (self.length, self.seed, negatives) = (length, seed, settings.negatives)
        excludesKnown = settings.knownItems == .exclude
        tokens = (0..<data.dataset.manifest.queries).map { tokenizer.tokens(data.dataset.queryText($0)) }
        contexts = data.dataset.requestFeatureNames.map { data.dataset.requestCombinations($0).map { $0 + 1 } }
        contextReader = ContextReader(data.dataset)
        shown = ShownNumbers(table, scaledOver: division.training)
    }

    /// One epoch of training requests in batches, in an order that the seed and the epoch decide.
    ///
    /// Histories of like length share a batch.
    public func training(epoch: Int, batchSize: Int) -> SearchBatches {
        var generator = SplitMix64(seed: SplitMix64.mix(seed, UInt64(epoch)))
        let shuffled = division.training.shuffled(using: &generator)
        var slices: [[Int]] = []
        let pool = batchSize * 16
        for start in stride(from: 0, to: shuffled.count, by: pool) {
            let requests = shuffled[start..<min(start + pool, shuffled.count)]
                .map { (length: history(of: $0).count, request: $0) }.sorted {
                    ($0.length, $0.request) < ($1.length, $1.request)
                }
            for first in stride(from: 0, to: requests.count, by: batchSize) {
                slices.append(requests[first..<min(first + batchSize, requests.count)].map(\.request))
            }
        }
        return SearchBatches(source: self, slices: slices.shuffled(using: &generator), epoch: epoch)
    }

    /// The requests of a part in batches, in their order; at most `limit`, spread evenly, when it is above 0.
    ///
    /// - Throws: ``DatasetError`` `.noEvaluationCases` when the part has none.
    public func requests(_ part: Part, batchSize: Int, limit: Int = 0) throws -> SearchBatches {
        var numbers = division.numbers(part)
        guard !numbers.isEmpty else {
            throw DatasetError(
                .noEvaluationCases,
                "\(data.dataset.manifest.name): the split has no \(part.rawValue) requests to score; choose the other part"
            )
        }
        if limit > 0, limit < numbers.count { numbers = (0..<limit).map { numbers[$0 * numbers.count / limit] } }
        let slices = stride(from: 0, to: numbers.count, by: batchSize).map {
            Array(numbers[$0..<min($0 + batchSize, numbers.count)])
        }
        return SearchBatches(source: self, slices: slices, epoch: nil)
    }

    /// A request that comes in now: candidates for a query, after all that the user did.
    ///
    /// - Parameters:
    ///   - user: Who asks; nil for somebody who is not known and has no history.
    ///   - query: The text, of any length and content.
    ///   - candidates: What to score.
    ///   - time: When, in seconds since 1970-01-01 UTC; nil takes the time of the user's last event.
    public func request(
        of user: UserIndex?,
        query: String,
        candidates: [ItemIndex],
        time: Int64? = nil
    ) -> QueryHostBatch {
        let events = user.map { data.dataset.events(of: $0) } ?? 0..<0
        let last = events.isEmpty ? data.dataset.manifest.lastTime : data.dataset.times[events.upperBound - 1]
        let row = QueryRow(
            user: Int32(user?.rawValue ?? -1),
            history: events.suffix(length),
            time: time ?? last,
            query: tokenizer.tokens(query),
            context: contextReader.numbers(of: [:]),
            candidates: candidates.map { .init(item: Int32($0.rawValue) + 1) }
        )
        return QueryHostBatch([row], of: data.dataset.eventTable, tokens: tokens, shown: shown)
    }

    func batch(_ requests: [Int], epoch: Int?) -> QueryHostBatch {
        QueryHostBatch(
            requests.map { row($0, epoch: epoch) },
            of: data.dataset.eventTable,
            tokens: tokens,
            shown: shown
        )
    }

    private func history(of request: Int) -> Range<Int> {
        let first = data.dataset.events(of: UserIndex(Int(table.users[request]))).lowerBound
        return (first..<Int(table.ends[request])).suffix(length)
    }

    private func row(_ request: Int, epoch: Int?) -> QueryRow {
        let query = Int(table.queries[request])
        var candidates = table.shown(request).map {
            QueryRow.Candidate(
                item: table.items[$0] + 1,
                isClicked: table.isClicked($0),
                isPurchased: table.isPurchased($0),
                place: $0
            )
        }
        candidates += drawn(request, epoch: epoch, beside: Set(candidates.map(\.item)))
        return QueryRow(
            user: isUnknown(request, epoch: epoch, 0) ? -1 : table.users[request],
            history: history(of: request),
            time: table.times[request],
            query: query < 0 ? [] : tokens[query],
            context: context(request, epoch: epoch),
            candidates: candidates
        )
    }

    /// One request of so many has an unknown user, or an unknown value of a context feature, in training, so that a model
    /// knows what to make of one.
    private static let unknownEvery: UInt64 = 20

    private func context(_ request: Int, epoch: Int?) -> [Int32] {
        contexts.enumerated().map { feature, numbers in
            isUnknown(request, epoch: epoch, 1 + UInt64(feature)) ? 0 : numbers[request]
        }
    }

    /// Whether the user (0), or a context feature (from 1), is unknown in an epoch of training; never in an evaluation.
    private func isUnknown(_ request: Int, epoch: Int?, _ what: UInt64) -> Bool {
        guard let epoch else { return false }
        return SplitMix64.mix(seed, UInt64(request), UInt64(epoch), 0xC0 + what) % Self.unknownEvery == 0
    }

    /// After so many draws of what the user has, any item but a shown one is taken.
    private static let patience = 1_000

    private func drawn(_ request: Int, epoch: Int?, beside shown: Set<Int32>) -> [QueryRow.Candidate] {
        guard let sampler else { return [] }
        var generator = SplitMix64(seed: SplitMix64.mix(seed, UInt64(request), UInt64((epoch ?? -1) + 1)))
        let events = data.dataset.events(of: UserIndex(Int(table.users[request])))
        let before = excludesKnown ? events.lowerBound..<Int(table.ends[request]) : 0..<0
        let known = Set(before.map { data.dataset.items[$0] + 1 })
        var (result, taken, misses) = ([QueryRow.Candidate](), shown, 0)
        while result.count < negatives && misses < 2 * Self.patience {
            let item = sampler.sample(1, using: &generator)[0]
            guard !taken.contains(item), misses >= Self.patience || !known.contains(item) else {
                misses += 1
                continue
            }
            taken.insert(item)
            result.append(.init(item: item))
        }
        return result
    }
}

/// Search requests in batches; each batch is built when it is asked for.
public struct SearchBatches: Sendable, RandomAccessCollection {
    let source: QuerySource
    let slices: [[Int]]
    let epoch: Int?

    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of batches.
    public var endIndex: Int { slices.count }
    /// The requests of a batch, by their numbers in the data set.
    public func requests(_ index: Int) -> [Int] { slices[index] }
    /// Builds one batch.
    public subscript(index: Int) -> QueryHostBatch { source.batch(slices[index], epoch: epoch) }
}
