// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Something that an import says about its source beside its result: what it made of it, or what looks wrong.
public struct ImportRemark: Sendable, Equatable, CustomStringConvertible {
    /// How much a remark matters.
    public enum Kind: String, Sendable {
        /// What the import did, such as which columns it took.
        case note
        /// What will probably lead to wrong results.
        case warning
    }

    /// How much it matters.
    public let kind: Kind
    /// Where, what was found, and what to do; one line without control characters.
    public let text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    /// The text; a warning says that it is one.
    public var description: String { kind == .warning ? "warning: \(text)" : text }
}
