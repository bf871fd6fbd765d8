// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
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
    /// Parameters of an HNSW index.
    public let hnsw: HNSWIndex.Parameters?
    /// Parameters of an IVF index.
    public let ivf: IVFIndex.Parameters?
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

    static let currentFormat = 2

    init(of index: any VectorIndex, origin: Origin, quality: IndexQuality?, files: [String: File]) {
        format = Self.currentFormat
        kind = index.kind
        if case .hnsw(let parameters) = index.recipe { hnsw = parameters } else { hnsw = nil }
        if case .ivf(let parameters) = index.recipe { ivf = parameters } else { ivf = nil }
        count = index.count
        dimension = index.dimension
        vectors = index.vectors.fingerprint
        self.origin = origin
        self.quality = quality
        self.files = files
    }

    init(
        format: Int,
        kind: IndexKind,
        hnsw: HNSWIndex.Parameters?,
        ivf: IVFIndex.Parameters?,
        count: Int,
        dimension: Int,
        vectors: String,
        origin: Origin,
        quality: IndexQuality?,
        files: [String: File]
    ) {
        self.format = format
        self.kind = kind
        self.hnsw = hnsw
        self.ivf = ivf
        self.count = count
        self.dimension = dimension
        self.vectors = vectors
        self.origin = origin
        self.quality = quality
        self.files = files
    }

    /// The description in JSON; equal descriptions give equal text.
    ///
    /// - Throws: Never in practice: every field can be encoded.
    public func json() throws -> String { try jsonText(self) }
}

/// The file `index.json`: a description, and a fingerprint of its text.
struct IndexDocument<Description: Codable>: Codable {
    let index: Description
    let fingerprint: String

    init(_ index: Description) throws {
        self.index = index
        fingerprint = try Self.fingerprint(of: index)
    }

    /// Whether the description is the one that was written.
    var isWhole: Bool { (try? Self.fingerprint(of: index)) == fingerprint }

    private static func fingerprint(of index: Description) throws -> String {
        var fingerprint = Fingerprint()
        Data(try jsonText(index).utf8).withUnsafeBytes { fingerprint.add("index", $0) }
        return fingerprint.description
    }
}
