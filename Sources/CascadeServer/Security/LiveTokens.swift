// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The callers that the running server knows; they can be replaced while it runs.
final class LiveTokens: Sendable {
    private let current: Mutex<TokenTable>

    init(_ tokens: [CallerSettings]) { current = Mutex(TokenTable(tokens)) }

    /// Those who may call now.
    var table: TokenTable { current.withLock { $0 } }

    /// Lets others call from now on.
    func replace(_ tokens: [CallerSettings]) { current.withLock { $0 = TokenTable(tokens) } }
}
