// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
internal import Foundation

/// The files of a data set directory other than its manifest.
struct DatasetFiles {
    static let manifest = "manifest.json"
    static let columns = "columns.safetensors"
    static let users = "users.txt"
    static let items = "items.txt"
    static let queries = "queries.txt"
    static let titles = "titles.txt"

    let columns: SafetensorsFile
    let users: TextLines
    let items: TextLines
    let queries: TextLines
    /// One line an item, empty where it has no title; nil when no item has one.
    let titles: TextLines?

    init(in folder: URL, loading: FileLoading = .mapped) throws {
        columns = try SafetensorsFile(folder.appendingPathComponent(Self.columns), loading: loading)
        users = try TextLines(folder.appendingPathComponent(Self.users))
        items = try TextLines(folder.appendingPathComponent(Self.items))
        queries = try TextLines(folder.appendingPathComponent(Self.queries))
        let titleFile = folder.appendingPathComponent(Self.titles)
        titles = FileManager.default.fileExists(atPath: titleFile.path) ? try TextLines(titleFile) : nil
    }

    /// The fingerprint over everything that the data set says, but not over where it came from.
    func contentHash(vocabularies: [String: [String]]) throws -> String {
        var fingerprint = Fingerprint()
        for name in columns.names.sorted() {
            try columns.withUnsafeBytes(of: name) { fingerprint.add(name, $0) }
        }
        let texts = [(Self.users, users), (Self.items, items), (Self.queries, queries)]
        for (name, lines) in texts + (titles.map { [(Self.titles, $0)] } ?? []) {
            lines.bytes.withUnsafeBytes { fingerprint.add(name, $0) }
        }
        for (name, vocabulary) in vocabularies.sorted(by: { $0.key < $1.key }) {
            for value in vocabulary {
                Array(value.utf8).withUnsafeBytes { fingerprint.add(name, $0) }
            }
        }
        return fingerprint.description
    }
}

/// The tensors of a feature of users or items, `kind` being `user` or `item`.
enum FeatureName {
    static func key(_ kind: String, _ name: String) -> String { "\(kind).\(name)" }
    static func offsets(_ key: String) -> String { "\(key).offsets" }
    static func values(_ key: String) -> String { "\(key).values" }
}
