// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// What fitting a model is about to take.
public struct FittingEffort: Sendable, Equatable, CustomStringConvertible {
    /// What is done, for example `inverts a 18357 x 18357 matrix`.
    public let work: String
    /// Memory that it needs, in bytes.
    public let bytes: Double
    /// Seconds that it takes on this machine, roughly.
    public let seconds: Double

    /// One sentence without an end.
    public var description: String {
        let time = seconds < 90 ? "\(Int(seconds.rounded(.up))) s" : "\(Int((seconds / 60).rounded(.up))) minutes"
        return "\(work), which takes about \(String(format: "%.1f", bytes / 1e9)) GB and \(time)"
    }
}

/// How much memory this process may use.
enum MachineMemory {
    /// The machine's memory, or what its control group is limited to where that is less; in bytes.
    static let limit: Double = {
        let own = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8))?.split(separator: "\n") ?? []
        let paths = own.compactMap { $0.hasPrefix("0::/") ? String($0.dropFirst(4)) : nil } + [""]
        let files =
            paths.map { "/sys/fs/cgroup/\($0)/memory.max" } + ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        let limits = files.compactMap { file in
            (try? String(contentsOfFile: file, encoding: .utf8)).flatMap {
                Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return limits.reduce(Double(ProcessInfo.processInfo.physicalMemory), min)
    }()
}
