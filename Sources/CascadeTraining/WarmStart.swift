// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
public import CascadeRuns
import CascadeTensorFiles
import CascadeTorch
public import Foundation

/// The weights of a finished run as the beginning of another one, on data that may have changed.
///
/// Rows that a table has for items, users and feature values follow their external ids: rows of known ids are copied, those
/// of new ids stay fresh. All else is copied whole. Which rows a table has is not declared anywhere: tables that grow with a
/// vocabulary are its tables.
public struct WarmStart {
    /// The run whose weights are taken.
    public let run: RunDirectory
    private let manifest: RunManifest
    private let dataset: Dataset

    /// Opens a run to begin with.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - data: The data set that it was trained on, whose ids its rows belong to; nil looks where the run found it.
    /// - Throws: ``CheckpointError`` when it has no weights, or its data set is gone or another one.
    public init(_ run: RunDirectory, data: URL? = nil) throws {
        self.run = run
        manifest = try run.check(run.weights)
        guard FileManager.default.fileExists(atPath: run.weights.path) else {
            throw CheckpointError("\(run.weights.path): missing; the run has not made a checkpoint yet")
        }
        let place = data ?? URL(filePath: manifest.data.path)
        guard FileManager.default.fileExists(atPath: place.path) else {
            throw CheckpointError(
                "\(place.path): the data set of the run \(run.url.path) is gone, and with it the ids of its rows; pass its "
                    + "present place with --from-data"
            )
        }
        dataset = try Dataset(at: place)
        guard dataset.manifest.contentHash == manifest.data.hash else {
            throw CheckpointError(
                "\(place.path): holds other data than the run \(run.url.path) was trained on; pass the original data set with "
                    + "--from-data"
            )
        }
    }

    /// The run's experiment.
    public var experiment: Experiment { manifest.experiment }

    /// Where the weights come from, for the manifest of the run that begins with them.
    var lineage: RunManifest.Parent {
        RunManifest.Parent(
            run: run.url.standardizedFileURL.path,
            commit: manifest.commit,
            seed: manifest.seed,
            bestStep: manifest.bestStep,
            data: manifest.data
        )
    }

    /// Copies what the run learned into a fresh model and its optimizer.
    ///
    /// - Parameters:
    ///   - model: The fresh model.
    ///   - optimizer: Its optimizer, which takes over moments and the number of steps when the run has kept them.
    ///   - own: The experiment of the fresh model.
    ///   - data: What it will be trained on.
    /// - Returns: Of each vocabulary, how many rows' ids were known and how many were new.
    func begin(
        _ model: any Recommender,
        _ optimizer: any Optimizer,
        _ own: Experiment,
        on data: Dataset
    ) throws -> [String: RunManifest.Parent.Rows] {
        let (before, now) = (try Vocabulary.all(of: dataset, experiment), try Vocabulary.all(of: data, own))
        let tables = try Tables(of: own, data, now.map(\.name))
        let matches = now.map { vocabulary in
            Match(vocabulary, in: before.first { $0.name == vocabulary.name })
        }
        let weights = try SafetensorsFile(run.weights, loading: .copied)
        // Whole numbers are what the data say, such as the categories of items: the new data's own.
        for entry in try model.state() where [.float32, .float64].contains(entry.part.dtype) {
            try copy(weights, entry.name, to: entry.part, tables.vocabulary(of: entry.name), matches)
        }
        try carry(optimizer, tables, matches)
        return Dictionary(uniqueKeysWithValues: zip(now, matches).map { ($0.name, $1.rows) })
    }

    /// Refuses what cannot begin with this run.
    ///
    /// - Throws: ``ConfigurationError`` for another model, other settings of it, or one that is fitted in one pass.
    func require(_ own: Experiment) throws {
        guard own.model == experiment.model else {
            throw ConfigurationError(
                """
                model: found other settings than those of \(run.url.path), which the training is to begin with; expected the same \
                \(experiment.model.name). Leave --model, --config and model settings out to take the run's own
                """
            )
        }
        guard own.model.entry.learns else {
            throw ConfigurationError(
                "--from: \(own.model.name) is fitted anew in one pass, so there is nothing to begin with; leave --from out"
            )
        }
    }

    /// Takes over moments and steps; a finished cell of a comparison has none, and begins with fresh ones.
    private func carry(_ optimizer: any Optimizer, _ tables: Tables, _ matches: [Match]) throws {
        guard FileManager.default.fileExists(atPath: run.optimizer.path) else { return }
        let file = try SafetensorsFile(run.optimizer, loading: .copied)
        for entry in optimizer.state() {
            guard file.names.contains(entry.name), let dot = entry.name.firstIndex(of: ".") else { continue }
            let vocabulary = tables.vocabulary(of: String(entry.name[entry.name.index(after: dot)...]))
            try copy(file, entry.name, to: entry.part, vocabulary, matches)
        }
        // Another method has moments of other names, and begins anew.
        if optimizer.state().contains(where: { file.names.contains($0.name) }) {
            optimizer.restore(step: manifest.step)
        }
    }

    private func copy(
        _ file: SafetensorsFile,
        _ name: String,
        to target: Tensor,
        _ table: Tables.Rows,
        _ matches: [Match]
    ) throws {
        guard file.names.contains(name) else { return }
        let source = try file.tensor(name).to(target.device)
        switch table {
        case .none:
            guard source.shape == target.shape else { return }
            try withoutGradients { try target.assign(source) }
        case .several: return
        case .of(let vocabulary, let padding):
            let match = matches[vocabulary]
            // Rows before the first id stand for no id at all, and stay where they are.
            let index = Array(0..<Int64(padding)) + match.places.map { $0.map { Int64($0 + padding) } ?? 0 }
            let isKnown = Array(repeating: true, count: padding) + match.places.map { $0 != nil }
            guard index.count == target.shape[0], source.shape.dropFirst() == target.shape.dropFirst() else { return }
            let column = [index.count] + Array(repeating: 1, count: target.shape.count - 1)
            let mask = try Tensor(isKnown.map { Int64($0 ? 1 : 0) }, on: target.device).notEqual(0).reshaped(column)
            try withoutGradients {
                let rows = try source.rows(Tensor(index, on: target.device))
                try target.assign(.where(mask, rows, target.detached()))
            }
        }
    }
}

/// Names that rows of tables may belong to: ids, or values of a feature.
private struct Vocabulary {
    let name: String
    let ids: [ByteString]

    /// The vocabularies of a data set as an experiment reads it, in the order in which ``Tables`` knows them.
    static func all(of data: Dataset, _ experiment: Experiment) throws -> [Vocabulary] {
        let shape = try experiment.model.entry.task.shape(of: data, categories: experiment.categories(in: data))
        func named(_ name: String, _ codes: [Int32], _ feature: CategoricalFeature?) -> Vocabulary {
            var ids = [ByteString?](repeating: nil, count: Int(codes.max() ?? -1) + 1)
            for (owner, code) in codes.enumerated() where code >= 0 && ids[Int(code)] == nil {
                ids[Int(code)] = ByteString(feature?.values(of: owner).joined(separator: "\u{1F}") ?? "")
            }
            return Vocabulary(name: name, ids: ids.map { $0 ?? "" })
        }
        var all = [
            Vocabulary(
                name: "items",
                ids: (0..<data.itemCount).map { ByteString(data.itemID(ItemIndex($0)).rawValue) }
            ),
            Vocabulary(
                name: "users",
                ids: (0..<data.userCount).map { ByteString(data.userID(UserIndex($0)).rawValue) }
            ),
        ]
        if !shape.categories.isEmpty {
            all.append(named("categories", shape.categories, data.itemFeature(experiment.category ?? "category")))
        }
        all += shape.itemFeatures.map { named("item feature \($0.name)", $0.codes, data.itemFeature($0.name)) }
        all += shape.userFeatures.map { named("user feature \($0.name)", $0.codes, data.userFeature($0.name)) }
        all +=
            shape.contextSizes.isEmpty
            ? []
            : data.requestFeatureNames.map {
                named("context \($0)", data.requestCombinations($0), data.requestFeature($0))
            }
        return all
    }
}

/// Where each row of a vocabulary was before.
private struct Match {
    /// The row that an id had, from 0; nil for a new one.
    let places: [Int?]

    init(_ vocabulary: Vocabulary, in before: Vocabulary?) {
        let old = Dictionary(zip(before?.ids ?? [], 0...)) { first, _ in first }
        places = vocabulary.ids.map { old[$0] }
    }

    var rows: RunManifest.Parent.Rows {
        let known = places.count { $0 != nil }
        return RunManifest.Parent.Rows(known: known, new: places.count - known)
    }
}

/// Which tensors of a model have a row for each name of a vocabulary: those that grow when it grows.
private struct Tables {
    /// What the rows of a tensor stand for.
    enum Rows {
        /// Nothing that data decide.
        case none
        /// The names of one vocabulary, after `padding` rows that stand for no name: 0 or 1.
        case of(vocabulary: Int, padding: Int)
        /// Several vocabularies, or more than one row a name: no row can be told.
        case several
    }

    private let rows: [String: Rows]

    /// Compares small models, each with one vocabulary longer by one.
    init(of experiment: Experiment, _ data: Dataset, _ vocabularies: [String]) throws {
        let real = try experiment.model.entry.task.shape(of: data, categories: experiment.categories(in: data))
        func shapes(growing vocabulary: Int?) throws -> [String: [Int]] {
            let small = SmallShape(like: real, growing: vocabulary)
            let model = try experiment.model.make(for: small.shape, using: Generator(seed: 0))
            return try Dictionary(uniqueKeysWithValues: model.state().map { ($0.name, $0.part.shape) })
        }
        let base = try shapes(growing: nil)
        var rows = base.mapValues { _ in Rows.none }
        for vocabulary in vocabularies.indices {
            for (name, shape) in try shapes(growing: vocabulary) {
                guard let before = base[name], shape != before else { continue }
                let isOneRow = shape.first == (before.first ?? 0) + 1 && shape.dropFirst() == before.dropFirst()
                let padding = (before.first ?? 0) - SmallShape.count(of: vocabulary)
                // Tables count from 0, or have a row of padding first.
                if case .none? = rows[name], isOneRow, (0...1).contains(padding) {
                    rows[name] = .of(vocabulary: vocabulary, padding: padding)
                } else {
                    rows[name] = .several
                }
            }
        }
        self.rows = rows
    }

    func vocabulary(of tensor: String) -> Rows { rows[tensor] ?? .several }
}

/// A data set's shape with few of everything.
private struct SmallShape {
    private static let (items, users, values) = (40, 12, 5)
    let shape: DatasetShape

    /// How many names a vocabulary has here.
    static func count(of vocabulary: Int) -> Int { vocabulary == 0 ? items : vocabulary == 1 ? users : values }

    /// - Parameter vocabulary: The one that has a name more, in the order of ``Vocabulary/all(of:_:)``.
    init(like real: DatasetShape, growing vocabulary: Int?) {
        var number = -1
        /// The next vocabulary's size.
        func next(_ count: Int) -> Int {
            number += 1
            return count + (number == vocabulary ? 1 : 0)
        }
        func codes(_ owners: Int) -> [Int32] {
            let count = next(Self.values)
            return (0..<owners).map { Int32($0 % count) }
        }
        let (items, users) = (next(Self.items), next(Self.users))
        var shape = DatasetShape(users: users, items: items, categories: real.categories.isEmpty ? [] : codes(items))
        shape.itemFeatures = real.itemFeatures.map { FeatureCodes($0.name, codes(items)) }
        shape.userFeatures = real.userFeatures.map { FeatureCodes($0.name, codes(users)) }
        shape.contextSizes = real.contextSizes.map { _ in next(Self.values) }
        shape.shownFeatures = real.shownFeatures
        self.shape = shape
    }
}
