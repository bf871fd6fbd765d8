// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import CascadeTensorFiles
public import Foundation

extension Manifest {
    /// Reads the manifest of a data set directory.
    ///
    /// - Throws: ``DatasetError`` `.notFound`, `.notADataset`, `.unknownFormat` or `.corrupt`.
    public init(in folder: URL) throws {
        let path = folder.path
        guard FileManager.default.fileExists(atPath: path) else {
            throw DatasetError(.notFound, "\(path): there is nothing. Make a data set with 'cascade data import'.")
        }
        let file = folder.appendingPathComponent(DatasetFiles.manifest)
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw DatasetError(
                .notADataset,
                "\(path): this has no \(DatasetFiles.manifest), so it is not a data set. Make one with 'cascade data import'."
            )
        }
        let version: Version
        do {
            let data = try Data(contentsOf: file)
            version = try JSONDecoder().decode(Version.self, from: data)
            if version.formatVersion == Self.currentVersion {
                self = try JSONDecoder().decode(Manifest.self, from: data)
                return
            }
        } catch {
            throw DatasetError(.corrupt, "\(file.path): not a manifest (\(error)). Import the data again.")
        }
        throw DatasetError(
            .unknownFormat,
            """
            \(file.path): format version \(version.formatVersion); this program reads version \(Self.currentVersion). \
            Use the program that wrote it, or import the data again.
            """
        )
    }

    /// The one field that every version has.
    private struct Version: Decodable { let formatVersion: Int }
}

extension StringTable {
    /// Numbers the lines of an id file, which must be distinct.
    init(distinct lines: TextLines, in file: URL) throws {
        guard let table = StringTable(lines) else {
            throw DatasetError(.corrupt, "\(file.path): two lines hold the same id. Import the data again.")
        }
        self = table
    }
}

extension DatasetFiles {
    /// The categorical features that the manifest lists, their columns checked.
    func features(_ vocabularies: [String: [String]], requestCount: Int) throws -> [String: CategoricalFeature] {
        var features: [String: CategoricalFeature] = [:]
        for (key, vocabulary) in vocabularies {
            let feature = CategoricalFeature(
                vocabulary: vocabulary,
                offsets: try columns.column(FeatureName.offsets(key), as: Int64.self),
                values: try columns.column(FeatureName.values(key), as: Int32.self)
            )
            let owners =
                key.hasPrefix("item.") ? items.count : key.hasPrefix("request.") ? requestCount : users.count
            try check(feature.offsets, FeatureName.offsets(key), count: owners, end: feature.values.count)
            try check(feature.values, FeatureName.values(key), within: 0..<Int32(clamping: vocabulary.count))
            features[key] = feature
        }
        return features
    }

    /// Checks that offsets start at 0, never fall and end at `end`.
    func check(_ offsets: Column<Int64>, _ name: String, count: Int, end: Int) throws {
        let isSound = offsets.withUnsafeBufferPointer { offsets in
            offsets.count == count + 1 && offsets.first == 0 && offsets.last == Int64(end)
                && (0..<count).allSatisfy { offsets[$0] <= offsets[$0 + 1] }
        }
        guard isSound else {
            throw corrupt("'\(name)' must hold \(count + 1) numbers that rise from 0 to \(end), and does not")
        }
    }

    /// Checks that every value of a column lies in a range.
    func check<T: Scalar & Comparable>(_ column: Column<T>, _ name: String, within range: Range<T>) throws {
        let bad = column.withUnsafeBufferPointer { values in values.firstIndex { !range.contains($0) } }
        guard let bad else { return }
        throw corrupt(
            "'\(name)' holds \(column[bad]) at position \(bad); expected \(range.lowerBound)..<\(range.upperBound)"
        )
    }

    func corrupt(_ finding: String) -> DatasetError {
        DatasetError(.corrupt, "\(columns.url.path): \(finding). The data set is damaged; import it again.")
    }
}

extension Dataset {
    /// Checks that all files agree in their counts and that every index lies in its range.
    func checkStructure(_ files: DatasetFiles) throws {
        let counts = [
            ("users", manifest.users, DatasetFiles.users, users.count),
            ("items", manifest.items, DatasetFiles.items, catalog.count),
            ("queries", manifest.queries, DatasetFiles.queries, files.queries.count),
            ("items", manifest.items, DatasetFiles.titles, files.titles?.count ?? manifest.items),
            ("events", manifest.events, "column 'items'", items.count),
            ("events", manifest.events, "column 'times'", times.count),
            ("events", manifest.events, "column 'actions'", actions.count),
            ("events", manifest.events, "column 'queries'", queries.count),
            ("events", manifest.events, "column 'values'", values.count),
        ]
        for (what, expected, place, found) in counts where expected != found {
            throw DatasetError(
                .corrupt,
                "\(url.path): the manifest counts \(expected) \(what), \(place) has \(found). Import the data again."
            )
        }
        try files.check(offsets, "offsets", count: userCount, end: eventCount)
        try files.check(items, "items", within: 0..<Int32(itemCount))
        try files.check(actions, "actions", within: 0..<UInt8(Action.historyCount))
        try files.check(queries, "queries", within: -1..<Int32(files.queries.count))
        try rejections?.check(files, userCount: userCount, itemCount: itemCount)
        try requests?.check(files, userCount: userCount, itemCount: itemCount, eventOffsets: offsets)
        try checkOrder(files)
    }

    /// Checks that the events of every user are in the order of time, within the manifest's first and last.
    private func checkOrder(_ files: DatasetFiles) throws {
        let (first, last) = (manifest.firstTime, manifest.lastTime)
        let offender = times.withUnsafeBufferPointer { times in
            offsets.withUnsafeBufferPointer { offsets in
                (0..<userCount).first { user in
                    var before = first
                    for row in Int(offsets[user])..<Int(offsets[user + 1]) {
                        if times[row] < before { return true }
                        before = times[row]
                    }
                    return before > last
                }
            }
        }
        guard let offender else { return }
        throw files.corrupt("'times' of user number \(offender) are not in order, or outside the manifest's range")
    }

    /// Checks that the contents are those that were written.
    func checkContents(_ files: DatasetFiles) throws {
        let found = try files.contentHash(vocabularies: manifest.vocabularies)
        guard found == manifest.contentHash else {
            throw DatasetError(
                .corrupt,
                """
                \(url.path): the contents have the fingerprint \(found), the manifest says \(manifest.contentHash). \
                A file was changed or damaged; import the data again.
                """
            )
        }
    }
}
