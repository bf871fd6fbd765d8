// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// A thread that runs the jobs of an actor one after another, in the order in which they came.
///
/// Whoever made it ends it: the thread keeps the executor alive until then, so that a job may let go of the actor that it
/// belongs to.
final class EngineThread: SerialExecutor {
    private let jobs = JobQueue()

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: What debuggers show, cut to 15 bytes by Linux.
    ///   - prepare: Runs first.
    init(_ name: String, _ prepare: @escaping @Sendable () -> Void) {
        let thread = Thread { [self, jobs] in
            prepare()
            while let job = jobs.next() { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
        thread.start()
        thread.name = name  // from here: before and while it is started, a name may be lost
    }

    /// Adds a job behind the others.
    func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

    /// Ends the thread when the jobs that it has are done.
    func end() { jobs.close() }
}

/// The jobs that are yet to be run.
private final class JobQueue: @unchecked Sendable {
    // Safe to share: every variable is read and written only while `condition` is locked.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var first = 0
    private var isClosed = false

    func append(_ job: UnownedJob) {
        condition.lock()
        jobs.append(job)
        condition.signal()
        condition.unlock()
    }

    func close() {
        condition.lock()
        isClosed = true
        condition.signal()
        condition.unlock()
    }

    /// Waits for a job; nil when there is none and none will come.
    func next() -> UnownedJob? {
        condition.lock()
        defer { condition.unlock() }
        while first == jobs.count {
            jobs.removeAll(keepingCapacity: true)
            first = 0
            guard !isClosed else { return nil }
            condition.wait()
        }
        first += 1
        return jobs[first - 1]
    }
}

/// Does something slow on a thread of its own, so that no thread of the cooperative pool waits for it.
func onOwnThread<R: Sendable>(_ name: String, _ work: @escaping @Sendable () throws -> R) async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
        Thread {
            Thread.current.name = name
            continuation.resume(with: Result(catching: work))
        }.start()
    }
}
