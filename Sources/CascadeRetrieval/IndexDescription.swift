// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation

/// What an index directory says about itself: its file `index.json`.
public struct IndexDescription: Sendable, Codable, Equatable {
    /// Where the vectors come from.
    public struct Origin: Sendable, Codable, Equatable {
        /// The run, or whatever else made the vectors.
        public var source: String
        /// The model's name.
        public var model: String
        /// The commit of Cascade that built the index.
        public var commit: String

        /// Names the origin of some vectors.
        public init(source: String, model: String = "", commit: String = "") {
            self.source = source
            self.model = model
            self.commit = commit
        }
    }

    /// A file of the directory, as it was written.
    public struct File: Sendable, Codable, Equatable {
        /// Its size, in bytes.
        public let bytes: Int
        /// A fingerprint of its bytes.
        public let fingerprint: String
    }

    /// The version of the directory's form.
    public let format: Int
    /// Which implementation holds the index.
    public let kind: IndexKind
    /// How a graph was made and is walked.
    public let graph: GraphIndex.Parameters?
    /// How inverted lists were made and are searched.
    public let inverted: InvertedIndex.Parameters?
    /// Number of items.
    public let count: Int
    /// Features of a vector.
    public let dimension: Int
    /// A fingerprint of the vectors.
    public let vectors: String
    /// Where the vectors come from.
    public let origin: Origin
    /// How good and how fast the index was where it was built.
    public let quality: IndexQuality?
    /// The other files.
    public let files: [String: File]

    static let currentFormat = 1

    init(_ index: any VectorIndex, _ origin: Origin, _ quality: IndexQuality?, files: [String: File]) {
        format = Self.currentFormat
        kind = index.kind
        if case .graph(let parameters) = index.recipe { graph = parameters } else { graph = nil }
        if case .inverted(let parameters) = index.recipe { inverted = parameters } else { inverted = nil }
        count = index.count
        dimension = index.dimension
        vectors = index.vectors.fingerprint
        self.origin = origin
        self.quality = quality
        self.files = files
    }

    /// The description in JSON; equal descriptions give equal text.
    ///
    /// - Throws: Never in practice: every field can be encoded.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// A fingerprint of all fields.
    func fingerprint() throws -> String {
        var fingerprint = Fingerprint()
        Data(try json().utf8).withUnsafeBytes { fingerprint.add("index", $0) }
        return fingerprint.description
    }
}
