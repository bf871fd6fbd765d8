// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// How events are divided into those to learn from, to select a model by and to report.
///
/// In files: `{"kind": "leave-one-out"}`, `{"kind": "temporal", "validation": 0.8, "test": 0.9}`,
/// `{"kind": "by-user", "validation": 0.1, "test": 0.1, "seed": 7}`, `{"kind": "given"}`,
/// `{"kind": "leave-n-out", "targets": 5}` or
/// `{"kind": "positions", "minimum": 210, "first": 3, "last": 93, "every": 5}`. `temporal`, `by-user` and `given` take
/// `targets` too: how many events of a user are targets, one without it (``TargetCount``).
public enum Split: Sendable, Equatable {
    /// Of each user with three events or more, the last is the test target and the one before it the validation
    /// target. All others are for training.
    case leaveOneOut
    /// Of each user, the last `targets` events are the test targets and as many before them the validation targets. All
    /// others are for training, and all events of users with too few for one more.
    case leaveNOut(targets: TargetCount)
    /// Events before the validation point are for training. A user's last events from there to the test point are
    /// validation targets, their last events from the test point on test targets, `targets` of each; history is all that
    /// came before them.
    case temporal(validation: SplitPoint, test: SplitPoint, targets: TargetCount = .one)
    /// The users are divided: `validation` and `test` are the shares, in `0...1`, of those whose last `targets` events
    /// are targets. Nothing of theirs is for training. The division depends on the user's external id and the seed only.
    case byUser(validation: Double, test: Double, seed: UInt64, targets: TargetCount = .one)
    /// The users are divided as the source published it: their feature `split` is `train`, `val` (also `valid`,
    /// `validation`) or `test`. As with ``byUser(validation:test:seed:targets:)``, held-out users' last events are the
    /// targets and nothing of theirs is for training.
    case given
    /// The same with several targets.
    case givenWithTargets(TargetCount)
    /// Users with fewer than `minimum` events are left out. Of every other the last event is the test target and the
    /// one before it the validation target; training has the targets at the places `first`, `first + every`, ... up to
    /// `last`, counted from the end with 1 for the last event.
    ///
    /// - Source: DARE, appendix B; the places from its released preparation (3, 8, ..., 93).
    case positions(minimum: Int, first: Int, last: Int, every: Int)
}

/// How many of a user's last events a model is to predict.
///
/// In files a whole number from 1, or a share below 1 of the user's events.
public enum TargetCount: Sendable, Equatable {
    /// So many, and fewer where a user has fewer; one event at least stays history.
    case count(Int)
    /// This share of the user's events, in `0..<1`, rounded down, but at least one.
    case share(Double)

    /// One, the next item.
    public static let one = TargetCount.count(1)

    /// How many targets a user with so many events has.
    ///
    /// - Parameters:
    ///   - events: The user's events, history and targets.
    ///   - limit: At most so many.
    func number(of events: Int, atMost limit: Int = .max) -> Int {
        let wanted =
            switch self {
            case .count(let count): count
            case .share(let share): max(1, Int(share * Double(events)))
            }
        return min(wanted, limit, max(events - 1, 0))
    }

    /// Refuses what is no number of targets.
    ///
    /// - Throws: ``DatasetError`` `.badOption`.
    func check() throws {
        let isPossible =
            switch self {
            case .count(let count): count >= 1
            case .share(let share): share > 0 && share < 1
            }
        guard isPossible else {
            let found =
                switch self {
                case .count(let count): "\(count)"
                case .share(let share): "\(share)"
                }
            throw DatasetError(
                .badOption,
                "split: found targets \(found), expected a whole number from 1, or a share of a user's events between 0 and 1."
            )
        }
    }
}

extension TargetCount: Codable {
    /// Reads a whole number, or a share.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let number = try container.decode(Double.self)
        if number >= 1, number < 0x1p31, number == number.rounded() {
            self = .count(Int(number))
        } else if number > 0, number < 1 {
            self = .share(number)
        } else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "found targets \(number), expected a whole number from 1, or a share between 0 and 1"
            )
        }
    }

    /// Writes the number.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .count(let count): try container.encode(count)
        case .share(let share): try container.encode(share)
        }
    }
}

extension Split {
    /// How many events of a user are targets.
    public var targets: TargetCount {
        switch self {
        case .leaveOneOut, .given, .positions: .one
        case .leaveNOut(let targets), .givenWithTargets(let targets), .temporal(_, _, let targets),
            .byUser(_, _, _, let targets):
            targets
        }
    }
}

/// A moment at which a temporal split divides the events.
///
/// In files a number, up to 1 a quantile and above 1 a time in seconds, or a text such as `2 days`.
public enum SplitPoint: Sendable, Equatable {
    /// The time before which this share of all events lies, in `0...1`.
    case quantile(Double)
    /// Seconds since 1970-01-01 UTC.
    case time(Int64)
    /// The start of the last so many calendar days (UTC), counting from 1 for the day of the last event.
    ///
    /// With the points `2 days` for validation and `1 day` for test, the last day is test and the one before it
    /// validation.
    case lastDays(Int)
}

/// The part of a split that targets belong to.
public enum Part: String, Sendable, Codable, CaseIterable {
    /// For selecting a model and its settings.
    case validation
    /// For the number that is reported, once.
    case test
}

extension Split: Codable {
    private enum Key: String, CodingKey { case kind, validation, test, seed, targets, minimum, first, last, every }

    private enum Kind: String, Codable, CaseIterable {
        case leaveOneOut = "leave-one-out"
        case leaveNOut = "leave-n-out"
        case temporal
        case byUser = "by-user"
        case given, positions
    }

    /// Reads the form that the type's description shows.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let name = try container.decode(String.self, forKey: .kind)
        guard let kind = Kind(rawValue: name) else {
            let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw DecodingError.dataCorruptedError(
                forKey: .kind,
                in: container,
                debugDescription: "'\(name)' is not a split; expected one of \(known)"
            )
        }
        func targets() throws -> TargetCount {
            try container.decodeIfPresent(TargetCount.self, forKey: .targets) ?? .one
        }
        if kind == .leaveOneOut || kind == .positions, try targets() != .one {
            throw DecodingError.dataCorruptedError(
                forKey: .targets,
                in: container,
                debugDescription:
                    "'\(name)' has one target a user; expected 'leave-n-out' or another split with targets"
            )
        }
        switch kind {
        case .leaveOneOut: self = .leaveOneOut
        case .leaveNOut: self = .leaveNOut(targets: try container.decode(TargetCount.self, forKey: .targets))
        case .temporal:
            self = .temporal(
                validation: try container.decode(SplitPoint.self, forKey: .validation),
                test: try container.decode(SplitPoint.self, forKey: .test),
                targets: try targets()
            )
        case .byUser:
            self = .byUser(
                validation: try container.decode(Double.self, forKey: .validation),
                test: try container.decode(Double.self, forKey: .test),
                seed: try container.decode(UInt64.self, forKey: .seed),
                targets: try targets()
            )
        case .given: self = try targets() == .one ? .given : .givenWithTargets(targets())
        case .positions:
            self = .positions(
                minimum: try container.decode(Int.self, forKey: .minimum),
                first: try container.decodeIfPresent(Int.self, forKey: .first) ?? 3,
                last: try container.decodeIfPresent(Int.self, forKey: .last) ?? 93,
                every: try container.decodeIfPresent(Int.self, forKey: .every) ?? 5
            )
        }
    }

    /// Writes the form that the type's description shows.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .leaveOneOut: try container.encode(Kind.leaveOneOut, forKey: .kind)
        case .leaveNOut: try container.encode(Kind.leaveNOut, forKey: .kind)
        case .temporal(let validation, let test, _):
            try container.encode(Kind.temporal, forKey: .kind)
            try container.encode(validation, forKey: .validation)
            try container.encode(test, forKey: .test)
        case .byUser(let validation, let test, let seed, _):
            try container.encode(Kind.byUser, forKey: .kind)
            try container.encode(validation, forKey: .validation)
            try container.encode(test, forKey: .test)
            try container.encode(seed, forKey: .seed)
        case .given, .givenWithTargets: try container.encode(Kind.given, forKey: .kind)
        case .positions(let minimum, let first, let last, let every):
            try container.encode(Kind.positions, forKey: .kind)
            try container.encode(minimum, forKey: .minimum)
            try container.encode(first, forKey: .first)
            try container.encode(last, forKey: .last)
            try container.encode(every, forKey: .every)
        }
        if targets != .one || self == .leaveNOut(targets: .one) { try container.encode(targets, forKey: .targets) }
    }
}

extension SplitPoint: Codable {
    static let dayLimit = 1_000_000

    /// Reads a number, up to 1 a quantile and above 1 seconds, or a text: `1 day`, `2 days`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            let words = text.split(separator: " ")
            guard words.count == 2, words[1] == "day" || words[1] == "days", let days = Int(words[0]),
                (1...Self.dayLimit).contains(days)
            else {
                throw DecodingError.dataCorruptedError(
                    in: container,
                    debugDescription: "'\(text)' is not a split point; expected a number, or a text such as '2 days'"
                )
            }
            self = .lastDays(days)
            return
        }
        if let seconds = try? container.decode(Int64.self), seconds > 1 {
            self = .time(seconds)
            return
        }
        let number = try container.decode(Double.self)
        guard number >= 0, number <= 1 || number < 0x1p62 else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "\(number) is not a split point; expected a quantile in 0...1 or a time in seconds"
            )
        }
        self = number <= 1 ? .quantile(number) : .time(Int64(number))
    }

    /// Writes the number or the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .quantile(let share): try container.encode(share)
        case .time(let seconds): try container.encode(seconds)
        case .lastDays(let days): try container.encode(days == 1 ? "1 day" : "\(days) days")
        }
    }
}
