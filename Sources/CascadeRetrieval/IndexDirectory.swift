// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeTensorFiles
public import Foundation

/// An index on the disk, opened.
///
/// The directory holds `index.json` (an ``IndexDescription`` and its fingerprint), `item_vectors.safetensors`,
/// `items.txt` (external ids, one a line) and the library's own file: `graph.hnsw` or `lists.faiss`.
public struct IndexDirectory: Sendable {
    /// Where it is.
    public let url: URL
    /// The index, ready to search.
    public let index: any VectorIndex
    /// What the directory says about itself.
    public let description: IndexDescription
    /// The kind of the index and a short fingerprint of its description, the same for every version of Cascade.
    public let version: String
    /// The external ids of the items, in their order.
    public let items: [ItemID]

    private static let vectorsName = "item_vectors.safetensors"
    private static let itemsName = "items.txt"

    private static func structureName(_ kind: IndexKind) -> String? {
        switch kind {
        case .flat: nil
        case .hnsw: "graph.hnsw"
        case .ivf, .ivfPQ: "lists.faiss"
        }
    }

    /// Writes an index; the directory appears whole or not at all.
    ///
    /// - Parameters:
    ///   - index: What to write.
    ///   - items: The external ids of its items, in their order.
    ///   - origin: Where the vectors come from.
    ///   - quality: What was measured.
    ///   - url: A directory that must not exist yet.
    /// - Throws: `FileError` when something is there already or the disk refuses; ``IndexError`` when the ids do not
    ///   fit the index.
    public static func write(
        _ index: any VectorIndex,
        items: [ItemID],
        origin: IndexDescription.Origin,
        quality: IndexQuality? = nil,
        to url: URL
    ) throws {
        guard items.count == index.count, !items.contains(where: { $0.rawValue.utf8.contains(0x0A) }) else {
            throw IndexError(
                .badVectors,
                """
                \(url.path): found \(items.count) ids for \(index.count) items; expected one line of text for each. \
                Pass the ids of the catalog.
                """
            )
        }
        try DurableDirectory.create(at: url) { folder in
            var names = [vectorsName, itemsName]
            var writer = SafetensorsWriter()
            let values = index.vectors.values
            writer.add("item_vectors", type: .float32, shape: [index.count, index.dimension]) { write in
                try values.withUnsafeBufferPointer { try write(UnsafeRawBufferPointer($0)) }
            }
            try writer.write(to: folder.appending(path: vectorsName))
            let lines = items.map { $0.rawValue + "\n" }.joined()
            try DurableFile.write(lines, to: folder.appending(path: itemsName))
            if let name = structureName(index.kind) {
                try index.writeStructure(to: folder.appending(path: name))
                names.append(name)
            }
            let files = try names.map { ($0, try file(folder.appending(path: $0))) }
            let description = IndexDescription(
                of: index,
                origin: origin,
                quality: quality,
                files: Dictionary(uniqueKeysWithValues: files)
            )
            try DurableFile.write(try jsonText(IndexDocument(description)), to: folder.appending(path: "index.json"))
        }
    }

    /// Opens an index and reads all of it into memory, so that later changes of the files change nothing.
    ///
    /// All bytes of all files are checked before a library sees any of them.
    ///
    /// - Throws: ``IndexError`` or `FileError` when the directory is none, is damaged or of another version.
    public init(_ url: URL) throws {
        let (description, version) = try Self.read(url)
        for (name, file) in description.files {
            guard try Self.file(url.appending(path: name)) == file else {
                throw Self.corrupt(url, "\(name) is not the file that was written with it")
            }
        }
        let structure = Self.structureName(description.kind).map { url.appending(path: $0) }
        let names = [Self.vectorsName, Self.itemsName] + (structure.map { [$0.lastPathComponent] } ?? [])
        guard Set(names) == Set(description.files.keys) else {
            throw Self.corrupt(url, "index.json names other files than a \(description.kind.rawValue) index has")
        }
        let file = try SafetensorsFile(url.appending(path: Self.vectorsName), loading: .copied)
        guard try file.entry("item_vectors").shape == [description.count, description.dimension] else {
            throw Self.corrupt(url, "the vectors have another shape than index.json says")
        }
        let vectors = try ItemVectors(file.values("item_vectors", as: Float.self), dimension: description.dimension)
        let lines = try MappedFile(url.appending(path: Self.itemsName), loading: .copied).withUnsafeBytes {
            String(decoding: $0, as: UTF8.self)
        }
        items = lines.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { ItemID(String($0)) }
        guard items.count == description.count else {
            throw Self.corrupt(url, "items.txt has \(items.count) lines for \(description.count) items")
        }
        switch (description.kind, description.hnsw, description.ivf, structure) {
        case (.flat, nil, nil, nil): index = FlatIndex(vectors)
        case (.hnsw, let parameters?, nil, let structure?):
            index = try HNSWIndex(vectors, parameters, structure: structure)
        case (.ivf, nil, let parameters?, let structure?), (.ivfPQ, nil, let parameters?, let structure?):
            index = try IVFIndex(vectors, parameters, structure: structure)
        default: throw Self.corrupt(url, "index.json lacks the parameters of a \(description.kind.rawValue) index")
        }
        self.url = url
        self.description = description
        self.version = version
    }

    /// Reads and checks `index.json` alone.
    ///
    /// - Throws: ``IndexError`` or `FileError` when it is missing, damaged or of another version.
    public static func describe(_ url: URL) throws -> IndexDescription { try read(url).description }

    private static func read(_ url: URL) throws -> (description: IndexDescription, version: String) {
        let place = url.appending(path: "index.json")
        guard FileManager.default.fileExists(atPath: place.path) else {
            throw IndexError(
                .notAnIndex,
                "\(url.path): there is no index.json; expected an index directory. Check the path, or build one with `cascade index build`."
            )
        }
        struct Version: Decodable {
            struct Format: Decodable { let format: Int }
            let index: Format
        }
        let data = try MappedFile(place, loading: .copied).withUnsafeBytes { Data($0) }
        guard let format = try? JSONDecoder().decode(Version.self, from: data) else {
            throw corrupt(url, "index.json is not what an index writes")
        }
        func document<Description: Codable>(_: Description.Type) throws -> IndexDocument<Description> {
            guard let document = try? JSONDecoder().decode(IndexDocument<Description>.self, from: data),
                document.isWhole
            else { throw corrupt(url, "index.json is not what an index writes") }
            return document
        }
        func version(_ kind: String, _ fingerprint: String) -> String { "\(kind)-\(fingerprint.prefix(8))" }
        switch format.index.format {
        case IndexDescription.currentFormat:
            let found = try document(IndexDescription.self)
            return (found.index, version(found.index.kind.rawValue, found.fingerprint))
        case FirstIndexDescription.format:
            let found = try document(FirstIndexDescription.self)
            guard let description = found.index.renamed else {
                throw corrupt(url, "index.json names the unknown kind '\(found.index.kind)'")
            }
            return (description, version(found.index.kind, found.fingerprint))
        default:
            throw IndexError(
                .otherVersion,
                """
                \(url.path): found format \(format.index.format); expected \(IndexDescription.currentFormat). \
                Build the index again.
                """
            )
        }
    }

    /// The index of an external id.
    ///
    /// - Throws: `DatasetError` when the catalog has no such item; the message has the nearest id that exists.
    public func itemIndex(_ id: ItemID) throws -> ItemIndex {
        if let place = items.firstIndex(of: id) { return ItemIndex(rawValue: place) }
        let hint = didYouMean(id.rawValue, items.lazy.map(\.rawValue))
        throw DatasetError(.unknownItem, "\(url.path): there is no item '\(id.rawValue)' among \(items.count).\(hint)")
    }

    private static func file(_ url: URL) throws -> IndexDescription.File {
        let mapped = try MappedFile(url, loading: .copied)
        var fingerprint = Fingerprint()
        mapped.withUnsafeBytes { fingerprint.add("file", $0) }
        return .init(bytes: mapped.count, fingerprint: fingerprint.description)
    }

    private static func corrupt(_ url: URL, _ what: String) -> IndexError {
        IndexError(.corrupt, "\(url.path): \(what). The directory is damaged or incomplete; build the index again.")
    }
}
