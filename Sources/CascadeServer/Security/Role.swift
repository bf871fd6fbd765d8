// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// What a caller may do.
///
/// `write` may do what `read` may, and `admin` may do everything; `metrics` stands alone.
public enum Role: String, Sendable, Codable, CaseIterable {
    /// Asks for recommendations, searches, similar items, explanations, items and the state of the models.
    case read
    /// Sends events and items.
    case write
    /// Exports and erases people, replaces models, lists users, reads experiments and metrics.
    case admin
    /// Reads metrics and the state of the server, nothing else.
    case metrics

    /// Whether a caller with this role may do what another role is needed for.
    public func includes(_ needed: Role) -> Bool {
        switch self {
        case .admin: true
        case .write: needed == .write || needed == .read
        case .read, .metrics: needed == self
        }
    }
}
