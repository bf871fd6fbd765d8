// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeEvaluation
public import CascadeRecommenders
import CascadeTensorFiles
public import CascadeTorch
public import Foundation

/// Everything that decides a result besides the data and the seed: one file in `Experiments/`, resolved once.
public struct Experiment: Sendable, Equatable {
    /// What it is called in tables.
    public var name: String
    /// Where the published figures come from, and under which protocol.
    public var source: String
    /// How events are divided.
    public var split: Split
    /// Whether seen items are candidates.
    public var seen: SeenPolicy
    /// The model and its settings, complete.
    public var model: ModelSpec
    /// The training settings, complete.
    public var training: TrainingSettings
    /// How a request's candidates are drawn; nil for a model that ranks the whole catalog.
    public var candidates: CandidateSettings?
    /// The item feature whose values, taken together, are an item's category; nil for a model that ranks the whole catalog,
    /// unless it reads categories and the file names one.
    ///
    /// An empty text means none.
    public var category: String?
    /// The models that the experiment was resolved among.
    public let models: ModelRegistry

    /// `search_space` is for `cascade tune`, which varies the settings, and `budget` is how much a training may take; neither
    /// belongs to the experiment.
    static let keys = [
        "name", "source", "split", "seen", "candidates", "category", "model", "training", "search_space", "budget",
    ]

    /// Whether two decide the same result.
    public static func == (a: Experiment, b: Experiment) -> Bool {
        a.name == b.name && a.source == b.source && a.split == b.split && a.seen == b.seen && a.model == b.model
            && a.training == b.training && a.candidates == b.candidates && a.category == b.category
    }
}

// MARK: - Files

extension Experiment {
    /// Resolves an experiment file (and what the command line sets on top) against the defaults.
    ///
    /// - Parameters:
    ///   - tree: `name`, `source`, `split`, `seen`, `model` (with its `name`) and `training`, all optional.
    ///   - given: The model's name when the tree gives none.
    ///   - models: The models that there are.
    /// - Throws: ``ConfigurationError``.
    public init(_ tree: JSONValue, model given: String? = nil, among models: ModelRegistry = .builtin) throws {
        let tree = try Self.respelled(tree, model: given, among: models).tree
        guard case .object(let fields) = tree else {
            throw ConfigurationError("an experiment is a group of settings with: \(Self.keys.joined(separator: ", "))")
        }
        for key in fields.keys.sorted() where !Self.keys.contains(key) {
            let hint = didYouMean(key, Self.keys)
            throw ConfigurationError(
                "unknown key '\(key)'." + (hint.isEmpty ? " There are: \(Self.keys.joined(separator: ", "))" : hint)
            )
        }
        let model = try Self.model(tree["model"], given, models)
        let traits = model.entry.task.traits
        self.models = models
        self.model = model
        training = try Self.training(tree["training"], model)
        if let candidates = traits.candidates {
            self.candidates = try Self.candidates(tree["candidates"], candidates, model.name)
            category = try Self.text(tree["category"], "category") ?? candidates.category
        } else if model.entry.readsCategories, tree["candidates"] == .null {
            category = try Self.text(tree["category"], "category")
        } else if tree["candidates"] != .null || tree["category"] != .null {
            throw ConfigurationError(
                "candidates, category: \(model.name) ranks the whole catalog; these are for models that score candidates"
            )
        }
        name = try Self.text(tree["name"], "name") ?? model.name
        source = try Self.text(tree["source"], "source") ?? ""
        split = try Self.decode(tree["split"], "split") ?? .leaveOneOut
        seen = try Self.decode(tree["seen"], "seen") ?? .exclude
    }

    private static func model(_ tree: JSONValue, _ given: String?, _ models: ModelRegistry) throws -> ModelSpec {
        guard case .object(var settings) = tree == .null ? .object([:]) : tree else {
            throw ConfigurationError("model: expected a group of settings that begins with its name")
        }
        let named = try text(settings.removeValue(forKey: "name") ?? .null, "model.name")
        if let named, let given, named != given {
            throw ConfigurationError("the file is about the model '\(named)', but --model says '\(given)'")
        }
        guard let name = named ?? given else {
            throw ConfigurationError("no model: pass --model NAME, or a file with model.name")
        }
        return try models.entry(name).specification(.object(settings))
    }

    private static func training(_ tree: JSONValue, _ model: ModelSpec) throws -> TrainingSettings {
        let known = model.entry.task.traits.metrics
        var chosen = tree
        if case .object(var fields) = chosen {
            fields["auto"] = nil  // says who sizes the settings, and is none of them
            if fields["metric"] ?? .null == .null, let usual = known.first { fields["metric"] = .string(usual) }
            chosen = .object(fields)
        } else if chosen == .null, let usual = known.first {
            chosen = .object(["metric": .string(usual)])
        }
        let settings = try TrainingSettings(overriding: chosen, path: "training")
        guard known.contains(settings.metric) else {
            throw ConfigurationError(
                "training.metric: \(model.name) is not evaluated by '\(settings.metric)'; take for example "
                    + known.prefix(3).joined(separator: ", ")
            )
        }
        return settings
    }

    private static func candidates(_ tree: JSONValue, _ traits: TaskTraits.CandidateTraits, _ model: String) throws
        -> CandidateSettings
    {
        var chosen = tree
        if let negatives = traits.negatives, chosen["negatives"] == .null {
            chosen = chosen.placing(.integer(negatives), at: ["negatives"])
        }
        let candidates = try CandidateSettings(overriding: chosen, path: "candidates")
        guard candidates.negatives >= traits.minimumNegatives else {
            throw ConfigurationError(
                "candidates.negatives: found \(candidates.negatives), expected at least \(traits.minimumNegatives) for \(model)"
            )
        }
        return candidates
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

// MARK: - Manifests

extension CodingUserInfoKey {
    /// The ``ModelRegistry`` that experiments are decoded with; ``ModelRegistry/builtin`` where it is not set.
    static let modelRegistry: CodingUserInfoKey = {
        guard let key = CodingUserInfoKey(rawValue: "cascade.models") else { preconditionFailure("a text is a key") }
        return key
    }()
}

extension JSONDecoder {
    /// A decoder of experiments, and of whatever holds one, among some models.
    public convenience init(models: ModelRegistry) {
        self.init()
        userInfo[.modelRegistry] = models
    }
}

extension Experiment: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, source, split, seen, model, configuration, training, candidates, category
    }

    /// Reads what a manifest keeps, among the models of a decoder made by `JSONDecoder(models:)`.
    ///
    /// - Throws: ``ConfigurationError`` when the model is not among them, or its settings are not understood.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        models = decoder.userInfo[.modelRegistry] as? ModelRegistry ?? .builtin
        name = try fields.decode(String.self, forKey: .name)
        source = try fields.decode(String.self, forKey: .source)
        split = try fields.decode(Split.self, forKey: .split)
        seen = try fields.decode(SeenPolicy.self, forKey: .seen)
        let entry = try models.entry(fields.decode(String.self, forKey: .model))
        model = try entry.specification(entry.completed(fields.decode(JSONValue.self, forKey: .configuration)))
        let tree = try fields.decode(JSONValue.self, forKey: .training)
        training = try TrainingSettings(overriding: tree, path: "training")
        candidates = try fields.decodeIfPresent(JSONValue.self, forKey: .candidates).map {
            try CandidateSettings(overriding: $0, path: "candidates")
        }
        category = try fields.decodeIfPresent(String.self, forKey: .category)
    }

    /// The experiment as a file holds it: what ``init(_:model:among:)`` reads.
    public var tree: JSONValue {
        get throws {
            guard case .object(var fields) = try JSONValue(encoding: self) else { return .null }
            fields["model"] = fields.removeValue(forKey: CodingKeys.configuration.rawValue)
            var tree = JSONValue.object(fields)
            tree["model"]["name"] = .string(model.name)
            return tree
        }
    }

    /// Writes all settings, complete.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(name, forKey: .name)
        try fields.encode(source, forKey: .source)
        try fields.encode(split, forKey: .split)
        try fields.encode(seen, forKey: .seen)
        try fields.encode(model.name, forKey: .model)
        try fields.encode(model.settings, forKey: .configuration)
        try fields.encode(JSONValue(encoding: training), forKey: .training)
        try fields.encodeIfPresent(candidates, forKey: .candidates)
        try fields.encodeIfPresent(category, forKey: .category)
    }
}

extension Experiment {
    /// Every setting by its dotted key, such as `model.embedding_size` or `training.epochs`.
    public func leaves() throws -> [String: JSONValue] {
        try model.settings.leaves("model").merging(JSONValue(encoding: training).leaves("training")) { $1 }
    }
}

// MARK: - Data

extension Experiment {
    /// A fresh model for a data set, on the generator's device.
    public func makeModel(for dataset: Dataset, using generator: Generator) throws -> any Recommender {
        let shape = try model.entry.task.shape(of: dataset, categories: categories(in: dataset))
        return try model.make(for: shape, using: generator)
    }

    /// A data set divided as the model reads it: by its events, or by its search requests.
    public func divided(_ dataset: Dataset) throws -> SplitDataset { try model.entry.task.split(dataset, split) }

    /// A model at its task, on a part of the world that this experiment describes.
    public func task(of model: any Recommender, on data: SplitDataset, device: Device) throws -> any RecommendationTask
    {
        model.task(
            in: TaskContext(
                data: data,
                seen: seen,
                candidates: candidates ?? CandidateSettings(),
                categories: try categories(in: data.dataset),
                device: device
            )
        )
    }

    /// `[N]`: the category of every item; empty where the experiment names none, and where items have no features.
    ///
    /// - Throws: ``ConfigurationError`` when items have features, none is called `category` and the experiment names
    ///   none; ``DatasetError`` `.unknownFeature` when it names one that the data set lacks.
    public func categories(in dataset: Dataset) throws -> [Int32] {
        guard let category, !category.isEmpty else { return [] }
        if category == "category" && dataset.itemFeature(category) == nil {
            let names = dataset.itemFeatureNames
            guard names.isEmpty else {
                throw ConfigurationError(
                    "category: \(model.name) reads one, and items have: \(names.joined(separator: ", ")); name one of them, "
                        + "or set it to '' to do without"
                )
            }
            return []
        }
        return try dataset.itemCombinations(category)
    }
}
