// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import Synchronization

/// This program, started again for one piece of work, so that what fails takes nothing else with it.
enum ChildProcess {
    /// The environment's name for the process that a child works for: when that dies, the child stops at a checkpoint instead
    /// of going on unseen.
    static let parentKey = "CASCADE_PARENT"

    /// Whether this process works for another one.
    static var isChild: Bool { ProcessInfo.processInfo.environment[parentKey] != nil }

    /// The threads of each operation, when so many processes share the machine.
    static func threads(of jobs: Int) -> Int { max(1, Runtime.defaultThreads / jobs) }

    /// Runs to the end; what is printed is added to the log.
    ///
    /// Its threads wait asleep unless `OMP_WAIT_POLICY` says otherwise: beside other work, threads that wait awake for one
    /// another make a training ten times slower.
    ///
    /// - Returns: The exit code; -1 when it could not be started.
    static func run(_ arguments: [String], threads: Int, log: URL) -> Int32 {
        let program = Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
        guard let file = try? end(of: log) else { return -1 }
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["OMP_NUM_THREADS"] = "\(threads)"
        if environment["OMP_WAIT_POLICY"] == nil { environment["OMP_WAIT_POLICY"] = "passive" }
        environment[parentKey] = "\(ProcessInfo.processInfo.processIdentifier)"
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = file
        guard (try? process.run()) != nil else { return -1 }
        keepPriority(of: process)
        // Who stops this program alone means its child too, which ends at a checkpoint.
        var isTold = false
        while process.isRunning {
            if Interruption.isRequested, !isTold {
                process.terminate()
                isTold = true
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Gives a child the priority that this program was started with: threads of a pool have their own, which a child would
    /// inherit, so that of two beside each other under `nice` one would get nearly all of the processor.
    private static func keepPriority(of process: Process) {
        #if os(Linux)
            // The number of the program is that of its first thread, and its first thread's priority is the program's.
            let priority = getpriority(.init(PRIO_PROCESS.rawValue), id_t(getpid()))
            _ = setpriority(.init(PRIO_PROCESS.rawValue), id_t(process.processIdentifier), priority)
        #endif
    }

    /// Works through a list in order, a few at once, until it is done or Ctrl-C is pressed.
    static func forEach(of count: Int, atOnce jobs: Int, _ body: @Sendable (Int) -> Void) {
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: min(jobs, count)) { _ in
            while !Interruption.isRequested {
                let number = next.withLock { number in
                    defer { number += 1 }
                    return number
                }
                guard number < count else { return }
                body(number)
            }
        }
    }

    private static func end(of log: URL) throws -> FileHandle {
        if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
        let handle = try FileHandle(forWritingTo: log)
        try handle.seekToEnd()
        return handle
    }
}
