// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
public import Logging
import Synchronization

/// Writes the lines of a log on a thread of its own, so that a pipe that nobody reads holds nobody up.
///
/// At most `capacity` bytes wait to be written. Further lines are dropped and counted. As soon as the pipe is read again, a
/// line says how many were dropped.
public final class LogOutput: Sendable {
    /// The log of this process.
    public static let standardError = LogOutput(descriptor: STDERR_FILENO)

    private struct State {
        var waiting: [UInt8] = []
        var isWriting = false
        var dropped = 0
        /// How many of the dropped lines no line has told of.
        var untold = 0
        /// Makes the line that tells of them.
        var remark: (@Sendable (Int) -> String)?
        var level = Logger.Level.info
    }

    private let descriptor: Int32
    private let capacity: Int
    private let queue = DispatchQueue(label: "cascade.log")
    private let state = Mutex(State())

    /// Writes to an open file descriptor, which stays open.
    ///
    /// - Parameters:
    ///   - descriptor: Where the lines go.
    ///   - capacity: How many bytes may wait.
    init(descriptor: Int32, capacity: Int = 4 << 20) {
        self.descriptor = descriptor
        self.capacity = capacity
    }

    /// The least serious level that is written, for loggers without a level of their own.
    public var level: Logger.Level {
        get { state.withLock { $0.level } }
        set { state.withLock { $0.level = newValue } }
    }

    /// How many lines were lost since the process began.
    public var droppedLines: Int { state.withLock { $0.dropped } }

    /// Takes a line with its line break, or drops it; never waits for the reader.
    ///
    /// - Parameters:
    ///   - line: The line.
    ///   - remark: Makes the line that says how many were dropped.
    func write(_ line: String, remark: @escaping @Sendable (Int) -> String) {
        let bytes = line.utf8
        let begins = state.withLock { state in
            guard state.waiting.count + bytes.count <= capacity else {
                state.dropped += 1
                state.untold += 1
                state.remark = remark
                return false
            }
            state.waiting.append(contentsOf: bytes)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { queue.async { self.drain() } }
    }

    /// Waits until all lines are written, but no longer than so many seconds.
    ///
    /// - Returns: Whether all were written.
    @discardableResult
    public func flush(seconds: Double) -> Bool {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        return done.wait(timeout: .now() + seconds) == .success
    }

    /// Writes what waits, until nothing does.
    private func drain() {
        while true {
            let batch: [UInt8]? = state.withLock { state in
                guard !state.waiting.isEmpty else {
                    state.isWriting = false
                    return nil
                }
                defer { state.waiting = [] }
                return state.waiting
            }
            guard let batch else { return }
            guard write(batch), let remark = takeRemark() else { continue }
            _ = write(Array(remark.utf8))
        }
    }

    /// The line that tells of dropped lines; nil when there are none.
    private func takeRemark() -> String? {
        state.withLock { state in
            defer { state.untold = 0 }
            return state.untold > 0 ? state.remark?(state.untold) : nil
        }
    }

    /// Writes bytes, however long it takes; false when nobody can read them any more.
    private func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wanted, 1, -1)
            } else if errno != EINTR {
                // The reader is gone, or the disk is full: a log that nobody keeps must not stop the service.
                let lines = rest.count { $0 == UInt8(ascii: "\n") }
                state.withLock { $0.dropped += lines }
                return false
            }
        }
        return true
    }
}
