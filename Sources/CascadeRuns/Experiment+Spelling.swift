// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeRecommenders
import CascadeTensorFiles

extension Experiment {
    /// An experiment, or a part of one, with every key as files spell it now.
    ///
    /// - Parameters:
    ///   - tree: The groups `model`, `training`, `candidates` and `search_space`, any of them; other keys stay as they are.
    ///   - given: The model's name when the tree gives none; without a name, the group `model` stays as it is.
    ///   - models: The models that there are.
    /// - Returns: The same values under their present keys, and what was spelled otherwise.
    /// - Throws: ``ConfigurationError`` when a setting is given twice, under two names.
    public static func respelled(
        _ tree: JSONValue,
        model given: String? = nil,
        among models: ModelRegistry = .builtin
    ) throws
        -> (tree: JSONValue, renamed: [Renaming])
    {
        guard case .object(var fields) = tree else { return (tree, []) }
        let name = tree["model"]["name"].text ?? given
        var renamed: [Renaming] = []
        func respell(_ key: String, _ change: (JSONValue) throws -> (tree: JSONValue, renamed: [Renaming])) throws {
            guard let value = fields[key] else { return }
            let result = try change(value)
            fields[key] = result.tree
            renamed += result.renamed
        }
        if let name, let entry = try? models.entry(name), case .object(var settings)? = fields["model"] {
            let own = settings.removeValue(forKey: "name")
            var result = try entry.respelled(.object(settings))
            if let own { result.tree["name"] = own }
            fields["model"] = result.tree
            renamed += result.renamed
        }
        try respell("training") { try TrainingSettings.respelled($0, path: "training") }
        try respell("candidates") { try CandidateSettings.respelled($0, path: "candidates") }
        if let ranges = fields.removeValue(forKey: "search") {
            guard fields["search_space"] == nil else {
                throw ConfigurationError("search: 'search_space' is the same group; keep one of them, search_space")
            }
            fields["search_space"] = ranges
            renamed.append(Renaming("search", "search_space"))
        }
        if case .object(let ranges)? = fields["search_space"] {
            // The keys stay: trials are drawn in their order, and a search that is taken up must draw as it did.
            let spelled = ranges.keys.sorted().map {
                ($0, (try? path($0, model: name, among: models).joined(separator: ".")) ?? $0)
            }
            renamed += spelled.filter { $0.0 != $0.1 }.map { Renaming($0.0, $0.1) }
        }
        return (.object(fields), renamed)
    }

    /// The present path of a dotted key in any spelling that it ever had; a key without a section is looked for in the
    /// model's settings, then in the training settings.
    ///
    /// - Parameters:
    ///   - key: For example `training.batch_size`, or `embedding_size`.
    ///   - model: The model whose settings are meant.
    ///   - models: The models that there are.
    /// - Throws: ``ConfigurationError`` when nothing has that name.
    public static func path(_ key: String, model: String?, among models: ModelRegistry = .builtin) throws -> [String] {
        var path = key.split(separator: ".").map(String.init)
        guard let first = path.first else { throw ConfigurationError("--set: a key is missing before '='") }
        let own = try model.map { try models.entry($0) }
        if !Self.keys.contains(first) {
            let settings = try own?.specification().settings ?? .object([:])
            let training = try JSONValue(encoding: TrainingSettings())
            let probe = JSONValue.object([:]).placing(.integer(0), at: path[...])
            if try own?.respelled(probe).tree.isKnown(to: settings) == true {
                path.insert("model", at: 0)
            } else if try TrainingSettings.respelled(probe, path: "training").tree.isKnown(to: training) {
                path.insert("training", at: 0)
            } else {
                var known = Dictionary(Self.keys.map { ($0, $0) }, uniquingKeysWith: { $1 })
                for setting in try (own?.descriptions() ?? []) + TrainingSettings.descriptions() {
                    for name in [setting.key] + setting.formerKeys where !name.contains(".") {
                        known[name] = setting.key
                    }
                }
                let nearest = nearestName(to: first, among: known.keys.sorted())
                let hint = nearest.flatMap { known[$0] }.map { ". Did you mean '\($0)'?" } ?? ""
                throw ConfigurationError("unknown key '\(key)'\(hint)")
            }
        }
        let probe = JSONValue.object([:]).placing(.integer(0), at: path[...])
        guard let spelled = try? respelled(probe, model: model, among: models).tree, path.count > 1 else { return path }
        // A former group that is no setting of its own any more has no path.
        return spelled.onlyPath ?? path
    }
}

extension JSONValue {
    /// Whether all keys of this group are among another's.
    fileprivate func isKnown(to other: JSONValue) -> Bool {
        guard case .object(let mine) = self, case .object(let theirs) = other else { return false }
        return mine.keys.allSatisfy { theirs[$0] != nil }
    }

    fileprivate var isGroup: Bool { if case .object = self { true } else { false } }

    /// The keys that lead to the only value; nil when there are several.
    fileprivate var onlyPath: [String]? {
        guard case .object(let fields) = self else { return [] }
        guard let (key, value) = fields.first, fields.count == 1 else { return nil }
        return value.onlyPath.map { [key] + $0 }
    }

    /// This tree with one dotted key set, as `--set` does; a key without a section is looked for in the model's
    /// settings, then in the training settings.
    ///
    /// - Parameters:
    ///   - key: For example `training.batch_size`, or `embedding_size`; any spelling that it ever had.
    ///   - value: What to put there.
    ///   - given: The model whose settings a short key may name, when the tree names none.
    ///   - models: The models that there are.
    /// - Returns: The tree, its keys as files spell them now.
    /// - Throws: ``ConfigurationError`` when nothing has that name.
    public func setting(
        _ key: String,
        to value: JSONValue,
        model given: String?,
        among models: ModelRegistry = .builtin
    ) throws -> JSONValue {
        let name = self["model"]["name"].text ?? given
        let base = try Experiment.respelled(self, model: name, among: models).tree
        let path = try Experiment.path(key, model: name, among: models)
        let change = try Experiment.respelled(
            JSONValue.object([:]).placing(value, at: path[...]),
            model: name,
            among: models
        ).tree
        let after = path.reduce(change) { $0[$1] }
        // A value, or a group as a whole, takes the place of what is there; a group of before has become several settings.
        if case .object = value, !after.isGroup { return base.merged(with: change) }
        return base.placing(after, at: path[...])
    }

    /// This tree with a value at a path of keys.
    public func placing(_ value: JSONValue, at path: ArraySlice<String>) -> JSONValue {
        guard let first = path.first else { return value }
        var copy = self
        copy[first] = self[first].placing(value, at: path.dropFirst())
        return copy
    }
}
