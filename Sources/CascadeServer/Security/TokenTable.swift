// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The callers that the configuration knows.
struct TokenTable: Sendable {
    /// A caller whose token was right.
    struct Caller: Sendable, Equatable {
        let name: String
        let role: Role
    }

    private let entries: [(hash: TokenHash, caller: Caller)]

    init(_ tokens: [CallerSettings]) {
        entries = tokens.compactMap { token in
            TokenHash(hexadecimal: token.sha256).map { ($0, Caller(name: token.name, role: token.role)) }
        }
    }

    /// Whether there is nobody to tell apart.
    var isEmpty: Bool { entries.isEmpty }

    /// How many callers there are.
    var count: Int { entries.count }

    /// Who sent a token; nil when nobody here has it.
    ///
    /// Every entry is compared in full, so that the time says nothing about which one is near.
    func caller(of token: String) -> Caller? {
        let hash = TokenHash(of: token)
        var found: Caller?
        for entry in entries where entry.hash.matches(hash) { found = entry.caller }
        return found
    }

    /// The token of an `Authorization` header; nil when it is another scheme or malformed.
    static func bearer(_ header: String) -> String? {
        let words = header.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer", words[1].utf8.count <= 512 else { return nil }
        return String(words[1])
    }
}
