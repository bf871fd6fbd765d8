// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import CascadeRuns
import Foundation

/// The clocks of a training loop, and what earlier calls had taken when it began.
struct Pace {
    private let clock = ContinuousClock()
    private let begun: ContinuousClock.Instant
    private let begunCPU: Double
    private let before: (seconds: Double, usage: RunManifest.Usage)
    private var window: (start: ContinuousClock.Instant, examples: Int)
    private var lastCheckpoint: ContinuousClock.Instant
    private var examples = 0

    init(_ state: TrainingState) {
        begun = clock.now
        begunCPU = Self.cpuSeconds()
        before = (state.seconds, state.usage ?? RunManifest.Usage())
        (window, lastCheckpoint) = ((begun, 0), begun)
    }

    /// Seconds since the loop began.
    var elapsed: Double { (clock.now - begun).inSeconds }
    /// Seconds since the last checkpoint.
    var sinceCheckpoint: Double { (clock.now - lastCheckpoint).inSeconds }
    /// Examples a second since the window began.
    var rate: Double { Double(window.examples) / max((clock.now - window.start).inSeconds, 1e-9) }

    mutating func add(examples count: Int) {
        examples += count
        window.examples += count
    }

    mutating func beginWindow() { window = (clock.now, 0) }

    mutating func noteCheckpoint() { lastCheckpoint = clock.now }

    /// All calls together.
    func spent(_ step: Int) -> Budget.Spent {
        Budget.Spent(
            seconds: before.seconds + elapsed,
            cpuSeconds: before.usage.cpuSeconds + Self.cpuSeconds() - begunCPU,
            examples: Double(before.usage.examples + examples),
            steps: Double(step)
        )
    }

    /// Brings a state up to date.
    func count(into state: inout TrainingState) {
        var usage = RunManifest.Usage()
        usage.examples = before.usage.examples + examples
        usage.cpuSeconds = before.usage.cpuSeconds + Self.cpuSeconds() - begunCPU
        (state.seconds, state.usage) = (before.seconds + elapsed, usage)
    }

    /// Processor time of all threads of this process so far.
    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
