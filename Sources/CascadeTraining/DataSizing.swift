// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeRecommenders
public import CascadeRuns
import CascadeTensorFiles

/// Settings that follow from the data where nobody chose them.
///
/// A key that the experiment sets is never changed, so that the same file gives the same model on every data set.
public struct DataSizing: Sendable, Equatable {
    /// Items above which a softmax over all of them takes most of a step.
    static let largeCatalog = 10_000
    /// Negatives of the sampled softmax, shared by a batch.
    static let negatives = 1_024

    /// What was chosen, in the order in which it was.
    public private(set) var choices: [RunManifest.Sizing] = []
    /// What a person should know about the data, one sentence each.
    public private(set) var remarks: [String] = []

    /// Sizes an experiment by a data set.
    ///
    /// - Parameters:
    ///   - tree: The experiment as its file and the command line give it.
    ///   - model: The model's name when the tree gives none.
    ///   - models: The models that there are.
    ///   - data: The divided data; only its training part is looked at.
    /// - Throws: ``ConfigurationError`` when the experiment is wrong already.
    public init(_ tree: JSONValue, model: String?, among models: ModelRegistry = .builtin, on data: SplitDataset) throws
    {
        let tree = try Experiment.respelled(tree, model: model, among: models).tree
        let experiment = try Experiment(tree, model: model, among: models)
        let entry = experiment.model.entry
        let facts = DataFacts(data)
        if !facts.hasTimes {
            remarks.append(
                "the events have no times: their order is that of the file, and so is what counts as latest or as next"
            )
        }
        guard entry.learns else { return }
        var chosen = try Proposals(tree, experiment)
        chosen.sizeLength(facts)
        chosen.sizeSessions(facts)
        if let kind = entry.examples {
            chosen.sizeLoss(items: data.dataset.itemCount)
            chosen.sizeBatch(facts, kind)
        }
        choices = chosen.sizings
        // A choice must never be what makes an experiment impossible.
        if (try? Experiment(applied(to: tree), model: model, among: models)) == nil { choices = [] }
    }

    /// The experiment with the choices in it.
    public func applied(to tree: JSONValue) -> JSONValue { tree.placing(choices) }
}

extension JSONValue {
    /// This experiment with sized settings in it, where it has none of its own.
    public func placing(_ sizings: [RunManifest.Sizing]) -> JSONValue {
        sizings.reduce(self) { tree, sizing in
            let key = sizing.key.split(separator: ".").map(String.init)
            let path = (try? Experiment.path(sizing.key, model: tree["model"]["name"].text)) ?? key
            let present = path.reduce(tree) { $0[$1] }
            return present == .null ? tree.placing(sizing.value, at: path[...]) : tree
        }
    }
}

/// What sizes are chosen by.
struct DataFacts {
    /// Events before the last one of each training sequence, rising.
    let lengths: [Int]
    /// Seconds between neighboring events of a training sequence, rising; of at most 100,000 sequences.
    let gaps: [Int64]
    /// Whether events of at least one user differ in time.
    let hasTimes: Bool
    /// Pairs of a history and what comes next.
    let targets: Int

    init(_ data: SplitDataset) {
        lengths = data.training.map { $0.events.count - 1 }.filter { $0 > 0 }.sorted()
        targets = lengths.reduce(0, +)
        var gaps: [Int64] = []
        let step = max(1, data.training.count / 100_000)
        for place in stride(from: 0, to: data.training.count, by: step) {
            let events = data.training[place].events
            for row in events.dropFirst() { gaps.append(data.dataset.times[row] - data.dataset.times[row - 1]) }
        }
        gaps.sort()
        self.gaps = gaps
        hasTimes = gaps.contains { $0 > 0 } || gaps.isEmpty
    }

    /// The value that a share of a sorted list is at most.
    static func quantile<T>(_ sorted: [T], _ share: Double) -> T? {
        sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
}

/// The choices while they are made.
private struct Proposals {
    private let tree: JSONValue
    private let model: JSONValue
    private let training: JSONValue
    private(set) var sizings: [RunManifest.Sizing] = []

    init(_ tree: JSONValue, _ experiment: Experiment) throws {
        self.tree = tree
        model = experiment.model.settings
        training = try JSONValue(encoding: experiment.training)
    }

    private mutating func choose(_ key: String, _ value: JSONValue, because reason: String) {
        sizings.append(.init(key, value, because: reason))
    }

    /// The value of a setting that the model has and nobody chose.
    private func free(_ key: String) -> JSONValue? {
        tree["model"][key] == .null && model[key] != .null ? model[key] : nil
    }

    /// Reads fewer events where histories are short.
    mutating func sizeLength(_ facts: DataFacts) {
        guard case .integer(let usual)? = free("max_sequence_length"),
            let longest = DataFacts.quantile(facts.lengths, 0.95)
        else {
            return
        }
        let parts = ["max_session_length", "window", "top_k", "relevant_top_k"].map { key -> Int in
            if case .integer(let number) = model[key] { number } else { 0 }
        }
        let length = max((longest + 4) / 5 * 5, parts.reduce(10, max))
        guard length < usual else { return }
        choose(
            "model.max_sequence_length",
            .integer(length),
            because: "95 % of the histories have at most \(longest) events"
        )
    }

    /// Widens the gap that ends a session where hardly any two events are that near.
    mutating func sizeSessions(_ facts: DataFacts) {
        guard facts.hasTimes, case .integer(let usual)? = free("session_gap_seconds"),
            let median = DataFacts.quantile(facts.gaps, 0.5)
        else { return }
        let near = Double(facts.gaps.count { $0 <= Int64(usual) }) / Double(facts.gaps.count)
        guard near < 0.1, median > Int64(usual), median < Int64(Int32.max) else { return }
        choose(
            "model.session_gap_seconds",
            .integer(Int(median)),
            because: "\(Int(near * 100)) % of neighboring events are within \(usual) s; this is the median"
        )
    }

    /// Samples the softmax of a large catalog, and moves only the rows of the item table that a batch names.
    mutating func sizeLoss(items: Int) {
        guard items > DataSizing.largeCatalog, tree["training"]["loss"]["kind"] == .null else { return }
        let reason = "\(items) items are more than \(DataSizing.largeCatalog)"
        choose("training.loss.kind", .string("sampled-softmax"), because: reason)
        if tree["training"]["loss"]["negatives"] == .null {
            choose("training.loss.negatives", .integer(DataSizing.negatives), because: "shared by all of a batch")
        }
        if free("sparse_gradients") != nil {
            choose("model.sparse_gradients", .bool(true), because: "a batch names few of the items")
        }
    }

    /// Makes the batches of small data smaller.
    ///
    /// Those of large data stay. With sampled losses on Amazon Beauty (12,101 items), in equal processor time, larger ones
    /// ranked validation worse: `t2diff` 0.0136 with 512 examples and 0.0248 with 128 (NDCG@10, 100 s of one processor).
    mutating func sizeBatch(_ facts: DataFacts, _ kind: ExampleKind) {
        guard tree["training"]["batch_size"] == .null, case .integer(let usual) = training["batch_size"] else { return }
        let rows = kind == .prefixes ? facts.targets : facts.lengths.count
        // An epoch of fewer steps learns too little before it is evaluated.
        let batch = max(rows / 50, 16)
        guard batch < usual else { return }
        let rounded = 1 << (Int.bitWidth - 1 - batch.leadingZeroBitCount)
        let unit = kind == .prefixes ? "examples" : "histories"
        choose(
            "training.batch_size",
            .integer(rounded),
            because: "an epoch has \(rows) \(unit), and is to have 50 steps"
        )
    }
}
