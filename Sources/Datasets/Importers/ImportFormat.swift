// Part of Cascade. SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A format of source files that can be imported, known by its name.
public enum ImportFormat: String, Sendable, CaseIterable {
    /// MovieLens-1M: `ratings.dat` or `ratings.csv` (either also `.gz`), with `movies.dat` and `users.dat`.
    case movieLens1M = "ml-1m"
    /// RecBole atomic files: `.inter`, with `.item` and `.user` (each also `.gz`).
    case recbole
    /// YooChoose (RecSys Challenge 2015): `yoochoose-clicks.dat`, or `clicks.csv` with days (either also `.gz`).
    case yoochoose
    /// KuaiRec: `big_matrix.csv` or `small_matrix.csv`, or sequences made of them, `interactions.csv` (also `.gz`).
    case kuairec
    /// Sequences with a published split: columns split, session_id, item_id, one event a line (also `.gz`).
    case sequences
    /// Taobao: `UserBehavior.csv`, without a header (also `.gz`).
    case taobao
    /// Tmall (IJCAI-15): `user_log_format1.csv` (also `.gz`).
    case tmall
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
        case .yoochoose: "YooChoose: yoochoose-clicks.dat, or clicks.csv with day, session_id and item_id; each [.gz]"
        case .kuairec:
            "KuaiRec: big_matrix.csv, small_matrix.csv or interactions.csv[.gz]; a positive has watch_ratio >= 2"
        case .sequences: "sequences with a published split: a table with split, session_id and item_id; also [.gz]"
        case .taobao: "Taobao: UserBehavior.csv[.gz]; rows outside 2017-11-25 to 2017-12-03 in China are left out"
        case .tmall: "Tmall (IJCAI-15): user_log_format1.csv[.gz]; days are of 2014"
        case .csv: "one event a line, with any delimiter; columns by name or number"
        }
    }

    /// Reads files of this format.
    func read(_ paths: [URL], into session: inout ImportSession) throws {
        switch self {
        case .movieLens1M: try MovieLensFiles(paths).read(into: &session)
        case .recbole: for path in paths { try AtomicFiles(path).read(into: &session) }
        case .yoochoose: for path in paths { try YooChooseFile(path).read(into: &session) }
        case .kuairec: for path in paths { try KuaiRecFile(path).read(into: &session) }
        case .sequences: for path in paths { try SequenceFile(path).read(into: &session) }
        case .taobao: try TaobaoFiles(paths).read(into: &session)
        case .tmall: try TmallFiles(paths).read(into: &session)
        case .csv: for path in paths { try readDelimited(path, into: &session) }
        }
    }
}
