// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeRecommenders
import CascadeTensorFiles

extension JSONValue {
    /// This tree with one dotted key set, as `--set` does; a key without a section is looked for in the model's
    /// settings, then in the training settings.
    ///
    /// - Parameters:
    ///   - key: For example `training.batch`, or `width`.
    ///   - value: What to put there.
    ///   - model: The model whose settings a short key may name.
    ///   - models: The models that there are.
    /// - Throws: ``ConfigurationError`` when nothing has that name.
    public func setting(
        _ key: String,
        to value: JSONValue,
        model: String?,
        among models: ModelRegistry = .builtin
    ) throws -> JSONValue {
        var path = key.split(separator: ".").map(String.init)
        guard let first = path.first else { throw ConfigurationError("--set: a key is missing before '='") }
        if !Experiment.keys.contains(first) {
            let name = self["model"]["name"].text ?? model
            let settings = try name.map { try models.entry($0).specification().settings } ?? .object([:])
            let training = try JSONValue(encoding: TrainingSettings())
            if settings[first] != .null {
                path.insert("model", at: 0)
            } else if training[first] != .null {
                path.insert("training", at: 0)
            } else {
                var known = Experiment.keys
                for case .object(let fields) in [settings, training] { known += fields.keys }
                let hint = didYouMean(first, known)
                throw ConfigurationError("unknown key '\(key)'" + (hint.isEmpty ? "" : "." + hint))
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
