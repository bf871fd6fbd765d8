// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Synchronization

/// One line, or one histogram, of the exposition.
protocol MetricSeries: AnyObject, Sendable {
    /// Adds the lines of this series.
    func render(_ name: String, _ labels: MetricLabels, to text: inout String)
}

/// A number that only grows.
final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
    private let value = Mutex(0.0)

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { value.withLock { $0 += max(0, amount) } }
    /// Takes over a count that somebody else keeps.
    func raise(to total: Double) { value.withLock { $0 = max($0, total) } }
    func reset() { value.withLock { $0 = 0 } }
    var total: Double { value.withLock { $0 } }

    func render(_ name: String, _ labels: MetricLabels, to text: inout String) {
        text += "\(name)\(labels.text) \(PrometheusText.number(total))\n"
    }
}

/// A number that goes up and down.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    private let value = Mutex(0.0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    var current: Double { value.withLock { $0 } }

    func render(_ name: String, _ labels: MetricLabels, to text: inout String) {
        text += "\(name)\(labels.text) \(PrometheusText.number(current))\n"
    }
}

/// How often values fell into each of some fixed buckets.
final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
    /// What was counted so far.
    struct Counts {
        /// By bucket, the one without an upper bound last.
        var buckets: [Int]
        var sum = 0.0
    }

    /// Upper bounds in seconds: from half a millisecond to ten seconds.
    static let seconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]

    let bounds: [Double]
    private let counts: Mutex<Counts>

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        counts.withLock {
            $0.buckets[bucket] += 1
            $0.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) * 1e-9) }

    var current: Counts { counts.withLock { $0 } }

    func render(_ name: String, _ labels: MetricLabels, to text: inout String) {
        let counts = current
        var below = 0
        for (bound, count) in zip(bounds, counts.buckets) {
            below += count
            text += "\(name)_bucket\(labels.adding("le", PrometheusText.number(bound)).text) \(below)\n"
        }
        let all = counts.buckets.reduce(0, +)
        text += "\(name)_bucket\(labels.adding("le", "+Inf").text) \(all)\n"
        text += "\(name)_sum\(labels.text) \(PrometheusText.number(counts.sum))\n"
        text += "\(name)_count\(labels.text) \(all)\n"
    }
}
