// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTraining
import Foundation
import Testing
import Yams

@testable import CascadeComparison

/// The files of `Experiments/`, beside the same files as the version before 0.2 spelled them.
@Suite("Experiment files")
struct ExperimentFilesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let now = root.appending(path: "Experiments")
    private static let before = root.appending(path: "Tests/Fixtures/before-0.2/Experiments")

    private static let files: [String] = {
        let found = FileManager.default.enumerator(atPath: before.path)?.allObjects as? [String] ?? []
        return found.filter { $0.hasSuffix(".yaml") }.sorted()
    }()

    private func tree(_ url: URL) throws -> JSONValue {
        let node = try #require(try Yams.compose(yaml: String(contentsOf: url, encoding: .utf8)))
        return value(of: node)
    }

    private func value(of node: Node) -> JSONValue {
        switch node {
        case .mapping(let mapping):
            return .object(
                Dictionary(mapping.map { ($0.key.string ?? "", value(of: $0.value)) }, uniquingKeysWith: { $1 })
            )
        case .sequence(let sequence): return .array(sequence.map(value))
        case .alias: return .null
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            return isPlain ? JSONValue(plain: scalar.string) : .string(scalar.string)
        }
    }

    private func table(_ folder: URL, _ file: String) throws -> TableSpecification {
        let url = folder.appending(path: file)
        return try TableSpecification(tree(url), file: file) { name in
            try tree(url.deletingLastPathComponent().appending(path: name))
        }
    }

    /// Rows with other settings than before: DreamRec runs each data set by its authors'.
    private static let replaced: [String: Set<String>] = ["papers/dimerec-table1.yaml": ["DreamRec"]]

    /// An experiment with what was changed on purpose since.
    private static func revised(_ experiment: Experiment, _ file: String) throws -> Experiment {
        var revised = experiment
        // As many channels of the denoiser as features of an item.
        if revised.model.name == "t2diff", revised.model.settings["channels"] == 32 {
            revised.model = try revised.model.overriding(["channels": 64])
        }
        // Ten negatives of each row's own, as printed.
        if file == "dimerec-kuairec-as-printed.yaml" {
            (revised.training.loss.negatives, revised.training.loss.sharedNegatives) = (10, false)
            (revised.training.loss.excludesKnown, revised.training.loss.logqCorrection) = (true, false)
            revised.training.learningRate = 0.001
        }
        // Artists that somebody had before are candidates too.
        if file.hasSuffix("diffusiongs-lastfm.yaml") { revised.candidates?.knownItems = .include }
        return revised
    }

    @Test("all of them are there") func count() { #expect(Self.files.count > 40) }

    @Test("mean what they meant under their former names, and have none of these", arguments: files)
    func same(_ file: String) throws {
        let (old, new) = (try table(Self.before, file), try table(Self.now, file))
        #expect(new.renamed.isEmpty, "\(file): \(new.renamed.map(\.description))")
        for (place, a) in old.rows.enumerated() where Self.replaced[file]?.contains(a.name) != true {
            // Rows may have come since; a single experiment's row is called as its file says.
            let name = a.name.replacing("normalised", with: "normalized")
            let b = try #require(
                old.rows.count == 1 ? new.rows.first : new.rows.first { $0.name == name },
                "row \(place)"
            )
            #expect(a.experiments.keys.sorted() == b.experiments.keys.sorted())
            for (data, experiment) in a.experiments {
                var before = try Self.revised(experiment.get(), file)
                var now = try #require(b.experiments[data]).get()
                // Words for readers, whose spelling may change.
                for words in [\Experiment.name, \.source] { (before[keyPath: words], now[keyPath: words]) = ("", "") }
                #expect(before == now, "\(a.name) on \(data)")
            }
        }
    }

    @Test("ranges of a search vary the same settings", arguments: files.filter { $0.hasPrefix("tuning") })
    func ranges(_ file: String) throws {
        let (old, new) = (try tree(Self.before.appending(path: file)), try tree(Self.now.appending(path: file)))
        let model = new["model"]["name"].text
        #expect(try Experiment.respelled(new).renamed.isEmpty)
        #expect(try Experiment.respelled(old).renamed.contains(Renaming("search", "search_space")))
        func ranges(_ tree: JSONValue) throws -> [String: SearchSpace.Range] {
            let space = try SearchSpace(Experiment.respelled(tree).tree["search_space"])
            return Dictionary(
                uniqueKeysWithValues: try space.ranges.map {
                    (try Experiment.path($0.key, model: model).joined(separator: "."), $0.range)
                }
            )
        }
        #expect(try ranges(old) == ranges(new))
    }

    @Test("a finished cell of a comparison is read, and needs no work")
    func cell() throws {
        let cells = Self.root.appending(path: "Tests/Fixtures/before-0.2/comparison/cells")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: cells.path).first)
        let folder = CellFolder(cells.appending(path: name))
        let cell = try #require(try folder.cell())
        let settings = cell.experiment.training
        #expect(settings.batchSize == 8 && settings.loss.kind == .crossEntropy && cell.seed == 1)
        let result = try #require(folder.finished())
        #expect(result.parameters == 1_040 && result.ranks.count == 24)
        #expect(try folder.run.manifest().experiment.model.name == "sasrec")
    }
}
