// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeRecommenders
import CascadeRetrieval
import CascadeRuns
import CascadeTensorFiles
import Foundation

extension RunDirectory {
    /// The model's name and a short fingerprint of what decides its answers: its weights and its settings.
    func version(of experiment: Experiment) throws -> String {
        var fingerprint = Fingerprint()
        try MappedFile(weights, loading: .copied).withUnsafeBytes { fingerprint.add("weights", $0) }
        try JSONEncoder.readable.encode(experiment.model.settings).withUnsafeBytes { fingerprint.add("settings", $0) }
        return "\(experiment.model.name)-\(fingerprint.description.prefix(8))"
    }
}

extension RunDirectory {
    /// The data set to open the run with: the named one, unless the run was trained on another that lies where it was.
    ///
    /// A slot that names a data set can so take a run that was trained anew, on a data set of its own.
    func dataset(orElse named: URL?) throws -> URL? {
        guard let named else { return nil }
        let trained = try manifest().data
        let own = URL(filePath: trained.path)
        func holds(_ url: URL) -> Bool { (try? Manifest(in: url).contentHash) == trained.hash }
        return !holds(named) && holds(own) ? own : named
    }
}

/// Opens an index and sees to it that it holds the vectors of a model, under the ids of its data set.
///
/// - Throws: ``EngineError`` `.unservable` when it does not.
func checked(_ url: URL, _ items: ItemVectors, _ dataset: Dataset) throws -> (index: any VectorIndex, version: String) {
    let opened = try IndexDirectory(url)
    let isNamedAlike = opened.items.indices.allSatisfy { dataset.find(opened.items[$0]) == ItemIndex($0) }
    guard opened.items.count == dataset.itemCount, isNamedAlike else {
        throw EngineError(
            .unservable,
            """
            \(url.path): holds other items than the data set \(dataset.url.path); expected its \(dataset.itemCount) items in \
            their order. Build the index again with `cascade index build`.
            """
        )
    }
    guard opened.index.vectors.isClose(to: items) else {
        throw EngineError(
            .unservable,
            """
            \(url.path): holds other vectors (of \(opened.description.origin.source), \(opened.description.origin.model)) than \
            the run's weights give. Was the run trained on after the index was built? Build it again with `cascade index build`.
            """
        )
    }
    return (opened.index, opened.version)
}

extension ItemVectors {
    /// Whether these are the same vectors, but for the rounding of another machine.
    fileprivate func isClose(to other: ItemVectors) -> Bool {
        guard count == other.count, dimension == other.dimension else { return false }
        return zip(values, other.values).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($0)) }
    }
}

extension EngineError {
    /// A run that cannot do what its slot is for.
    static func wrongRole(_ model: String, _ role: SlotConfiguration.Kind, _ finding: String) -> EngineError {
        EngineError(
            .unservable,
            "a run of \(model) cannot serve as \(role.rawValue): \(finding). Name another run, or give the slot another kind."
        )
    }
}
