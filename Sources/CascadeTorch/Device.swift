// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch
import Foundation

/// Where a tensor lives and its operations run.
public enum Device: Equatable, Sendable, CustomStringConvertible {
    case cpu
    case cuda(Int)

    /// The device that a command line names: `cpu`, `cuda` or `cuda:1`.
    ///
    /// - Throws: ``TorchError`` when the name is unknown or this machine has no such device.
    public init(named name: String) throws(TorchError) {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        switch (parts.first, parts.count, parts.count == 2 ? Int(parts[1]) : 0) {
        case ("cpu", 1, _): self = .cpu
        case ("cuda", 1...2, let index?) where index >= 0:
            let count = Runtime.cudaDeviceCount
            guard index < count else {
                throw TorchError(
                    "device '\(name)'",
                    "this machine has \(count) CUDA devices that libtorch can use; use --device cpu"
                )
            }
            self = .cuda(index)
        default: throw TorchError("device '\(name)'", "unknown; expected cpu, cuda or cuda:N")
        }
    }

    /// The name that `init(named:)` reads.
    public var description: String {
        switch self {
        case .cpu: "cpu"
        case .cuda(let index): "cuda:\(index)"
        }
    }

    var code: Int32 {
        switch self {
        case .cpu: -1
        case .cuda(let index): Int32(index)
        }
    }

    init(code: Int32) { self = code < 0 ? .cpu : .cuda(Int(code)) }
}

/// Facts about, and settings of, the libtorch in this process.
public enum Runtime {
    /// The version of libtorch that Cascade was compiled against.
    public static var version: String { String(cString: ct_version()) }
    /// How many CUDA devices libtorch can use.
    public static var cudaDeviceCount: Int { Int(ct_cuda_count()) }
    /// How many tensor handles are alive; for leak tests.
    public static var liveHandles: Int { Int(ct_live_handles()) }
    /// How many threads one operation may use.
    public static var threads: Int { Int(ct_threads()) }
    /// How many threads one operation may use where nobody says: `OMP_NUM_THREADS`, or one for each processor.
    public static var defaultThreads: Int {
        let processors = ProcessInfo.processInfo.activeProcessorCount
        return max(1, ProcessInfo.processInfo.environment["OMP_NUM_THREADS"].flatMap { Int($0) } ?? processors)
    }
    /// Sets how many threads one operation may use, to the end of the process.
    public static func setThreads(_ count: Int) { ct_set_threads(Int32(count)) }
    /// Runs work whose operations may use so many threads, which is part of what makes it repeatable to the bit; 0 means as
    /// many as before.
    public static func withThreads<R, E: Error>(_ count: Int, _ work: () throws(E) -> R) throws(E) -> R {
        let before = threads
        defer { ct_set_threads(Int32(before)) }
        if count > 0 { ct_set_threads(Int32(count)) }
        return try work()
    }
    /// What memory is kept for.
    public enum MemoryUse {
        /// Steps alike, one after another: all that was freed is kept, which costs up to a third more at the peak.
        case training
        /// Requests, for months: up to 256 MiB, and nothing of tensors above 32 MiB.
        case serving
    }
    /// Keeps the memory of freed tensors for those to come, to the end of the process: a program decides that, no library.
    ///
    /// Otherwise large tensors go back to the system each time: a training step of such tensors spent half of its time on
    /// faults for pages that it had before. Only glibc is told; elsewhere nothing happens.
    public static func keepFreedMemory(for use: MemoryUse) { ct_keep_freed_memory(use == .training ? -1 : 256 << 20) }
    /// Seeds libtorch's default generators, which only dropout uses.
    public static func seedDefaultGenerators(_ seed: UInt64) throws(TorchError) {
        try check(ct_seed_default(seed), "seed(\(seed))")
    }
    /// Waits until the device has done all that it was asked to.
    public static func synchronize(_ device: Device) throws(TorchError) {
        try check(ct_synchronize(device.code), "synchronize(\(device))")
    }
}
