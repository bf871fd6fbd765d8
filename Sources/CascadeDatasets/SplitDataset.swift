// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles

/// One question to a model: which items come at the targets, after these events of the user.
public struct EvaluationCase: Sendable, Equatable {
    /// The user.
    public let user: UserIndex
    /// The rows of the user's events before the targets, at least one.
    public let history: Range<Int>
    /// The rows of the events whose items are the right answers, at least one.
    public let targets: Range<Int>

    /// The row of the event that comes next, the first of the targets.
    public var target: Int { targets.lowerBound }

    /// Describes a case with one target.
    ///
    /// - Parameters:
    ///   - user: The user.
    ///   - history: The rows of the user's events before the target.
    ///   - target: The row of the event whose item is the right answer.
    public init(user: UserIndex, history: Range<Int>, target: Int) {
        self.init(user: user, history: history, targets: target..<target + 1)
    }

    /// Describes a case.
    ///
    /// - Parameters:
    ///   - user: The user.
    ///   - history: The rows of the user's events before the targets.
    ///   - targets: The rows of the events whose items are the right answers, at least one.
    public init(user: UserIndex, history: Range<Int>, targets: Range<Int>) {
        precondition(!targets.isEmpty, "a case needs a target")
        self.user = user
        self.history = history
        self.targets = targets
    }
}

/// The events of one user that a model may learn from.
public struct TrainingSequence: Sendable, Equatable {
    /// The user.
    public let user: UserIndex
    /// Their rows, at least one, in the order of time.
    public let events: Range<Int>
}

/// A data set divided into training, validation and test.
///
/// No training event is, or comes after, a target of the same user; under ``Split/temporal(validation:test:targets:)`` none
/// is as late as any target of anyone.
public struct SplitDataset: Sendable {
    /// The data set.
    public let dataset: Dataset
    /// How it is divided.
    public let split: Split
    /// What to learn from, by user; each has at least one event.
    public let training: [TrainingSequence]
    /// The number of events to learn from.
    public let trainingEventCount: Int
    /// The time of the latest event to learn from, in seconds.
    public let lastTrainingTime: Int64
    /// The division of the search requests; nil for a model that does not read them.
    public let requests: RequestDivision?
    private let validation: [EvaluationCase]
    private let test: [EvaluationCase]

    /// Divides a data set.
    ///
    /// - Throws: ``DatasetError`` `.badOption` for a share or a point outside its range or a given split that the data
    ///   set lacks, `.empty` when nothing is left to learn from, `.noEvaluationCases` when a part that the split asks
    ///   for has no target.
    public init(_ dataset: Dataset, _ split: Split) throws {
        try split.targets.check()
        var division = Division(split.targets)
        switch split {
        case .leaveOneOut: division.leaveOneOut(dataset)
        case .leaveNOut: division.leaveNOut(dataset)
        case .temporal(let validation, let test, _): try division.temporal(dataset, validation, test)
        case .byUser(let validation, let test, let seed, _): try division.byUser(dataset, validation, test, seed)
        case .given, .givenWithTargets: try division.given(dataset)
        case .positions(let minimum, let first, let last, let every):
            try division.positions(dataset, minimum: minimum, first: first, last: last, every: every)
        }
        try division.check(dataset)
        self.init(dataset, split, division, requests: nil)
    }

    /// Divides a data set's search requests, for a model that reads them.
    ///
    /// Events are history alone: those to learn from are the events of a user before the first request that a model is evaluated by.
    ///
    /// - Throws: ``DatasetError`` as ``RequestDivision``, and `.badOption` when there are no requests.
    public init(requestsOf dataset: Dataset, _ split: Split) throws {
        guard let table = dataset.requests else {
            throw DatasetError(
                .badOption,
                """
                \(dataset.manifest.name): has no search requests, which this model reads. Import data that has them (cascade \
                data import --help lists the formats), or simulate the world 'shop'.
                """
            )
        }
        let requests = try RequestDivision(dataset, table, split)
        var ends = dataset.userIndices.map { dataset.events(of: $0).upperBound }
        for part in Part.allCases {
            for request in requests.numbers(part) {
                let user = Int(table.users[request])
                ends[user] = min(ends[user], Int(table.ends[request]))
            }
        }
        if case .temporal = split, let start = requests.training.lazy.map({ table.times[$0] }).max() {
            for user in dataset.userIndices {
                let events = dataset.events(of: user)
                ends[user.rawValue] = min(ends[user.rawValue], dataset.firstRow(in: events, notBefore: start + 1))
            }
        }
        var division = Division()
        for user in dataset.userIndices {
            division.train(user, dataset.events(of: user).lowerBound..<ends[user.rawValue])
        }
        self.init(dataset, split, division, requests: requests)
    }

    private init(_ dataset: Dataset, _ split: Split, _ division: Division, requests: RequestDivision?) {
        self.dataset = dataset
        self.split = split
        self.requests = requests
        training = division.training
        validation = division.validation
        test = division.test
        trainingEventCount = training.reduce(0) { $0 + $1.events.count }
        lastTrainingTime = training.reduce(Int64.min) { max($0, dataset.times[$1.events.upperBound - 1]) }
    }

    /// Whether a part has anything to evaluate a model by.
    public func has(_ part: Part) -> Bool { !(requests?.numbers(part).isEmpty ?? cases(part).isEmpty) }

    /// The targets of a part with their histories, by user; at most one case a user.
    public func cases(_ part: Part) -> [EvaluationCase] { part == .validation ? validation : test }

    /// The rows of a user's training events that a model learns to predict, in order; each has an event before it.
    func trainingTargets(of sequence: TrainingSequence) -> [Int] {
        guard case .positions(_, let first, let last, let every) = split else {
            return Array(sequence.events.dropFirst())
        }
        let end = dataset.events(of: sequence.user).upperBound
        let rows = stride(from: first, through: last, by: every).map { end - $0 }
        return rows.filter { $0 > sequence.events.lowerBound }.reversed()
    }

    /// All items, those with the most training events first, equal ones by number.
    public func itemsByPopularity() -> [ItemIndex] {
        let counts = trainingItemCounts()
        return counts.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }.map { ItemIndex($0) }
    }

    /// `[userCount]`: the numbers, from 1, of the items that each user's training events are of.
    public func knownItems() -> [Set<Int32>] {
        var known = [Set<Int32>](repeating: [], count: dataset.userCount)
        dataset.items.withUnsafeBufferPointer { items in
            for sequence in training {
                for row in sequence.events { known[sequence.user.rawValue].insert(items[row] + 1) }
            }
        }
        return known
    }

    /// `[itemCount]`: how many training events each item has.
    public func trainingItemCounts() -> [Int] {
        var counts = [Int](repeating: 0, count: dataset.itemCount)
        dataset.items.withUnsafeBufferPointer { items in
            for sequence in training {
                for row in sequence.events { counts[Int(items[row])] += 1 }
            }
        }
        return counts
    }
}

/// The division while it is made, user by user.
private struct Division {
    var training: [TrainingSequence] = []
    var validation: [EvaluationCase] = []
    var test: [EvaluationCase] = []
    var wantsValidation = true
    var wantsTest = true
    let targets: TargetCount

    init(_ targets: TargetCount = .one) { self.targets = targets }

    mutating func leaveOneOut(_ dataset: Dataset) {
        for user in dataset.userIndices {
            let events = dataset.events(of: user)
            let isEvaluated = events.count >= 3
            train(user, isEvaluated ? events.dropLast(2) : events)
            guard isEvaluated else { continue }
            evaluate(user, events, targets: events.suffix(2).dropLast(), .validation)
            evaluate(user, events, targets: events.suffix(1), .test)
        }
    }

    mutating func leaveNOut(_ dataset: Dataset) {
        for user in dataset.userIndices {
            let events = dataset.events(of: user)
            let count = targets.number(of: events.count)
            let isEvaluated = count > 0 && events.count > 2 * count
            train(user, isEvaluated ? events.dropLast(2 * count) : events)
            guard isEvaluated else { continue }
            evaluate(user, events, targets: events.suffix(2 * count).dropLast(count), .validation)
            evaluate(user, events, targets: events.suffix(count), .test)
        }
    }

    mutating func temporal(_ dataset: Dataset, _ validationPoint: SplitPoint, _ testPoint: SplitPoint) throws {
        guard dataset.hasTimes else {
            throw DatasetError(
                .badOption,
                "\(dataset.manifest.name): a temporal split needs times and this data set has none. Use leave-one-out."
            )
        }
        let (start, end) = try (dataset.time(validationPoint), dataset.time(testPoint))
        guard start <= end else {
            throw DatasetError(
                .badOption,
                "split: validation starts at \(start) seconds, after test at \(end). Give validation the earlier point."
            )
        }
        wantsValidation = start < end
        for user in dataset.userIndices {
            let events = dataset.events(of: user)
            let firstValidation = dataset.firstRow(in: events, notBefore: start)
            let firstTest = dataset.firstRow(in: events, notBefore: end)
            train(user, events.lowerBound..<firstValidation)
            if firstValidation < firstTest {
                evaluateLast(user, events.lowerBound..<firstTest, atMost: firstTest - firstValidation, .validation)
            }
            if firstTest < events.upperBound {
                evaluateLast(user, events, atMost: events.upperBound - firstTest, .test)
            }
        }
    }

    mutating func byUser(_ dataset: Dataset, _ validationShare: Double, _ testShare: Double, _ seed: UInt64) throws {
        guard validationShare >= 0, testShare >= 0, validationShare + testShare < 1 else {
            throw DatasetError(
                .badOption,
                """
                split: the shares of users for validation (\(validationShare)) and test (\(testShare)) must not be \
                negative and must sum to less than 1.
                """
            )
        }
        (wantsValidation, wantsTest) = (validationShare > 0, testShare > 0)
        for user in dataset.userIndices {
            let events = dataset.events(of: user)
            switch dataset.position(of: user, seed: seed) {
            case ..<validationShare: evaluateLast(user, events, .validation)
            case ..<(validationShare + testShare): evaluateLast(user, events, .test)
            default: train(user, events)
            }
        }
    }

    mutating func given(_ dataset: Dataset) throws {
        let name = "\(dataset.manifest.name): the given split"
        guard let feature = dataset.userFeature(GivenPart.feature) else {
            throw DatasetError(
                .badOption,
                """
                \(name) needs a user feature 'split' and the data set has none. Import sequences that have a column \
                'split' with --from sequences, or use another split, such as by-user.
                """
            )
        }
        let parts = feature.vocabulary.map(GivenPart.init(name:))
        let found = feature.vocabulary.map { "'\($0)'" }.joined(separator: ", ")
        guard !parts.contains(nil), parts.contains(.train), parts.contains(.validation) || parts.contains(.test) else {
            throw DatasetError(
                .badOption,
                """
                \(name): found \(found) in the user feature 'split', expected 'train' and at least one of 'val' and \
                'test', nothing else. Use another split, such as by-user.
                """
            )
        }
        (wantsValidation, wantsTest) = (parts.contains(.validation), parts.contains(.test))
        for user in dataset.userIndices {
            let events = dataset.events(of: user)
            let values = Int(feature.offsets[user.rawValue])..<Int(feature.offsets[user.rawValue + 1])
            guard values.count == 1, let part = parts[Int(feature.values[values.lowerBound])] else {
                throw DatasetError(
                    .badOption,
                    """
                    \(name): the user '\(dataset.userID(user))' has \(values.count) values of the feature 'split', \
                    expected one. Mend the source and import it again.
                    """
                )
            }
            switch part {
            case .train: train(user, events)
            case .validation: evaluateLast(user, events, .validation)
            case .test: evaluateLast(user, events, .test)
            }
        }
    }

    mutating func positions(_ dataset: Dataset, minimum: Int, first: Int, last: Int, every: Int) throws {
        guard minimum >= 4, first >= 3, last >= first, every >= 1 else {
            throw DatasetError(
                .badOption,
                """
                split: found positions with minimum \(minimum), first \(first), last \(last), every \(every); expected \
                minimum at least 4, first at least 3 (1 is test, 2 is validation), last at least first, every at least 1.
                """
            )
        }
        for user in dataset.userIndices {
            let events = dataset.events(of: user)
            guard events.count >= minimum else { continue }
            train(user, events.dropLast(2))
            evaluate(user, events, targets: events.suffix(2).dropLast(), .validation)
            evaluate(user, events, targets: events.suffix(1), .test)
        }
    }

    func check(_ dataset: Dataset) throws {
        let name = dataset.manifest.name
        guard !training.isEmpty else {
            throw DatasetError(.empty, "\(name): the split leaves no event to learn from. Move its points or shares.")
        }
        for (part, cases, isWanted) in [(Part.validation, validation, wantsValidation), (.test, test, wantsTest)]
        where isWanted && cases.isEmpty {
            throw DatasetError(
                .noEvaluationCases,
                """
                \(name): the split leaves no user with a \(part.rawValue) target and an event before it, of \
                \(dataset.userCount) users. Move its points or shares, or use longer histories.
                """
            )
        }
    }

    mutating func train(_ user: UserIndex, _ events: Range<Int>) {
        if !events.isEmpty { training.append(TrainingSequence(user: user, events: events)) }
    }

    /// Asks for the last events of a stretch of a user's, as many as the split says.
    private mutating func evaluateLast(
        _ user: UserIndex,
        _ events: Range<Int>,
        atMost limit: Int = .max,
        _ part: Part
    ) {
        evaluate(user, events, targets: events.suffix(targets.number(of: events.count, atMost: limit)), part)
    }

    private mutating func evaluate(_ user: UserIndex, _ events: Range<Int>, targets: Range<Int>, _ part: Part) {
        guard !targets.isEmpty, targets.lowerBound > events.lowerBound else { return }
        let example = EvaluationCase(user: user, history: events.lowerBound..<targets.lowerBound, targets: targets)
        if part == .validation { validation.append(example) } else { test.append(example) }
    }
}

/// What the user feature `split` says of a user.
enum GivenPart: String {
    static let feature = "split"

    case train
    case validation = "val"
    case test

    init?(name: String) {
        self.init(rawValue: name == "valid" || name == "validation" ? "val" : name)
    }
}

extension Dataset {
    /// Where a split by users puts one: uniform in 0..<1, by the id and the seed alone.
    func position(of user: UserIndex, seed: UInt64) -> Double {
        let id = users.lines.bytes[users.lines.range(user.rawValue)]
        return Double(id.withUnsafeBytes { Fingerprint.hash($0, seed: SplitMix64.mix(seed)) } >> 11) * 0x1p-53
    }

    var userIndices: some Sequence<UserIndex> { (0..<userCount).lazy.map(UserIndex.init(_:)) }

    /// The first of a user's rows at or after a time, or the end of their rows.
    func firstRow(in events: Range<Int>, notBefore time: Int64) -> Int {
        var (low, high) = (events.lowerBound, events.upperBound)
        while low < high {
            let middle = low + (high - low) / 2
            if times[middle] < time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The time of a split point, in seconds.
    func time(_ point: SplitPoint) throws -> Int64 {
        switch point {
        case .time(let seconds): return seconds
        case .lastDays(let days):
            guard (1...SplitPoint.dayLimit).contains(days) else {
                throw DatasetError(.badOption, "split: found \(days) days, expected at least 1 day before the end.")
            }
            return (floorDivision(manifest.lastTime, 86_400) + 1 - Int64(days)) * 86_400
        case .quantile(let share):
            guard share >= 0, share <= 1 else {
                throw DatasetError(.badOption, "split: the quantile \(share) must lie in 0...1.")
            }
            let sorted = times.sorted()
            return sorted[min(Int(share * Double(sorted.count)), sorted.count - 1)]
        }
    }
}
