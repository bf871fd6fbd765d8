// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeRecommenders
public import CascadeSimulation
import CascadeTensorFiles
public import Foundation

/// How a table comes by a data set: one that exists, one to import, or one to simulate.
public struct DataRecipe: Sendable, Equatable {
    /// Where the data comes from.
    public enum Origin: Sendable, Equatable {
        /// A data set directory.
        case directory(URL)
        /// Source files, relative to the working directory.
        case files(format: String, paths: [String], options: ImportOptions)
        /// Simulated.
        case simulator(Simulator)
    }

    /// What the table calls it.
    public let name: String
    /// Where it comes from.
    public let origin: Origin

    /// A data set directory.
    public init(_ name: String, at directory: URL) {
        (self.name, origin) = (name, .directory(directory))
    }

    /// Keys that had other names before version 0.2.
    static let formerKeys = FormerKeys(
        Dictionary(uniqueKeysWithValues: importOptions.filter { $0.key != $0.value }.map { ($0.value, $0.key) })
            .merging(["world": "simulator", "meanEvents": "mean_events"]) { $1 }
    )

    /// Every import option: its property by its key in files.
    private static let importOptions = Dictionary(
        uniqueKeysWithValues: Mirror(reflecting: ImportOptions()).children.compactMap(\.label).map {
            ($0.snakeCased, $0)
        }
    )

    /// Reads `{directory: PATH}`, `{from: FORMAT, paths: [...], and import options}` or `{simulator: NAME, users, items,
    /// categories, mean_events, seed}`.
    ///
    /// - Throws: ``ConfigurationError`` at an unknown key, ``DatasetError`` at an unknown simulator.
    public init(_ name: String, _ tree: JSONValue) throws {
        self.name = name
        let place = "data.\(name)"
        if let path = try tree.text("directory", in: place) {
            origin = .directory(URL(filePath: path))
        } else if let name = try tree.text("simulator", in: place) {
            origin = .simulator(try Self.simulator(name, tree, place))
        } else if let format = try tree.text("from", in: place) {
            let paths = try (tree.list("paths") ?? []).enumerated().map { number, value in
                guard let path = value.text else {
                    throw ConfigurationError("\(place).paths[\(number + 1)]: expected text; put it in quotes")
                }
                return path
            }
            guard !paths.isEmpty else { throw ConfigurationError("\(place).paths: expected a list of source files") }
            var fields = try tree.fields(nil)
            for key in ["from", "paths"] { fields[key] = nil }
            origin = .files(format: format, paths: paths, options: try Self.options(fields, place))
        } else {
            throw ConfigurationError("\(place): expected 'directory', 'from' with 'paths', or 'simulator'")
        }
    }

    private static func simulator(_ name: String, _ tree: JSONValue, _ place: String) throws -> Simulator {
        let keys = ["simulator", "users", "items", "categories", "mean_events", "seed"]
        for key in try tree.fields(nil).keys.sorted() where !keys.contains(key) {
            let hint = nearestName(to: key, among: keys).map { "Did you mean '\($0)'?" }
            throw ConfigurationError(
                "\(place): unknown key '\(key)'. \(hint ?? "A simulator takes: \(keys.dropFirst().joined(separator: ", "))")"
            )
        }
        var simulator = try Simulator.named(name)
        simulator.users = try tree.count("users") ?? simulator.users
        simulator.items = try tree.count("items") ?? simulator.items
        simulator.categories = try tree.count("categories") ?? simulator.categories
        simulator.meanEvents = try tree.count("mean_events") ?? simulator.meanEvents
        simulator.seed = try tree.count("seed").map { UInt64($0) } ?? simulator.seed
        return simulator
    }

    private static func options(_ fields: [String: JSONValue], _ place: String) throws -> ImportOptions {
        let known = importOptions.keys.sorted()
        for key in fields.keys.sorted() where importOptions[key] == nil {
            let hint = nearestName(to: key, among: known).map { "Did you mean '\($0)'?" }
            throw ConfigurationError(
                "\(place): unknown key '\(key)'. \(hint ?? "Import options are: \(known.joined(separator: ", "))")"
            )
        }
        let columns = Mirror(reflecting: ImportOptions.Columns()).children.compactMap(\.label)
        for key in try JSONValue.object(fields).fields("columns").keys.sorted() where !columns.contains(key) {
            let hint = nearestName(to: key, among: columns).map { "Did you mean '\($0)'?" }
            throw ConfigurationError(
                "\(place).columns: unknown key '\(key)'. \(hint ?? "Columns are: \(columns.joined(separator: ", "))")"
            )
        }
        do {
            let named = Dictionary(uniqueKeysWithValues: fields.map { (importOptions[$0.key] ?? $0.key, $0.value) })
            let tree = try JSONValue(encoding: ImportOptions()).merged(with: .object(named))
            return try JSONDecoder().decode(ImportOptions.self, from: JSONEncoder().encode(tree))
        } catch is DecodingError {
            throw ConfigurationError("\(place): an import option has a value of the wrong kind")
        }
    }

    /// The data set; imported or simulated into the folder when it is not there yet.
    ///
    /// - Parameters:
    ///   - folder: Where data sets are kept.
    ///   - remark: Is told what an import makes of its source.
    /// - Throws: ``DatasetError``, ``FileError``; ``ConfigurationError`` when source files are missing.
    public func dataset(in folder: URL, remark: ((ImportRemark) -> Void)? = nil) throws -> Dataset {
        let target = folder.appending(path: name)
        if case .directory(let url) = origin { return try Dataset(at: url) }
        if FileManager.default.fileExists(atPath: target.path) { return try Dataset(at: target) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        switch origin {
        case .directory(let url): return try Dataset(at: url)
        case .files(let format, let paths, let options):
            for path in paths where !FileManager.default.fileExists(atPath: path) {
                throw ConfigurationError(
                    "data.\(name): \(path) is not here (paths count from the working directory); put the source there, or pass --data \(name)=DIRECTORY"
                )
            }
            let urls = paths.map { URL(filePath: $0) }
            return try importDataset(
                from: format,
                paths: urls,
                to: target,
                options: options,
                name: name,
                remark: remark
            ).dataset
        case .simulator(let world): return try world.write(to: target)
        }
    }
}
