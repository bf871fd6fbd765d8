// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The numbers of a feature cut at their quantiles, so that the buckets have about as many users or items each.
struct NumberBuckets {
    /// The last number of each bucket but the last.
    private let bounds: [Double]
    /// What each bucket is called: its lowest and highest number, such as `1.5..20`.
    let labels: [String]

    /// Cuts the numbers; nil when a value is no number, or somebody has several.
    ///
    /// - Parameters:
    ///   - feature: The feature, whose values are the texts of numbers.
    ///   - count: How many buckets there are at most; fewer when one number is very common.
    init?(_ feature: FeatureCollector, count: Int) {
        guard feature.further.isEmpty else { return nil }
        var numbers: [Double] = []
        for index in 0..<feature.vocabulary.count {
            guard let number = Self.number(feature.vocabulary[index]) else { return nil }
            numbers.append(number)
        }
        let sorted = feature.first.filter { $0 >= 0 }.map { numbers[Int($0)] }.sorted()
        guard !sorted.isEmpty else { return nil }
        let all = (1..<max(2, count)).map { sorted[max(0, $0 * sorted.count / count - 1)] }
        // A bound is the last number of its bucket, so that equal numbers never part.
        var bounds: [Double] = []
        for bound in all where bound > bounds.last ?? -.infinity && bound < sorted[sorted.count - 1] {
            bounds.append(bound)
        }
        self.bounds = bounds
        var labels: [String] = []
        var start = 0
        for bucket in 0...bounds.count {
            let end = bucket < bounds.count ? sorted.lastIndex { $0 <= bounds[bucket] } ?? start : sorted.count - 1
            let (low, high) = (Self.text(sorted[start]), Self.text(sorted[end]))
            labels.append(low == high ? low : "\(low)..\(high)")
            start = end + 1
        }
        self.labels = labels
    }

    /// What the bucket of a number is called.
    func label(_ text: String) -> String {
        guard let number = Self.number(text) else { return text }
        return labels[bounds.firstIndex { number <= $0 } ?? bounds.count]
    }

    private static func number(_ text: String) -> Double? {
        var text = text
        return text.withUTF8 { $0.trimmed.decimal() }
    }

    private static func text(_ number: Double) -> String {
        Int64(exactly: number).map(String.init) ?? String(number)
    }
}
