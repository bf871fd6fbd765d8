// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeNN
public import CascadeTensorFiles
public import CascadeTorch
public import Foundation

/// Why a checkpoint could not be loaded: the file, what it holds, what was expected, what may be the cause.
public struct CheckpointError: Error, CustomStringConvertible, Equatable {
    /// The whole sentence.
    public let description: String

    /// Creates an error.
    public init(_ description: String) { self.description = description }
}

/// Saving and loading the tensors of a model.
public enum Checkpoint {
    /// Writes the state of a model, atomically and durably.
    public static func save(_ model: any Module, to url: URL, metadata: [String: String] = [:]) throws {
        try writer(model, metadata: metadata).write(to: url)
    }

    /// What writes the state of a model.
    public static func writer(_ model: any Module, metadata: [String: String] = [:]) throws -> SafetensorsWriter {
        var writer = SafetensorsWriter(metadata: metadata)
        for entry in try model.state() { writer.add(entry.name, entry.part) }
        return writer
    }

    /// Reads the state of a model in place.
    ///
    /// - Throws: ``FileError`` when the file is damaged; ``CheckpointError`` when it belongs to another model. The
    ///   model is unchanged then.
    public static func load(_ url: URL, into model: any Module) throws {
        try assign(SafetensorsFile(url, loading: .copied), to: model.state())
    }

    /// Copies tensors of a file over tensors of the same names, all or none.
    ///
    /// - Parameters:
    ///   - file: Holds these names under the prefix, and no others when there is no prefix.
    ///   - targets: What to overwrite.
    ///   - prefix: What the names begin with in the file.
    public static func assign(_ file: SafetensorsFile, to targets: [Named<Tensor>], prefix: String = "") throws {
        let path = file.url.path
        let names = Set(targets.map { prefix + $0.name })
        let present = file.names.filter { $0.hasPrefix(prefix) }
        if let extra = present.first(where: { !names.contains($0) }), prefix.isEmpty {
            throw CheckpointError(
                "\(path): holds '\(extra)', which this model does not have. Was it made by another model?"
            )
        }
        for target in targets {
            guard file.names.contains(prefix + target.name) else {
                throw CheckpointError(
                    "\(path): '\(prefix + target.name)' is missing. Was it made by another model or version?"
                )
            }
            let entry = try file.entry(prefix + target.name)
            guard entry.shape == target.part.shape, entry.type == target.part.dtype.scalarType else {
                throw CheckpointError(
                    """
                    \(path): '\(entry.name)' is \(entry.type.rawValue) \(entry.shape) but this model needs \
                    \(target.part.dtype.scalarType.rawValue) \(target.part.shape). Was it trained with another width, \
                    or on another catalog?
                    """
                )
            }
        }
        for target in targets { try target.part.assign(file.tensor(prefix + target.name)) }
    }
}

extension CheckpointError: CascadeError {
    /// What is at fault.
    public var category: ErrorCategory { .badData }
}
