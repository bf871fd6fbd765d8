// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Synchronization

/// The last requests, with what each stage made of them.
final class Explanations: Sendable {
    private struct State {
        var ring: [String] = []
        var next = 0
        var known: [String: Explanation] = [:]
    }

    private let capacity: Int
    private let state = Mutex(State())

    init(capacity: Int) { self.capacity = capacity }

    subscript(request: String) -> Explanation? { state.withLock { $0.known[request] } }

    /// Remembers one request, and forgets the oldest when there are too many.
    func add(_ explanation: Explanation) {
        guard capacity > 0 else { return }
        state.withLock { state in
            if state.ring.count < capacity {
                state.ring.append(explanation.request)
            } else {
                state.known[state.ring[state.next]] = nil
                state.ring[state.next] = explanation.request
                state.next = (state.next + 1) % capacity
            }
            state.known[explanation.request] = explanation
        }
    }

    /// Forgets the requests of everybody with an id.
    func forgetPeople() {
        state.withLock { state in state.known = state.known.filter { $0.value.user == nil } }
    }

    /// Forgets the requests of a user.
    func forget(_ user: UserID) {
        state.withLock { state in state.known = state.known.filter { $0.value.user != user } }
    }
}
