// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation

/// How much item vectors know of the items' categories, and how many categories a user is recommended.
enum LinearProbe: RunAnalysis {
    static let card = AnalysisCard(
        name: "probe",
        summary: "linear probing of item vectors on categories, and the number of categories in the top 100",
        source: "DimeRec, table 2 and figure 3",
        needs: "models with item vectors, and items with categories",
        options: [.split, .seen, .category]
    )

    static let listLength = 100
    private static let baseline = "most common category"

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        let (f1, variety) = ("macro F1", "categories in the top \(listLength)")
        var table = Table(
            card.name,
            [
                .init("run"), .init("items", "count"), .init("accuracy", "share of items"),
                .init("accuracy lower", "share of items"), .init("accuracy upper", "share of items"),
                .init(f1, "mean over categories"), .init(variety, "mean over users"),
            ]
        )
        func add(_ name: String, _ result: ProbeResult, categories: Double?) {
            let interval = Bootstrap.interval(of: result.hits, seed: 1)
            table.add([
                .text(name), .count(result.hits.count), .number(result.accuracy), .number(interval.lower),
                .number(interval.upper), .number(result.macroF1), categories.map(Cell.number) ?? .none,
            ])
        }
        let findings = try runs.map { try probe($0, options) }
        for (run, finding) in zip(runs, findings) { add(run.label, finding.result, categories: finding.categories) }
        let (feature, classes) = (findings.last?.feature ?? "", findings.last?.classes ?? 0)
        if let common = findings.last?.common { add(baseline, common, categories: nil) }
        return Figure(
            card,
            title: "What item vectors know of '\(feature)'",
            caption: """
                Multinomial logistic regression from item vectors to the \(classes) values of '\(feature)', evaluated on items \
                that it was not fitted to (\(Probe.folds)-fold cross-validation over items with training events). An \
                item of several categories counts as right when the first guess is one of them. \
                '\(baseline)' guesses by frequency. Lists: \(options.part.rawValue) users. Bars: 95 % bootstrap intervals \
                over items.
                """,
            tables: [table],
            panels: [
                Panel(.bar, "accuracy", of: table, x: "run", y: "accuracy", band: ("accuracy lower", "accuracy upper")),
                Panel(.bar, f1, of: table, x: "run", y: f1),
                Panel(.bar, variety, of: table, x: "run", y: variety),
            ]
        )
    }

    private struct Finding {
        let feature: String
        let classes: Int
        let result: ProbeResult
        let common: ProbeResult
        /// Different categories in a list, on average.
        let categories: Double
    }

    private static func probe(_ run: AnalyzedRun, _ options: AnalysisOptions) throws -> Finding {
        let (trained, model) = try run.openVectors()
        let data = trained.data
        let feature = try trained.category(options)
        let lists = try data.dataset.itemCategories(feature)
        let classes = (lists.joined().max() ?? -1) + 1
        // Vectors of items that were never trained on say nothing about the model.
        let counts = data.trainingItemCounts()
        let items = lists.indices.filter { counts[$0] > 0 && !lists[$0].isEmpty }
        guard items.count >= Probe.folds, classes > 1 else {
            throw ConfigurationError(
                """
                \(data.dataset.url.path): \(items.count) trained items have a value of '\(feature)', of \(classes) \
                values; probing needs at least \(Probe.folds) items and 2 values
                """
            )
        }
        let vectors = try withoutGradients {
            try model.itemVectors().rows(Tensor(items.map(Int64.init), on: trained.device)).to(.cpu).to(.float32)
        }
        let categories = ItemCategories(lists)
        var (found, users) = (0, 0)
        let count: (Int, [Int]) -> Void = { _, list in
            found += categories.distinctCount(in: list)
            users += 1
        }
        _ = try trained.rank(options, listing: (listLength, count))
        let probe = Probe(labels: items.map { lists[$0] }, classes: classes)
        return Finding(
            feature: feature,
            classes: classes,
            result: try probe.result(of: vectors),
            common: probe.baseline(),
            categories: Double(found) / Double(max(users, 1))
        )
    }
}

/// How well a classifier does on items that it has not seen.
struct ProbeResult {
    /// 1 for each item whose first guess is one of its categories, else 0.
    let hits: [Double]
    /// F1 of each category, averaged; an item of m categories is given its m best guesses.
    let macroF1: Double

    var accuracy: Double { hits.reduce(0, +) / Double(hits.count) }

    /// Judges scores, one row of all classes for each item.
    init(scores: [[Double]], labels: [[Int]], classes: Int) {
        var (right, guessed, actual) = (
            [Double](repeating: 0, count: classes), [Double](repeating: 0, count: classes),
            [Double](repeating: 0, count: classes)
        )
        hits = zip(scores, labels).map { scores, labels in
            let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
            for guess in order.prefix(labels.count) {
                guessed[guess] += 1
                if labels.contains(guess) { right[guess] += 1 }
            }
            for label in labels { actual[label] += 1 }
            return labels.contains(order[0]) ? 1 : 0
        }
        let present = actual.indices.filter { actual[$0] > 0 }
        macroF1 = present.reduce(0) { $0 + 2 * right[$1] / (guessed[$1] + actual[$1]) } / Double(present.count)
    }
}

/// Multinomial logistic regression with an L2 penalty of weight 1, by cross-validation over the items.
///
/// An item of several categories has an equal share of each as its target.
struct Probe {
    static let folds = 5
    private static let steps = 300
    private static let rate = 0.05

    let labels: [[Int]]
    let classes: Int
    private let fold: [Int]

    init(labels: [[Int]], classes: Int) {
        (self.labels, self.classes) = (labels.map { Array(Set($0)).sorted() }, classes)
        var generator = SplitMix64(seed: 1)
        let order = labels.indices.shuffled(using: &generator)
        fold = order.enumerated().reduce(into: Array(repeating: 0, count: labels.count)) { fold, entry in
            fold[entry.element] = entry.offset % Self.folds
        }
    }

    /// The result for vectors `[items, D]`.
    func result(of vectors: Tensor) throws -> ProbeResult {
        var scores = [[Double]](repeating: [], count: labels.count)
        for held in 0..<Self.folds {
            let (train, test) = parts(held)
            for (item, row) in zip(test, try fit(vectors, train, test)) { scores[item] = row }
        }
        return ProbeResult(scores: scores, labels: labels, classes: classes)
    }

    /// The result of guessing the categories that are most common among all items.
    func baseline() -> ProbeResult {
        var counts = [Double](repeating: 0, count: classes)
        for label in labels.joined() { counts[label] += 1 }
        return ProbeResult(scores: labels.map { _ in counts }, labels: labels, classes: classes)
    }

    private func parts(_ held: Int) -> (train: [Int], test: [Int]) {
        (labels.indices.filter { fold[$0] != held }, labels.indices.filter { fold[$0] == held })
    }

    /// Scores of the test items, by a regression that was fitted to the others.
    private func fit(_ vectors: Tensor, _ train: [Int], _ test: [Int]) throws -> [[Double]] {
        let known = try vectors.rows(Tensor(train.map(Int64.init)))
        let (mean, spread) = (try known.mean(0, keep: true), try known.deviation(0, keep: true).clamped(from: 1e-6))
        let features = try (known - mean) / spread
        var targets = [Float](repeating: 0, count: train.count * classes)
        for (row, item) in train.enumerated() {
            for label in labels[item] { targets[row * classes + label] = 1 / Float(labels[item].count) }
        }
        let goal = try Tensor(targets, shape: [train.count, classes])
        let weight = try Parameter(.zeros([vectors.size(1), classes]))
        let bias = try Parameter(.zeros([classes]))
        let adam = try Adam([Named(name: "weight", part: weight), Named(name: "bias", part: bias)])
        for step in 0..<Self.steps {
            let logits = try features.matmul(weight.value) + bias.value
            let likelihood = try (logits.logSoftmax(1) * goal).sum()
            let loss = try (weight.value.square().sum() * 0.5 - likelihood) / Double(train.count)
            try adam.clearGradients()
            try loss.backward()
            try adam.step(rate: Self.rate * (1 - Double(step) / Double(Self.steps)))
        }
        let asked = try (vectors.rows(Tensor(test.map(Int64.init))) - mean) / spread
        let values = try withoutGradients { try (asked.matmul(weight.value) + bias.value).doubles() }
        return test.indices.map { Array(values[$0 * classes..<($0 + 1) * classes]) }
    }
}
