// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a caller may do; each role may do what those before it may.
public enum Role: String, Sendable, Codable, CaseIterable, Comparable {
    /// Asks for recommendations, searches, similar items, explanations, items and the state of the models.
    case read
    /// Sends events and items.
    case write
    /// Exports and erases people, replaces models, lists users, reads experiments and metrics.
    case admin

    /// Whether one role may do less than another.
    public static func < (one: Role, other: Role) -> Bool { one.rank < other.rank }

    private var rank: Int {
        switch self {
        case .read: 0
        case .write: 1
        case .admin: 2
        }
    }
}
