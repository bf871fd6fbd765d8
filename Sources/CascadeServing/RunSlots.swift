// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
public import CascadeFunnel
public import CascadeRecommenders
import CascadeStore
import Foundation

/// Fills the slots of a funnel with runs and indexes.
public struct RunSlots: SlotLoader {
    private let models: ModelRegistry

    /// Loads with the settings that each slot's `options` name.
    ///
    /// - Parameter models: The models that runs may be of.
    public init(models: ModelRegistry = .builtin) { self.models = models }

    /// Reads a run or an index, and starts its engine.
    ///
    /// - Throws: ``ConfigurationError`` for options that ``EngineSettings`` refuses, and what ``RunLoader`` throws.
    public func load(_ slot: SlotConfiguration) async throws -> LoadedSlot {
        let path = "slots.\(slot.name).options"
        let options = try EngineSettings.formerKeys.renew(slot.options, path: path).tree
        let settings = try EngineSettings(overriding: options, path: path)
        let model = try await RunLoader.load(
            slot.kind,
            from: URL(filePath: slot.path),
            index: slot.index.map { URL(filePath: $0) },
            data: slot.data.map { URL(filePath: $0) },
            settings,
            among: models
        )
        return LoadedSlot(
            version: ModelVersion(
                slot: slot.name,
                version: model.version,
                path: slot.path,
                time: 0,
                metrics: model.metrics
            ),
            trainedUntil: model.trainedUntil,
            source: model.source,
            scorer: model.scorer,
            similar: model.similar,
            warmUp: { try await model.warmUp() },
            forgetPeople: { model.forgetPeople() }
        )
    }
}
