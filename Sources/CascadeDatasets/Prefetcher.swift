// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Makes elements on its own thread ahead of their use, in order.
///
/// The thread ends when all are made, when making one fails, on ``cancel()``, or when the prefetcher goes away.
public final class Prefetcher<Element: Sendable>: Sendable {
    private let queue: PrefetchQueue<Element>

    /// Starts making elements.
    ///
    /// - Parameters:
    ///   - ahead: How many elements may be made before they are asked for, at least 1.
    ///   - count: The number of elements.
    ///   - make: Makes the element of a number from 0; called for 0, 1, 2 … on one thread.
    public init(ahead: Int, count: Int, _ make: @escaping @Sendable (Int) throws -> Element) {
        precondition(ahead >= 1, "at least one element must be made ahead")
        precondition(count >= 0, "the number of elements must not be negative")
        let queue = PrefetchQueue<Element>(capacity: ahead)
        self.queue = queue
        let thread = Thread { queue.fill(count: count, make) }
        thread.name = "cascade.prefetch"
        thread.start()
    }

    /// Takes the next element, waiting until it is made; nil after the last one and after ``cancel()``.
    ///
    /// - Throws: What making the element threw, after all elements before it were taken; the same again afterwards.
    public func next() throws -> Element? { try queue.take() }

    /// Stops, drops what was made and waits for the thread, which ends after the element it is making.
    public func cancel() { queue.cancel() }

    deinit { queue.cancel() }
}

/// The elements that are made and not yet taken.
private final class PrefetchQueue<Element: Sendable>: @unchecked Sendable {
    // Safe to share: every variable is read and written only while `condition` is locked.
    private let condition = NSCondition()
    private let capacity: Int
    private var elements: [Element] = []
    private var failure: (any Error)?
    private var isCancelled = false
    private var isFinished = false

    init(capacity: Int) { self.capacity = capacity }

    /// The body of the thread.
    func fill(count: Int, _ make: (Int) throws -> Element) {
        var failure: (any Error)?
        do {
            for index in 0..<count {
                guard waitForRoom() else { break }
                append(try make(index))
            }
        } catch {
            failure = error
        }
        locked {
            self.failure = failure
            isFinished = true
        }
    }

    func take() throws -> Element? {
        condition.lock()
        defer { condition.unlock() }
        while elements.isEmpty, !isFinished, !isCancelled { condition.wait() }
        if !elements.isEmpty {
            condition.broadcast()
            return elements.removeFirst()
        }
        if let failure, !isCancelled { throw failure }
        return nil
    }

    func cancel() {
        locked {
            isCancelled = true
            elements = []
        }
        locked { while !isFinished { condition.wait() } }
    }

    private func waitForRoom() -> Bool {
        locked {
            while elements.count >= capacity, !isCancelled { condition.wait() }
            return !isCancelled
        }
    }

    private func append(_ element: Element) {
        locked { if !isCancelled { elements.append(element) } }
    }

    /// Runs `body` alone, then wakes whoever waits.
    private func locked<R>(_ body: () -> R) -> R {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return body()
    }
}
