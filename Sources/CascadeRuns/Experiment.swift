// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
public import CascadeRecommenders
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// Everything that decides a result besides the data and the seed: one file in `Experiments/`, resolved.
public struct Experiment: Codable, Sendable, Equatable {
    /// What it is called in tables.
    public var name: String
    /// Where the published figures come from, and under which protocol.
    public var source: String
    /// How events are divided.
    public var split: Split
    /// Whether seen items are candidates.
    public var seen: SeenPolicy
    /// The model's name.
    public var model: String
    /// The model's settings, complete.
    public var configuration: JSONValue
    /// The training settings, complete.
    public var training: JSONValue
    /// How a ranker's candidates are drawn; nil for a retriever.
    public var candidates: CandidateSettings?
    /// The item feature whose values, taken together, are an item's category; nil for a retriever.
    ///
    /// An empty text means none.
    public var category: String?

    /// `search` is for `cascade tune`, which varies the settings, and `budget` is how much a training may take; neither
    /// belongs to the experiment.
    static let keys = [
        "name", "source", "split", "seen", "candidates", "category", "model", "training", "search", "budget",
    ]

    /// Resolves an experiment file (and what the command line sets on top) against the defaults.
    ///
    /// - Parameters:
    ///   - tree: `name`, `source`, `split`, `seen`, `model` (with its `name`) and `training`, all optional.
    ///   - model: The model's name when the tree gives none.
    /// - Throws: ``ConfigurationError``.
    public init(_ tree: JSONValue, model given: String? = nil) throws {
        guard case .object(let fields) = tree else {
            throw ConfigurationError("an experiment is a group of settings with: \(Self.keys.joined(separator: ", "))")
        }
        for key in fields.keys.sorted() where !Self.keys.contains(key) {
            let hint = nearestName(to: key, among: Self.keys).map { "Did you mean '\($0)'?" }
            throw ConfigurationError(
                "unknown key '\(key)'. \(hint ?? "There are: \(Self.keys.joined(separator: ", "))")"
            )
        }
        guard case .object(var settings) = tree["model"] == .null ? .object([:]) : tree["model"] else {
            throw ConfigurationError("model: expected a group of settings that begins with its name")
        }
        let named = try Self.text(settings.removeValue(forKey: "name") ?? .null, "model.name")
        if let named, let given, named != given {
            throw ConfigurationError("the file is about the model '\(named)', but --model says '\(given)'")
        }
        guard let model = named ?? given else {
            throw ConfigurationError("no model: pass --model NAME, or a file with model.name")
        }
        self.model = model
        let entry = try Catalog.entry(model)
        configuration = try entry.resolve(.object(settings))
        var chosen = tree["training"]
        if case .object(var fields) = chosen {
            fields["auto"] = nil  // says who sizes the settings, and is none of them
            chosen = .object(fields)
        }
        if entry.isRanker && chosen["metric"] == .null { chosen = chosen.placing(.string("auc"), at: ["metric"]) }
        let resolved = try TrainingSettings(overriding: chosen, path: "training")
        guard entry.isRanker == ClickMetrics.selecting.contains(resolved.metric) else {
            let known = entry.isRanker ? ClickMetrics.selecting : ["recall@20", "ndcg@10", "mrr@20"]
            throw ConfigurationError(
                "training.metric: \(model) is not judged by '\(resolved.metric)'; take for example "
                    + known.joined(separator: ", ")
            )
        }
        training = try JSONValue(encoding: resolved)
        if entry.isRanker {
            var chosen = tree["candidates"]
            if entry.readsRequests && chosen["negatives"] == .null {
                chosen = chosen.placing(.integer(0), at: ["negatives"])  // lists show what was not chosen
            }
            let candidates = try CandidateSettings(overriding: chosen, path: "candidates")
            guard entry.readsRequests || candidates.negatives > 0 else {
                throw ConfigurationError("candidates.negatives: found 0, expected at least 1 for \(model)")
            }
            self.candidates = candidates
            category = try Self.text(tree["category"], "category") ?? (entry.readsRequests ? "" : "category")
        } else if tree["candidates"] != .null || tree["category"] != .null {
            throw ConfigurationError("candidates, category: \(model) ranks the whole catalogue; these are for rankers")
        }
        name = try Self.text(tree["name"], "name") ?? model
        source = try Self.text(tree["source"], "source") ?? ""
        split = try Self.decode(tree["split"], "split") ?? .leaveOneOut
        seen = try Self.decode(tree["seen"], "seen") ?? .exclude
    }

    /// Whether settings that nobody chose are to be sized by the data, by the key `training.auto`; nil when it says
    /// nothing.
    ///
    /// - Throws: ``ConfigurationError`` when it says neither true nor false.
    public static func isSized(_ tree: JSONValue) throws -> Bool? {
        switch tree["training"]["auto"] {
        case .null: return nil
        case .bool(let value): return value
        case let other: throw ConfigurationError("training.auto: found \(other.shown), expected true or false")
        }
    }

    /// The training settings.
    public func trainingSettings() throws -> TrainingSettings { try .init(overriding: training, path: "training") }

    /// A fresh model for a data set, on the generator's device.
    public func makeModel(for dataset: Dataset, using generator: Generator) throws -> any Retriever {
        let entry = try Catalog.entry(model)
        guard !entry.readsRequests else {
            return try entry.make(configuration, DatasetShape(requestsOf: dataset), generator)
        }
        let shape = DatasetShape(
            users: dataset.userCount,
            items: dataset.itemCount,
            categories: try categories(in: dataset)
        )
        return try entry.make(configuration, shape, generator)
    }

    /// A data set divided as the model reads it: by its events, or by its search requests.
    public func divided(_ dataset: Dataset) throws -> SplitDataset {
        try Catalog.entry(model).readsRequests
            ? SplitDataset(requestsOf: dataset, split) : SplitDataset(dataset, split)
    }

    /// `[N]`: the category of every item; empty for a retriever, and where items have no features at all.
    ///
    /// - Throws: ``ConfigurationError`` when items have features, none is called `category` and the experiment names
    ///   none; ``DatasetError`` `.unknownFeature` when it names one that the data set lacks.
    public func categories(in dataset: Dataset) throws -> [Int32] {
        guard let category, !category.isEmpty else { return [] }
        if category == "category" && dataset.itemFeature(category) == nil {
            let names = dataset.itemFeatureNames
            guard names.isEmpty else {
                throw ConfigurationError(
                    "category: \(model) reads one, and items have: \(names.joined(separator: ", ")); name one of them, or "
                        + "set it to '' to do without"
                )
            }
            return []
        }
        return try dataset.itemCombinations(category)
    }

    private static func text(_ value: JSONValue, _ key: String) throws -> String? {
        guard value == .null || value.text != nil else {
            throw ConfigurationError("\(key): expected text; put it in quotes")
        }
        return value.text
    }

    private static func decode<T: Decodable>(_ value: JSONValue, _ key: String) throws -> T? {
        guard value != .null else { return nil }
        do {
            return try JSONDecoder().decode(T.self, from: JSONEncoder().encode(value))
        } catch {
            let known =
                key == "seen"
                ? "exclude or include"
                : """
                {kind: leave-one-out}, {kind: temporal, validation: 0.8, test: 0.9}, \
                {kind: temporal, validation: "2 days", test: "1 day"}, \
                {kind: by-user, validation: 0.1, test: 0.1, seed: 7}, {kind: given} or \
                {kind: positions, minimum: 210, first: 3, last: 93, every: 5}
                """
            throw ConfigurationError("\(key): not understood, expected \(known)")
        }
    }
}

extension JSONValue {
    /// This tree with one dotted key set, as `--set` does; a key without a section is looked for in the model's
    /// settings, then in the training settings.
    ///
    /// - Parameters:
    ///   - key: For example `training.batch`, or `width`.
    ///   - value: What to put there.
    ///   - model: The model whose settings a short key may name.
    /// - Throws: ``ConfigurationError`` when nothing has that name.
    public func setting(_ key: String, to value: JSONValue, model: String?) throws -> JSONValue {
        var path = key.split(separator: ".").map(String.init)
        guard let first = path.first else { throw ConfigurationError("--set: a key is missing before '='") }
        if !Experiment.keys.contains(first) {
            let name = self["model"]["name"].text ?? model
            let models = try name.map { try Catalog.entry($0).defaults() } ?? .object([:])
            let training = try JSONValue(encoding: TrainingSettings())
            if models[first] != .null {
                path.insert("model", at: 0)
            } else if training[first] != .null {
                path.insert("training", at: 0)
            } else {
                var known = Experiment.keys
                for case .object(let fields) in [models, training] { known += fields.keys }
                let hint = nearestName(to: first, among: known).map { ". Did you mean '\($0)'?" } ?? ""
                throw ConfigurationError("unknown key '\(key)'\(hint)")
            }
        }
        return placing(value, at: path[...])
    }

    /// This tree with a value at a path of keys.
    public func placing(_ value: JSONValue, at path: ArraySlice<String>) -> JSONValue {
        guard let first = path.first else { return value }
        var copy = self
        copy[first] = self[first].placing(value, at: path.dropFirst())
        return copy
    }
}
