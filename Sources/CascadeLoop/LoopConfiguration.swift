// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import Foundation

/// What `loop.yaml` says: which slots of a service are trained anew, on what, and how often.
///
/// `Documentation/closed-loop.md` describes every key.
public struct LoopConfiguration: Sendable, Equatable {
    /// The part of the store that models learn from.
    public struct DataSettings: Sendable, Equatable {
        /// How many days of events; nil for all.
        public var sinceDays: Double?
        /// How many of the newest hours are left out of the training, for the gate to compare on.
        public var holdoutHours = 24.0
        /// The fewest events of a user, and of an item.
        public var minUserEvents = 1, minItemEvents = 1

        /// The defaults.
        public init() {}
    }

    /// How the model of a slot is made.
    public struct Model: Sendable, Equatable {
        /// The slot of the service.
        public var slot: String
        /// The model's name; nil when the experiment file has it.
        public var name: String?
        /// An experiment file; nil for the defaults, sized by the data.
        public var experiment: URL?
        /// Settings on top, as `key=value`.
        public var settings: [String] = []
        /// What a training may take, such as `600cpu-s`; nil for no limit.
        public var budget: String?
        /// Decides every random number.
        public var seed = 1
        /// Whether the training begins with the weights of the slot's last run.
        public var warmStart = true
        /// The kind of index to build; nil for none.
        public var index: String?

        /// Names a model for a slot.
        public init(slot: String, name: String?) {
            self.slot = slot
            self.name = name
        }
    }

    /// The service's configuration file.
    public var service: URL
    /// Where the rounds lie: data sets, runs and indexes.
    public var folder: URL
    /// How many hours from the beginning of one round to the next.
    public var everyHours = 24.0
    /// How many finished rounds are kept beside those that serve or served before.
    public var keepRounds = 3
    /// How long a promotion waits for a running service to follow, in seconds.
    public var waitSeconds = 10.0
    /// What models learn from.
    public var data = DataSettings()
    /// The models, in the order of their slots' names.
    public var models: [Model]

    /// Reads a file's content.
    ///
    /// - Parameters:
    ///   - tree: The content.
    ///   - base: The file's folder, which relative paths begin at.
    /// - Throws: ``ConfigurationError`` with the key, what was found and what was expected.
    public init(_ tree: JSONValue, relativeTo base: URL) throws {
        func path(_ text: String) -> URL {
            (text.hasPrefix("/") ? URL(filePath: text) : base.appending(path: text)).absoluteURL.standardizedFileURL
        }
        var file = try SettingsGroup(tree, path: "")
        service = path(try file.requiredText("service", "the service's configuration file"))
        folder = path(try file.text("folder") ?? "loop")
        everyHours = try file.number("every_hours", from: 0.01) ?? everyHours
        keepRounds = try file.whole("keep_rounds", from: 1) ?? keepRounds
        waitSeconds = try file.number("wait_seconds", from: 0) ?? waitSeconds
        if var group = try file.group("data") {
            data.sinceDays = try group.number("since_days", from: 0.01)
            data.holdoutHours = try group.number("holdout_hours", from: 0) ?? data.holdoutHours
            data.minUserEvents = try group.whole("min_user_events", from: 1) ?? data.minUserEvents
            data.minItemEvents = try group.whole("min_item_events", from: 1) ?? data.minItemEvents
            try group.finish()
        }
        models = []
        var slots = try file.group("models")
        for slot in slots?.keys ?? [] {
            guard let value = slots?.value(slot), let name = slots?.name(slot) else { continue }
            models.append(try Self.model(SettingsGroup(value, path: name), of: slot, path))
        }
        try slots?.finish()
        try file.finish()
        guard !models.isEmpty else {
            throw ConfigurationError(
                "models: found none, expected a group for each slot to train, with 'model' or 'config'"
            )
        }
        if let days = data.sinceDays, days * 24 <= data.holdoutHours {
            throw ConfigurationError(
                "data.since_days: found \(days) days, expected more than data.holdout_hours, \(data.holdoutHours)"
            )
        }
    }

    private static func model(_ group: SettingsGroup, of slot: String, _ path: (String) -> URL) throws -> Model {
        var group = group
        var model = Model(slot: slot, name: try group.text("model"))
        model.experiment = try group.text("config").map(path)
        model.budget = try group.text("budget")
        model.seed = try group.whole("seed", from: 0) ?? model.seed
        model.warmStart = try group.flag("warm_start") ?? model.warmStart
        model.index = try group.text("index")
        if var settings = try group.group("settings") {
            for key in settings.keys { model.settings.append("\(key)=\(settings.value(key).shown)") }
            try settings.finish()
        }
        try group.finish()
        guard model.name != nil || model.experiment != nil else {
            throw ConfigurationError("\(group.path): found neither 'model' nor 'config', expected one of them")
        }
        return model
    }
}
