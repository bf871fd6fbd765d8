// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The ranks of every user's targets: of each user at least one, rising, the users one after another.
///
/// Targets are different items, so a user's ranks differ. A target's rank is its place in the list that has every candidate
/// with at least its score before it, other targets of the same score excepted: one of them stands before the other. In
/// JSON it is a list of numbers where every user has one target, and a list of lists otherwise.
public struct TargetRanks: Sendable, Equatable, Codable, RandomAccessCollection, ExpressibleByArrayLiteral {
    /// The ranks of all users, one user after another.
    public private(set) var flat: [Int]
    private var ends: [Int]?  // by user, where their ranks end in `flat`; nil where everybody has one

    /// Ranks of users with one target each.
    public init(_ ranks: [Int]) { (flat, ends) = (ranks, nil) }

    /// Ranks of users with one target each.
    public init(arrayLiteral ranks: Int...) { self.init(ranks) }

    /// Ranks by user.
    public init(_ users: some Sequence<[Int]>) {
        self.init([Int]())
        for ranks in users { append(ranks) }
    }

    /// Adds a user's ranks, in any order.
    public mutating func append(_ ranks: [Int]) {
        precondition(!ranks.isEmpty && ranks.allSatisfy { $0 >= 1 }, "ranks count from 1, and a user has one at least")
        if ranks.count > 1, ends == nil { ends = Array(1..<flat.count + 1) }
        flat += ranks.count > 1 ? ranks.sorted() : ranks
        ends?.append(flat.count)
    }

    /// Whether a user has more than one.
    public var hasSeveral: Bool { ends != nil }

    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of users.
    public var endIndex: Int { ends?.count ?? flat.count }
    /// The ranks of one user, rising.
    public subscript(user: Int) -> ArraySlice<Int> {
        guard let ends else { return flat[user...user] }
        return flat[(user == 0 ? 0 : ends[user - 1])..<ends[user]]
    }

    /// Reads either form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let ranks = try? container.decode([Int].self) {
            self.init(ranks)
        } else {
            self.init(try container.decode([[Int]].self))
        }
    }

    /// Writes the shorter form that fits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if hasSeveral { try container.encode(map { Array($0) }) } else { try container.encode(flat) }
    }
}
