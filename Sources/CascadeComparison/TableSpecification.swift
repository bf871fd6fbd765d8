// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
public import CascadeRecommenders
import CascadeTensorFiles
public import CascadeTraining
import Foundation

/// A table to be measured: models in rows, data sets, metrics, and what others published.
///
/// In files: `name`, `source`, `protocol`, `data`, `metrics`, `main`, `draws`, `budget`, settings that all rows share (`split`,
/// `seen`, `model`, `training`) and `rows`. An experiment file is a table with one row.
public struct TableSpecification: Sendable, Equatable {
    /// One line of the table.
    public struct Row: Sendable, Equatable {
        /// What the table calls it.
        public let name: String
        /// The experiment on each data set, resolved; or why it cannot be resolved.
        public let experiments: [String: Result<Experiment, ConfigurationError>]
        /// The row whose trained weights are evaluated again under other settings; nil trains its own.
        public let weightsFrom: String?
        /// What each of its trainings may take; nil means as long as the experiment says.
        public let budget: Budget?
        /// Published figures by data set and metric, as shares.
        public let published: [String: [String: Double]]
        /// What a reader must know about the row.
        public let note: String
        /// Settings of the row, of the table and of files that it names which have another spelling now.
        public let renamed: [Renaming]
    }

    /// What the table is called.
    public let name: String
    /// Where the published figures come from.
    public let source: String
    /// How the published figures were measured, and how these are.
    public let protocolText: String
    /// The data sets, in order.
    public let data: [DataRecipe]
    /// The metrics that are shown.
    public let metrics: [String]
    /// The metric that ranks the rows and is tested.
    public let main: String
    /// Evaluations from different noise, for models that start from noise.
    public let draws: Int
    /// The lines.
    public let rows: [Row]
    private let renamedKeys: [Renaming]

    /// Keys that had other names before version 0.2.
    private static let formerKeys =
        FormerKeys([
            "perData": "per_data", "rows.*.perData": "rows.*.per_data", "rows.*.weightsOf": "rows.*.weights_from",
        ]) + DataRecipe.formerKeys.under("data.*")
    private static let defaultMetrics = ["recall@10", "ndcg@10", "recall@20", "mrr@20"]
    private static let rankerMetrics = ["auc", "gauc", "logloss"]
    private static let keys = [
        "name", "source", "protocol", "data", "metrics", "main", "draws", "per_data", "rows", "budget",
    ]
    fileprivate static let experimentKeys = ["split", "seen", "candidates", "category", "model", "training"]

    /// Reads a table.
    ///
    /// - Parameters:
    ///   - given: The file's content.
    ///   - file: What the file is called, without its ending: the name of a table that gives none.
    ///   - changes: Settings of an experiment on top of every row's own.
    ///   - models: The models that there are.
    ///   - read: Reads the experiment file that a row names, relative to the table's file.
    /// - Throws: ``ConfigurationError`` for what concerns the whole table; a row's own mistakes stay with the row.
    public init(
        _ given: JSONValue,
        file: String,
        changing changes: JSONValue = .object([:]),
        among models: ModelRegistry = .builtin,
        read: (String) throws -> JSONValue
    ) throws {
        let (tree, renamedKeys) = try Self.renewed(given)
        guard tree["rows"] != .null else {
            let model = changes["model"]["name"].text ?? tree["model"]["name"].text
            let own = try Experiment.respelled(tree, model: model, among: models)
            let complete = own.tree.merged(with: try Experiment.respelled(changes, model: model, among: models).tree)
            try refuseSizing(complete)
            let experiment = try Experiment(complete, among: models)
            (name, source, protocolText, data) = (experiment.name, experiment.source, "", [])
            metrics = experiment.candidates == nil ? Self.defaultMetrics : Self.rankerMetrics
            (main, draws) = (experiment.training.metric, 1)
            rows = [Row(experiment, try Budget(tree["budget"]), own.renamed)]
            self.renamedKeys = renamedKeys
            return
        }
        try refuseUnknown(tree, among: Self.keys + Self.experimentKeys, "the table")
        self.renamedKeys = renamedKeys
        name = try tree.text("name") ?? file
        source = try tree.text("source") ?? ""
        let changed = try changes.fields(nil).flatMap { $1.leaves($0) }.map { "\($0) = \($1.shown)" }.sorted()
        let text = try tree.text("protocol") ?? ""
        protocolText = changed.isEmpty ? text : "\(text) In every row: \(changed.joined(separator: ", "))."
        data = try tree.fields("data").sorted { $0.key < $1.key }.map { try DataRecipe($0.key, $0.value) }
        let metrics =
            try tree.list("metrics")?.map { try $0.metric("metrics") } ?? Self.defaultMetrics
        self.metrics = metrics
        main = try tree["main"] == .null ? metrics[0] : tree["main"].metric("main")
        guard ClickMetrics.direction(of: main) == 1 else {
            throw ConfigurationError("main: '\(main)' is not best where it is highest; rank the rows by another metric")
        }
        draws = try tree.count("draws") ?? 1
        let shared = tree.only(Self.experimentKeys + ["per_data"])
        let names = data.map(\.name)
        let budget = try Budget(tree["budget"])
        try Self.checkDataNames(tree["per_data"], names, "per_data")
        let trees = try tree.list("rows") ?? []
        rows = try trees.enumerated().map { number, row in
            let trained = trees.first { $0["name"] == row["weights_from"] && row["weights_from"] != .null }
            return try Row(
                row,
                number,
                like: trained,
                among: shared,
                changes,
                budget,
                data: names,
                models: models,
                read: read
            )
        }
        try Self.check(rows)
    }

    /// Refuses no rows, two of one name, and weights of a row that is not trained.
    private static func check(_ rows: [Row]) throws {
        guard !rows.isEmpty else { throw ConfigurationError("rows: a table needs at least one row") }
        for row in rows {
            guard Set(rows.map(\.name)).count == rows.count else {
                throw ConfigurationError("rows: two rows are called '\(row.name)'; give each its own name")
            }
            if let other = row.weightsFrom, !rows.contains(where: { $0.name == other && $0.weightsFrom == nil }) {
                throw ConfigurationError(
                    "rows.\(row.name).weights_from: found '\(other)', expected the name of a row that is trained"
                )
            }
        }
    }

    /// Keys of the table and settings of the rows that have another spelling now, each once.
    public var renamed: [Renaming] {
        rows.flatMap(\.renamed).reduce(into: renamedKeys) { if !$0.contains($1) { $0.append($1) } }
    }

    /// A table with today's keys.
    private static func renewed(_ tree: JSONValue) throws -> (tree: JSONValue, renamed: [Renaming]) {
        guard tree["rows"] != .null else { return (tree, []) }
        let renewed = try formerKeys.renew(tree)
        return (renewed.tree, renewed.renamed)
    }

    /// Refuses settings for a data set that the table does not have.
    fileprivate static func checkDataNames(_ perData: JSONValue, _ names: [String], _ place: String) throws {
        for name in try perData.fields(nil).keys.sorted() where !names.contains(name) {
            let hint = nearestName(to: name, among: names).map { "Did you mean '\($0)'?" }
            throw ConfigurationError(
                "\(place): the table has no data set '\(name)'. \(hint ?? "It has: \(names.joined(separator: ", "))")"
            )
        }
    }

    /// The table with its data sets replaced: for experiments that name none.
    public func on(_ recipes: [DataRecipe]) -> TableSpecification {
        TableSpecification(
            name: name,
            source: source,
            protocolText: protocolText,
            data: recipes,
            metrics: metrics,
            main: main,
            draws: draws,
            rows: rows.map { row in
                let anywhere = row.experiments[""]
                return Row(
                    name: row.name,
                    experiments: Dictionary(
                        uniqueKeysWithValues: recipes.compactMap { recipe in
                            (row.experiments[recipe.name] ?? anywhere).map { (recipe.name, $0) }
                        }
                    ),
                    weightsFrom: row.weightsFrom,
                    budget: row.budget,
                    published: row.published,
                    note: row.note,
                    renamed: row.renamed
                )
            }
        )
    }

    /// One table of the rows of several, for experiments given side by side.
    public static func joined(_ tables: [TableSpecification]) -> TableSpecification? {
        guard let first = tables.first else { return nil }
        return TableSpecification(
            name: tables.count == 1 ? first.name : "comparison",
            source: tables.count == 1 ? first.source : "",
            protocolText: "",
            data: [],
            metrics: first.metrics,
            main: first.main,
            draws: 1,
            rows: tables.flatMap(\.rows)
        )
    }

    private init(
        name: String,
        source: String,
        protocolText: String,
        data: [DataRecipe],
        metrics: [String],
        main: String,
        draws: Int,
        rows: [Row]
    ) {
        (self.name, self.source, self.protocolText, self.data) = (name, source, protocolText, data)
        (self.metrics, self.main, self.draws, self.rows) = (metrics, main, draws, rows)
        renamedKeys = []
    }
}

extension TableSpecification.Row {
    /// A row for any data set.
    fileprivate init(_ experiment: Experiment, _ budget: Budget?, _ renamed: [Renaming]) {
        (name, experiments, weightsFrom) = (experiment.name, ["": .success(experiment)], nil)
        self.budget = budget
        (published, note) = ([:], "")
        self.renamed = renamed
    }

    fileprivate init(
        _ tree: JSONValue,
        _ number: Int,
        like trained: JSONValue?,
        among shared: JSONValue,
        _ changes: JSONValue,
        _ common: Budget?,
        data: [String],
        models: ModelRegistry,
        read: (String) throws -> JSONValue
    ) throws {
        let place = "rows[\(number + 1)]"
        guard let name = try tree.text("name", in: place) else {
            throw ConfigurationError("\(place): a row needs a name")
        }
        self.name = name
        try refuseUnknown(
            tree,
            among: ["name", "experiment", "per_data", "weights_from", "published", "note", "budget"]
                + TableSpecification.experimentKeys,
            "the row '\(name)'"
        )
        weightsFrom = try tree.text("weights_from", in: place)
        note = try tree.text("note", in: place) ?? ""
        // What is wrong with the file itself is told with its experiments.
        let file = (try? tree.text("experiment", in: place).map(read)) ?? .null
        let own = try Budget(tree["budget"], in: "rows.\(name).budget")
        budget = try own ?? Budget(file["budget"], in: "rows.\(name).experiment: budget") ?? common
        try TableSpecification.checkDataNames(tree["per_data"], data, "rows.\(name).per_data")
        let settings = RowSettings(
            name: name,
            shared: shared,
            rows: [trained, tree].compactMap { $0 },
            changes: changes,
            models: models
        )
        (experiments, renamed) = settings.experiments(on: data) {
            try $0.text("experiment", in: place).map(read) ?? .object([:])
        }
        published = try Self.published(tree["published"], data, "rows.\(name).published")
    }

    /// Either figures by metric, for a table with one data set, or by data set and metric.
    private static func published(_ tree: JSONValue, _ data: [String], _ place: String) throws -> [String: [String:
        Double]]
    {
        guard case .object(let fields) = tree else { return [:] }
        func figures(_ tree: JSONValue) throws -> [String: Double] {
            try tree.fields(nil).reduce(into: [:]) { result, entry in
                guard let value = entry.value.double else {
                    throw ConfigurationError("\(place).\(entry.key): expected a number, as a share and not in percent")
                }
                result[try JSONValue.string(entry.key).metric(place)] = value
            }
        }
        if fields.keys.allSatisfy({ RankingMetric($0) != nil }) {
            guard data.count <= 1 else {
                throw ConfigurationError("\(place): the table has several data sets; give figures for each by its name")
            }
            return [data.first ?? "": try figures(tree)]
        }
        if let unknown = fields.keys.sorted().first(where: { !data.contains($0) }) {
            throw ConfigurationError("\(place): '\(unknown)' is neither a metric nor one of the table's data sets")
        }
        return try fields.mapValues(figures)
    }
}

/// What the experiments of a row are made of, each part on top of those before it.
private struct RowSettings {
    let name: String
    /// The table's settings.
    let shared: JSONValue
    /// The trained row whose weights are used again, if any, and the row itself.
    let rows: [JSONValue]
    /// Changes to every row.
    let changes: JSONValue
    let models: ModelRegistry

    /// The experiment on each data set, and the settings that have another spelling now.
    ///
    /// - Parameter file: Reads the experiment file that a row names.
    func experiments(
        on data: [String],
        file: (JSONValue) throws -> JSONValue
    ) -> ([String: Result<Experiment, ConfigurationError>], [Renaming]) {
        var renamed: [Renaming] = []
        let experiments = data.map { data in
            let experiment = Result {
                var complete = try settings(on: data, file, &renamed)
                complete["name"] = .string(name)
                try refuseSizing(complete)
                return try Experiment(complete, among: models)
            }
            return (data, experiment.mapError { ConfigurationError("\($0)") })
        }
        return (Dictionary(uniqueKeysWithValues: experiments), renamed)
    }

    private func settings(
        on data: String,
        _ file: (JSONValue) throws -> JSONValue,
        _ renamed: inout [Renaming]
    ) throws -> JSONValue {
        func own(_ tree: JSONValue) -> [JSONValue] {
            [tree.only(TableSpecification.experimentKeys), tree["per_data"][data]]
        }
        let parts = try own(shared) + rows.flatMap { [try file($0)] + own($0) } + [changes]
        // Spelled alike before they are merged, so that a former name in one part gives way to the present one in another.
        let model = parts.compactMap { $0["model"]["name"].text }.last
        return try parts.reduce(.object([:])) { settings, part in
            let spelled = try Experiment.respelled(part, model: model, among: models)
            for renaming in spelled.renamed where !renamed.contains(renaming) { renamed.append(renaming) }
            return settings.merged(with: spelled.tree)
        }
    }
}

/// A table measures what it says, on every data set.
private func refuseSizing(_ tree: JSONValue) throws {
    guard try Experiment.isSized(tree) != true else {
        throw ConfigurationError(
            "training.auto: found true, expected false: tables are trained as they are written; `cascade train` sizes settings"
        )
    }
}

private func refuseUnknown(_ tree: JSONValue, among known: [String], _ place: String) throws {
    for key in try tree.fields(nil).keys.sorted() where !known.contains(key) {
        let hint = nearestName(to: key, among: known).map { "Did you mean '\($0)'?" }
        throw ConfigurationError(
            "unknown key '\(key)' in \(place). \(hint ?? "There are: \(known.joined(separator: ", "))")"
        )
    }
}
