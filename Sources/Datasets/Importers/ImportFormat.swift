// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A format of source files that can be imported, known by its name.
public enum ImportFormat: String, Sendable, CaseIterable {
    /// MovieLens-1M: `ratings.dat` or `ratings.csv` (either also `.gz`), with `movies.dat` and `users.dat`.
    case movieLens1M = "ml-1m"
    /// RecBole atomic files: `.inter`, with `.item` and `.user` (each also `.gz`).
    case recbole
    /// One event a line, with any delimiter and any columns (also `.gz`).
    case csv

    /// Finds a format by its name.
    ///
    /// - Throws: ``DatasetError`` `.unknownFormat`, with the nearest name and all names.
    public init(named name: String) throws {
        guard let format = ImportFormat(rawValue: name) else {
            let names = ImportFormat.allCases.map(\.rawValue)
            throw DatasetError(
                .unknownFormat,
                "'\(name)' is not a format that can be imported.\(didYouMean(name, names)) Known: \(names.joined(separator: ", "))."
            )
        }
        self = format
    }

    /// What the format is, in one line.
    public var summary: String {
        switch self {
        case .movieLens1M: "MovieLens-1M: a folder with ratings.dat or ratings.csv[.gz], movies.dat and users.dat"
        case .recbole: "RecBole atomic files: NAME.inter[.gz], with NAME.item and NAME.user where they exist"
        case .csv: "one event a line, with any delimiter; columns by name or number"
        }
    }

    /// Reads files of this format.
    func read(_ paths: [URL], into session: inout ImportSession) throws {
        switch self {
        case .movieLens1M: try MovieLensFiles(paths).read(into: &session)
        case .recbole: for path in paths { try AtomicFiles(path).read(into: &session) }
        case .csv: for path in paths { try readDelimited(path, into: &session) }
        }
    }
}
