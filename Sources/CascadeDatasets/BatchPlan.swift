// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a training example asks.
public enum ExampleKind: String, Sendable, Codable, CaseIterable {
    /// One row a user with at least two training events; every position predicts the next event.
    case causal
    /// One row a target; the events before it predict it.
    case prefixes
}

/// Which stretch of a longer training sequence ``ExampleKind/causal`` uses in an epoch.
public enum Crop: String, Sendable, Codable, CaseIterable {
    /// The most recent events, the same in every epoch.
    case last
    /// A stretch drawn anew in every epoch, all equally likely.
    case random
}

/// How training examples are laid out in batches: a pure function of the configuration, the seed and the epoch.
///
/// A run that resumes builds the same batches again, so no state needs saving. Every epoch, examples are shuffled,
/// gathered in pools of 16 batches, ordered by length within a pool so that little is padded, and the batches are
/// shuffled.
public struct BatchPlan: Sendable {
    /// Batches to a pool: a larger pool pads less and mixes lengths less.
    private static let poolSize = 16

    /// What the batches are made of.
    public let data: SplitDataset
    /// What an example asks.
    public let kind: ExampleKind
    /// The longest history, in events.
    public let length: Int
    /// On which side shorter histories are padded.
    public let padding: Padding
    /// The number of rows of a batch; the one with the rest may have fewer.
    public let batchSize: Int
    /// How many targets of each user an epoch has under ``ExampleKind/prefixes``; 0 for all.
    public let prefixesPerUser: Int
    /// Which stretch of a longer sequence ``ExampleKind/causal`` uses.
    public let crop: Crop
    /// The seed of all shuffles and draws.
    public let seed: UInt64

    /// Describes the batches.
    ///
    /// - Parameters:
    ///   - data: What to learn from.
    ///   - kind: What an example asks.
    ///   - length: The longest history, in events, at least 1.
    ///   - padding: On which side shorter histories are padded.
    ///   - batchSize: The number of rows of a batch, at least 1.
    ///   - prefixesPerUser: How many targets of each user an epoch has under ``ExampleKind/prefixes``, drawn without
    ///     repetition; 0 for all.
    ///   - crop: Which stretch of a longer sequence ``ExampleKind/causal`` uses.
    ///   - seed: The seed of all shuffles and draws.
    public init(
        _ data: SplitDataset,
        kind: ExampleKind,
        length: Int,
        padding: Padding,
        batchSize: Int,
        prefixesPerUser: Int = 0,
        crop: Crop = .last,
        seed: UInt64
    ) {
        precondition(length >= 1 && length < Int32.max, "the longest history must have at least one event")
        precondition(batchSize >= 1, "a batch must have at least one row")
        precondition(prefixesPerUser >= 0, "the number of prefixes must not be negative")
        self.data = data
        self.kind = kind
        self.length = length
        self.padding = padding
        self.batchSize = batchSize
        self.prefixesPerUser = prefixesPerUser
        self.crop = crop
        self.seed = seed
    }

    /// The number of examples of an epoch; the same in every epoch.
    public var exampleCount: Int { data.training.reduce(0) { $0 + exampleCount($1) } }

    /// The number of batches of an epoch, counted from 0; the same in every epoch.
    public func batchCount(epoch: Int) -> Int { (exampleCount + batchSize - 1) / batchSize }

    /// One batch of an epoch.
    ///
    /// - Complexity: Plans the whole epoch; take ``epoch(_:)`` once to read more than one.
    public func batch(_ index: Int, epoch: Int) -> HostBatch { self.epoch(epoch)[index] }

    /// Plans an epoch, counted from 0.
    ///
    /// - Complexity: Linear in the number of examples, 16 bytes each.
    public func epoch(_ epoch: Int) -> EpochPlan {
        precondition(epoch >= 0, "epochs count from 0")
        var generator = SplitMix64(seed: SplitMix64.mix(seed, UInt64(epoch)))
        var examples: [Example] = []
        examples.reserveCapacity(exampleCount)
        for sequence in data.training where sequence.events.count >= 2 {
            switch kind {
            case .causal: examples.append(stretch(of: sequence, using: &generator))
            case .prefixes: appendPrefixes(of: sequence, to: &examples, using: &generator)
            }
        }
        examples.shuffle(using: &generator)
        examples = ordered(examples)
        let batches = (0..<(examples.count + batchSize - 1) / batchSize).shuffled(using: &generator)
        return EpochPlan(plan: self, epoch: epoch, examples: examples, order: batches)
    }

    private func exampleCount(_ sequence: TrainingSequence) -> Int {
        switch kind {
        case .causal: return min(sequence.events.count - 1, 1)
        case .prefixes:
            let targets = data.trainingTargets(of: sequence).count
            return prefixesPerUser == 0 ? targets : min(prefixesPerUser, targets)
        }
    }

    private func stretch(of sequence: TrainingSequence, using generator: inout SplitMix64) -> Example {
        let count = min(sequence.events.count - 1, length)
        var end = sequence.events.upperBound - 1
        if crop == .random { end = .random(in: sequence.events.lowerBound + count...end, using: &generator) }
        return Example(user: Int32(sequence.user.rawValue), count: Int32(count), end: end)
    }

    /// Selection sampling: each target is taken with the probability still wanted over still left.
    ///
    /// - Source: Knuth, The Art of Computer Programming 2, §3.4.2, algorithm S.
    private func appendPrefixes(
        of sequence: TrainingSequence,
        to examples: inout [Example],
        using generator: inout SplitMix64
    ) {
        let targets = data.trainingTargets(of: sequence)
        var wanted = prefixesPerUser == 0 ? targets.count : min(prefixesPerUser, targets.count)
        for (place, target) in targets.enumerated() where wanted > 0 {
            let left = targets.count - place
            guard wanted == left || Int.random(in: 0..<left, using: &generator) < wanted else { continue }
            wanted -= 1
            let count = min(target - sequence.events.lowerBound, length)
            examples.append(Example(user: Int32(sequence.user.rawValue), count: Int32(count), end: target))
        }
    }

    /// Orders each pool by length, keeping the order of equals (a counting sort).
    private func ordered(_ examples: [Example]) -> [Example] {
        var result = examples
        let longest = Int(examples.reduce(0) { max($0, $1.count) })
        var starts = [Int](repeating: 0, count: longest + 2)  // by length, where the next example of it goes
        let pool = batchSize.multipliedReportingOverflow(by: Self.poolSize)
        let step = pool.overflow ? Int.max : pool.partialValue
        var lower = 0
        while lower < examples.count {
            let upper = step < examples.count - lower ? lower + step : examples.count
            for length in starts.indices { starts[length] = 0 }
            for example in examples[lower..<upper] { starts[Int(example.count) + 1] += 1 }
            for length in starts.indices.dropFirst() { starts[length] += starts[length - 1] }
            for example in examples[lower..<upper] {
                result[lower + starts[Int(example.count)]] = example
                starts[Int(example.count)] += 1
            }
            lower = upper
        }
        return result
    }
}

/// One training example: `count` events that end before row `end`.
///
/// Row `end` is the target of the last of them. Compact, since an epoch may have one for every event.
struct Example {
    let user: Int32
    let count: Int32
    let end: Int
}

/// The batches of one epoch, in order; each is built when it is asked for.
public struct EpochPlan: Sendable, RandomAccessCollection {
    let plan: BatchPlan
    let epoch: Int
    let examples: [Example]
    let order: [Int]  // by place in the epoch, the number of the slice of `examples`

    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of batches.
    public var endIndex: Int { order.count }

    /// Builds one batch.
    public subscript(index: Int) -> HostBatch {
        HostBatch(
            slice(index).lazy.map { Window(user: $0.user, inputs: $0.end - Int($0.count)..<$0.end, target: $0.end) },
            of: plan.data.dataset.eventTable,
            padding: plan.padding,
            causal: plan.kind == .causal
        )
    }

    func slice(_ index: Int) -> ArraySlice<Example> {
        let start = order[index] * plan.batchSize
        return examples[start..<Swift.min(start + plan.batchSize, examples.count)]
    }
}
