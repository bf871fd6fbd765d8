// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CoreMetrics
import Synchronization

/// Keeps counters, gauges and histograms, and renders them for Prometheus.
///
/// A back end of swift-metrics: pass it to `MetricsSystem.bootstrap` and what other libraries count is served as well. Timers
/// and aggregating recorders become histograms with fixed buckets, other recorders gauges. There are at most
/// `maximumSeries` series; what would be a further one is counted in `cascade_metrics_dropped_total` and otherwise lost, so that
/// a label with too many values costs neither memory nor the server.
public final class MetricsRegistry: MetricsFactory {
    private struct Key: Hashable {
        let name: String
        let labels: MetricLabels
    }

    private let series = Mutex<[Key: any MetricSeries]>([:])
    private let dropped = CounterSeries()
    private let maximumSeries: Int

    /// Starts with nothing.
    public init(maximumSeries: Int = 2_000) { self.maximumSeries = maximumSeries }

    /// A counter; the same for the same name and labels.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        counter(label, dimensions)
    }

    /// A counter that takes fractions.
    public func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { counter(label, dimensions) }

    /// A gauge.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// A histogram when it aggregates, otherwise a gauge.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate ? histogram(label, dimensions, bounds: Self.counts) : gauge(label, dimensions)
    }

    /// A histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    /// Nothing: what was counted stays counted.
    public func destroyCounter(_ handler: any CounterHandler) {}
    /// Nothing: what was counted stays counted.
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    /// Nothing: the last value stays.
    public func destroyMeter(_ handler: any MeterHandler) {}
    /// Nothing: what was recorded stays recorded.
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    /// Nothing: what was recorded stays recorded.
    public func destroyTimer(_ handler: any TimerHandler) {}

    /// Bounds for sizes and numbers of things.
    private static let counts: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000]

    func counter(_ name: String, _ labels: [(String, String)] = []) -> CounterSeries {
        find(name, labels) { CounterSeries() }
    }

    func gauge(_ name: String, _ labels: [(String, String)] = []) -> GaugeSeries {
        find(name, labels) { GaugeSeries() }
    }

    func histogram(
        _ name: String,
        _ labels: [(String, String)] = [],
        bounds: [Double] = HistogramSeries.seconds
    ) -> HistogramSeries {
        find(name, labels) { HistogramSeries(bounds: bounds) }
    }

    /// Everything, in the text format of Prometheus, ordered by name and labels.
    func render() -> String {
        let all = series.withLock { $0 }.sorted {
            ($0.key.name, $0.key.labels.text) < ($1.key.name, $1.key.labels.text)
        }
        var text = ""
        var last = ""
        for (key, series) in all {
            if key.name != last { text += "# TYPE \(key.name) \(Self.kind(series))\n" }
            last = key.name
            series.render(key.name, key.labels, to: &text)
        }
        text += "# TYPE cascade_metrics_dropped_total counter\n"
        dropped.render("cascade_metrics_dropped_total", MetricLabels([]), to: &text)
        return text
    }

    /// The series of that name and labels.
    ///
    /// One that there is no room for, or whose name another kind has, is returned but not kept.
    private func find<Series: MetricSeries>(
        _ name: String,
        _ labels: [(String, String)],
        _ make: () -> Series
    ) -> Series {
        let key = Key(name: PrometheusText.name(name), labels: MetricLabels(labels))
        return series.withLock { all in
            if let old = all[key] as? Series { return old }
            let new = make()
            guard all[key] == nil, all.count < maximumSeries else {
                dropped.increment(by: Int64(1))
                return new
            }
            all[key] = new
            return new
        }
    }

    private static func kind(_ series: any MetricSeries) -> String {
        switch series {
        case is CounterSeries: "counter"
        case is HistogramSeries: "histogram"
        default: "gauge"
        }
    }
}
