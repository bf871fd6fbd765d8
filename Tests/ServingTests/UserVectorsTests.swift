// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Dispatch
import Synchronization
import Testing

@testable import CascadeServing

@Suite("People's vectors")
struct UserVectorCacheTests {
    @Test("are computed once for the stages of a request, and anew when more has happened")
    func once() async throws {
        let asked = Counter()
        let users = UserVectorCache(
            VectorEngine("count", .none) { histories in
                histories.map { history in
                    asked.add()
                    return .success([Float(history.count)])
                }
            }
        )
        let data = try Workshop().data
        let events = (0..<5).map { Event(user: "u", item: data.itemID(ItemIndex($0)), time: Int64($0)) }
        func history(_ count: Int) -> LiveHistory {
            LiveHistory(Array(events.prefix(count)), of: nil, in: data, length: 10)
        }
        for _ in 0..<3 { #expect(try await users.vectors(after: history(3)) == [3]) }
        #expect(asked.value == 1)
        #expect(try await users.vectors(after: history(4)) == [4])
        #expect(try await users.vectors(after: history(3)) == [3])
        #expect(asked.value == 2)
        users.forget()
        #expect(try await users.vectors(after: history(3)) == [3])
        #expect(asked.value == 3)
    }

    @Test("of a request under way are not remembered when everybody is forgotten meanwhile")
    func meanwhile() async throws {
        let (asked, gate) = (Counter(), DispatchSemaphore(value: 0))
        let users = UserVectorCache(
            VectorEngine("gate", .none) { histories in
                asked.add()
                gate.wait()
                return histories.map { _ in .success([1]) }
            }
        )
        let history = LiveHistory([], of: nil, in: try Workshop().data, length: 10)
        let first = Task { try await users.vectors(after: history) }
        while asked.value == 0 { try await Task.sleep(for: .milliseconds(1)) }
        users.forget()
        gate.signal()
        #expect(try await first.value == [1])
        gate.signal()
        #expect(try await users.vectors(after: history) == [1])
        #expect(asked.value == 2)
    }

    private final class Counter: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .relaxed) }
        func add() { count.wrappingAdd(1, ordering: .relaxed) }
    }
}
