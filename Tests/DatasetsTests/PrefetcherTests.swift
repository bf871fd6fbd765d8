// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import Synchronization
import Testing

@Suite("Prefetcher", .timeLimit(.minutes(1)))
struct PrefetcherTests {
    private struct Broken: Error, Equatable { let index: Int }

    /// What the thread of a prefetcher has done, and whether its closure still lives.
    private final class Log: Sendable {
        let made = Mutex(0)
        var count: Int { made.withLock { $0 } }
    }

    @Test("hands over everything in order", arguments: [1, 2, 100])
    func order(_ ahead: Int) throws {
        let prefetcher = Prefetcher(ahead: ahead, count: 500) { $0 * 3 }
        var found: [Int] = []
        while let element = try prefetcher.next() { found.append(element) }
        #expect(found == (0..<500).map { $0 * 3 })
        #expect(try prefetcher.next() == nil)
    }

    @Test("never makes more ahead than it may")
    func bound() throws {
        let log = Log()
        let prefetcher = Prefetcher(ahead: 3, count: 100) { index in
            log.made.withLock { $0 += 1 }
            return index
        }
        for taken in 1...40 {
            _ = try prefetcher.next()
            #expect(log.count <= taken + 3)
        }
        // Given time, it makes as many as it may.
        while log.count < 43 { Thread.sleep(forTimeInterval: 0.001) }
        Thread.sleep(forTimeInterval: 0.01)
        #expect(log.count == 43)
    }

    @Test("an error comes after the elements before it, and stays")
    func failure() throws {
        let prefetcher = Prefetcher(ahead: 10, count: 100) { index in
            guard index < 4 else { throw Broken(index: index) }
            return index
        }
        #expect(try (0..<4).map { _ in try prefetcher.next() } == [0, 1, 2, 3])
        for _ in 0..<2 { #expect(throws: Broken(index: 4)) { try prefetcher.next() } }
    }

    @Test("cancels early, while the thread waits for room, and ends the thread")
    func cancel() throws {
        for take in 0..<5 {
            weak var log: Log?
            do {
                let owner = Log()
                log = owner
                let prefetcher = Prefetcher(ahead: 2, count: 1_000_000) { index in
                    owner.made.withLock { $0 += 1 }
                    return index
                }
                for _ in 0..<take { _ = try prefetcher.next() }
                prefetcher.cancel()
                let made = owner.count
                #expect(made <= take + 2)
                #expect(try prefetcher.next() == nil)
                prefetcher.cancel()
                #expect(owner.count == made)
            }
            // The thread lets go of its closure when it ends.
            for _ in 0..<1000 where log != nil { Thread.sleep(forTimeInterval: 0.001) }
            #expect(log == nil)
        }
    }

    @Test("going away stops the thread")
    func release() throws {
        let log = Log()
        do {
            let prefetcher = Prefetcher(ahead: 1, count: 1_000_000) { index in
                log.made.withLock { $0 += 1 }
                return index
            }
            _ = try prefetcher.next()
        }
        let made = log.count
        Thread.sleep(forTimeInterval: 0.01)
        #expect(made <= 2 && log.count == made)
    }

    @Test("cancelling wakes who waits for an element")
    func wakes() throws {
        let gate = DispatchSemaphore(value: 0)
        let prefetcher = Prefetcher(ahead: 1, count: 2) { (index: Int) -> Int in
            gate.wait()
            return index
        }
        let taken = Log()
        let done = DispatchSemaphore(value: 0)
        Thread {
            if let element = try? prefetcher.next() { taken.made.withLock { $0 = 1 + element } }
            done.signal()
        }.start()
        Thread {
            Thread.sleep(forTimeInterval: 0.02)
            gate.signal()
        }.start()
        prefetcher.cancel()
        done.wait()
        #expect(taken.count == 0)
    }

    @Test("no elements at all")
    func none() throws {
        #expect(try Prefetcher(ahead: 1, count: 0) { $0 }.next() == nil)
    }
}
