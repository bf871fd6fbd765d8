// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeDiffusion
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// The models that a program knows, by name.
///
/// A value: pass ``builtin``, or ``adding(_:)`` a model of one's own, to whatever reads experiments and runs.
public struct ModelRegistry: Sendable {
    /// All models in the order in which they are listed.
    public private(set) var entries: [ModelEntry]

    /// A registry of these models, each name once.
    public init(_ entries: [ModelEntry] = []) { self.entries = entries }

    /// This registry with one more model; one of the same name is replaced.
    public func adding<Model: Recommender>(_ type: Model.Type) -> ModelRegistry {
        let entry = ModelEntry(type)
        return ModelRegistry(entries.filter { $0.card.name != entry.card.name } + [entry])
    }

    /// The model of that name.
    ///
    /// - Throws: ``ConfigurationError`` that names the nearest, or all.
    public func entry(_ name: String) throws -> ModelEntry {
        if let entry = entries.first(where: { $0.card.name == name }) { return entry }
        let names = entries.map(\.card.name)
        let hint = didYouMean(name, names)
        throw ConfigurationError(
            "unknown model '\(name)'." + (hint.isEmpty ? " There are: \(names.joined(separator: ", "))" : hint)
        )
    }

    /// The names of the models that can do something, for messages.
    public func names(with capability: Capability) -> String {
        entries.filter { $0.capabilities.contains(capability) }.map(\.card.name).joined(separator: ", ")
    }
}

/// One model of a registry, its type erased.
public struct ModelEntry: Sendable {
    /// Its name and source.
    public let card: ModelCard
    /// What it is trained for.
    public let task: any RecommendationTask.Type
    /// What it can do beside that.
    public let capabilities: Set<Capability>
    /// What its training examples ask; nil for one that counts, or reads requests.
    public let examples: ExampleKind?
    /// Whether it reads categories of items although its task needs none.
    public let readsCategories: Bool
    /// Some settings under their present keys, and what was spelled otherwise.
    public let respelled: @Sendable (JSONValue) throws -> (tree: JSONValue, renamed: [Renaming])
    /// A manifest's settings under their present keys, with what its missing keys meant (``Settings/formerDefaults``).
    public let completed: @Sendable (JSONValue) throws -> JSONValue
    /// Each setting, for documentation.
    public let descriptions: @Sendable () throws -> [SettingDescription]
    private let resolve: @Sendable (JSONValue) throws -> Resolved

    /// Whether it learns by gradients instead of counting.
    public var learns: Bool { !capabilities.contains(.fitting) }

    /// Describes a type of models.
    public init<Model: Recommender>(_ type: Model.Type) {
        card = Model.card
        task = Model.Task.self
        capabilities = Model.capabilities.names
        examples = Model.trainingExamples
        readsCategories = Model.readsCategories
        respelled = { try Model.Configuration.respelled($0, path: "model") }
        completed = { try Model.Configuration.completed($0) }
        descriptions = { try Model.Configuration.descriptions() }
        resolve = { try Resolved(Model.self, Model.Configuration(overriding: $0, path: "model")) }
    }

    /// The model with the defaults, some settings replaced.
    ///
    /// - Parameter settings: What is replaced, nested as the settings are.
    /// - Throws: ``ConfigurationError`` for unknown keys and impossible values.
    public func specification(_ settings: JSONValue = .object([:])) throws -> ModelSpec {
        ModelSpec(entry: self, resolved: try resolve(settings))
    }

    /// A model's settings, resolved, and what can be made of them.
    fileprivate struct Resolved: Sendable {
        let settings: JSONValue
        let diffusion: (any DiffusionSettings)?
        let make: @Sendable (DatasetShape, Generator) throws -> any Recommender
        let sampled: @Sendable (_ steps: Int?, _ sampler: Sampler) throws -> Resolved

        init<Model: Recommender>(_ type: Model.Type, _ configuration: Model.Configuration) throws {
            settings = try JSONValue(encoding: configuration)
            let diffusion = configuration as? any DiffusionSettings
            self.diffusion = diffusion
            make = { try Model(configuration, for: $0, using: $1) }
            sampled = { steps, sampler in
                guard var changed = diffusion else {
                    throw ConfigurationError("\(Model.card.name): has no diffusion, so no sampler can be set")
                }
                changed.sampler = sampler
                if let steps { changed.steps = steps }
                try changed.requireValid("model")
                guard let typed = changed as? Model.Configuration else {
                    preconditionFailure("settings keep their type")
                }
                return try Resolved(type, typed)
            }
        }
    }
}

/// A model and its settings, complete and checked once.
public struct ModelSpec: Sendable, Equatable {
    /// The model.
    public let entry: ModelEntry
    private let resolved: ModelEntry.Resolved

    fileprivate init(entry: ModelEntry, resolved: ModelEntry.Resolved) {
        self.entry = entry
        self.resolved = resolved
    }

    /// The model's name.
    public var name: String { entry.card.name }
    /// The settings, complete, as files have them.
    public var settings: JSONValue { resolved.settings }
    /// The schedule and the sampler of a model with a diffusion; nil for one without.
    public var diffusion: (any DiffusionSettings)? { resolved.diffusion }

    /// What the noise schedule leaves of the signal, for the log; nil for a model without a diffusion.
    public var noiseNotice: String? {
        guard let diffusion, diffusion.isDiffused else { return nil }
        let schedule = diffusion.noiseSchedule
        let end = schedule.terminalAlphaBar
        let words = "\(name): \(schedule.steps) noise steps, alpha-bar \(String(format: "%.2g", end)) at the last"
        guard diffusion.startsFromNoise, end > NoiseSchedule.largestIgnoredAlphaBar else { return words }
        let remedy = settings["reference_steps"] == .integer(0) ? "set model.reference_steps" : "raise model.beta_end"
        return """
            \(words), expected at most \(NoiseSchedule.largestIgnoredAlphaBar): the reverse process begins with noise \
            alone, which training hardly shows; \(remedy)
            """
    }

    /// Fresh weights on the generator's device.
    public func make(for data: DatasetShape, using generator: Generator) throws -> any Recommender {
        try resolved.make(data, generator)
    }

    /// The same model with some settings replaced.
    ///
    /// - Throws: ``ConfigurationError`` for unknown keys and impossible values.
    public func overriding(_ settings: JSONValue) throws -> ModelSpec {
        try entry.specification(self.settings.merged(with: entry.respelled(settings).tree))
    }

    /// The same model with another sampler and, if given, a schedule of so many steps.
    ///
    /// - Throws: ``ConfigurationError`` for a model without a diffusion, and numbers that it refuses.
    public func sampling(_ sampler: Sampler, steps: Int? = nil) throws -> ModelSpec {
        ModelSpec(entry: entry, resolved: try resolved.sampled(steps, sampler))
    }

    /// Whether both are the same model with the same settings.
    public static func == (a: ModelSpec, b: ModelSpec) -> Bool { a.name == b.name && a.settings == b.settings }
}

/// The settings that every model with a diffusion has.
public protocol DiffusionSettings: Settings {
    /// T, the steps of the noise schedule.
    var steps: Int { get set }
    /// The noise of every step.
    var noiseSchedule: NoiseSchedule { get }
    /// Whether the settings leave the diffusion in.
    var isDiffused: Bool { get }
    /// Whether the reverse process begins with noise alone, rather than with what it knows of the user.
    var startsFromNoise: Bool { get }
    /// The reverse process, which can be changed without training anew.
    var sampler: Sampler { get set }
}

extension DiffusionSettings {
    /// They do.
    public var isDiffused: Bool { true }
    /// It does.
    public var startsFromNoise: Bool { true }
}
