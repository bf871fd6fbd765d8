// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// Every model, once.
///
/// The command line, the contract tests and the documentation read this list.
public enum Catalog {
    /// All models in the order in which they are listed.
    public static let all: [ModelEntry] = [
        ModelEntry(Popularity.self),
        ModelEntry(RecentPopularity.self),
        ModelEntry(ItemKNN.self),
        ModelEntry(EASE.self),
        ModelEntry(SASRec.self),
        ModelEntry(T2Diff.self),
        ModelEntry(ComiRecSA.self),
        ModelEntry(ComiRecDR.self),
        ModelEntry(MIND.self),
        ModelEntry(DimeRec.self),
        ModelEntry(DreamRec.self),
        ModelEntry(DiffuRec.self),
        ModelEntry(DARE.self),
        ModelEntry(TWIN.self),
        ModelEntry(TWIN4E.self),
        ModelEntry(TWINV2.self),
        ModelEntry(DIN.self),
        ModelEntry(SIM.self),
        ModelEntry(ETA.self),
        ModelEntry(SDIM.self),
        ModelEntry(DiffusionGS.self),
        ModelEntry(SearchSASRec.self),
        ModelEntry(SearchSIM.self),
        ModelEntry(QIN.self),
        ModelEntry(HSTU.self),
        ModelEntry(MTGR.self),
        ModelEntry(ShownOrder.self),
    ]

    /// The model of that name.
    ///
    /// - Throws: ``ConfigurationError`` that names the nearest, or all.
    public static func entry(_ name: String) throws -> ModelEntry {
        if let entry = all.first(where: { $0.card.name == name }) { return entry }
        let names = all.map(\.card.name)
        let hint = nearestName(to: name, among: names).map { "Did you mean '\($0)'?" }
        throw ConfigurationError("unknown model '\(name)'. \(hint ?? "There are: \(names.joined(separator: ", "))")")
    }
}

/// One model of the catalogue, its type erased.
public struct ModelEntry: Sendable {
    /// Its name and source.
    public let card: ModelCard
    /// Its settings with their defaults.
    public let defaults: @Sendable () throws -> JSONValue
    /// The defaults with some values replaced; refuses unknown keys and impossible values.
    public let resolve: @Sendable (JSONValue) throws -> JSONValue
    /// A fresh model with resolved settings.
    public let make: @Sendable (JSONValue, DatasetShape, Generator) throws -> any Retriever
    /// Whether it judges candidates instead of ranking a catalogue.
    public let isRanker: Bool
    /// Whether it learns by gradients instead of counting.
    public let learns: Bool
    /// What its training examples ask; nil for one that counts, or judges candidates.
    public let examples: ExampleKind?
    /// Whether it reads search requests, whose candidates it judges.
    public let readsRequests: Bool

    init<Model: Retriever>(_ type: Model.Type) {
        card = Model.card
        learns = !(Model.self is any FittedRetriever.Type)
        examples = (Model.self as? any VectorRetriever.Type)?.examples
        readsRequests = Model.self is any QueryRanker.Type
        isRanker = readsRequests || Model.self is any CTRRanker.Type
        defaults = { try JSONValue(encoding: Model.Configuration()) }
        resolve = { try JSONValue(encoding: Model.Configuration(overriding: $0, path: "model")) }
        make = { try Model(Model.Configuration(overriding: $0, path: "model"), for: $1, using: $2) }
    }
}
