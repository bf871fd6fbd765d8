// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
internal import Foundation

/// A format of source files that can be imported, known by its name.
public enum ImportFormat: String, Sendable, CaseIterable {
    /// MovieLens-1M: `ratings.dat` or `ratings.csv` (either also `.gz`), with `movies.dat` and `users.dat`.
    case movieLens1M = "ml-1m"
    /// MovieLens-10M: `ratings.dat` with half stars, and `movies.dat`; every layout is known by any of these names.
    case movieLens10M = "ml-10m"
    /// MovieLens-20M: `ratings.csv` and `movies.csv`.
    case movieLens20M = "ml-20m"
    /// MovieLens-25M: the same.
    case movieLens25M = "ml-25m"
    /// MovieLens-32M: the same.
    case movieLens32M = "ml-32m"
    /// MovieLens latest and latest-small: the same.
    case movieLensLatest = "ml-latest"
    /// RecBole atomic files: `.inter`, with `.item` and `.user` (each also `.gz`).
    case recbole
    /// YooChoose (RecSys Challenge 2015): `yoochoose-clicks.dat`, or `clicks.csv` with days (either also `.gz`).
    case yoochoose
    /// KuaiRec: `big_matrix.csv` or `small_matrix.csv`, or sequences made of them, `interactions.csv` (also `.gz`).
    case kuairec
    /// KuaiRand in its three editions: `log_standard_*.csv` and `log_random_*.csv`, with features of videos and users
    /// (each also `.gz`).
    case kuairand
    /// Sequences with a published split: columns split, session_id, item_id, one event a line (also `.gz`).
    case sequences
    /// Taobao: `UserBehavior.csv`, without a header (also `.gz`).
    case taobao
    /// Tmall (IJCAI-15): `user_log_format1.csv` (also `.gz`).
    case tmall
    /// Hotel search with the lists that were shown, trivago's of the RecSys Challenge 2019: `log.csv` (also `.gz`).
    case trivago
    /// Tags that users gave to artists, as queries (HetRec 2011, Last.fm): `tag_assignments.csv` (also `.gz`).
    case lastfmTags = "lastfm-tags"
    /// Amazon purchases with a category's text as the query: `purchases.csv` (also `.gz`).
    case amazonSearch = "amazon-search"
    /// Amazon purchases with an attribute of the item as the query: `interactions.csv`, `item_attributes.csv` (also `.gz`).
    case amazonAttributes = "amazon-attributes"
    /// KuaiSAR: `src_inter.csv` and `rec_inter.csv`, with the features of items and users (each also `.gz`).
    case kuaisar
    /// One event a line, or one shown item of a request, with any delimiter and any columns (also `.gz`).
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
        case .movieLens10M: "MovieLens-10M: a folder with ratings.dat and movies.dat[.gz]"
        case .movieLens20M, .movieLens25M, .movieLens32M:
            "MovieLens-\(rawValue.dropFirst(3).uppercased()): a folder with ratings.csv and movies.csv[.gz]"
        case .movieLensLatest: "MovieLens latest and latest-small: a folder with ratings.csv and movies.csv[.gz]"
        case .recbole: "RecBole atomic files: NAME.inter[.gz], with NAME.item and NAME.user where they exist"
        case .yoochoose: "YooChoose: yoochoose-clicks.dat, or clicks.csv with day, session_id and item_id; each [.gz]"
        case .kuairec:
            "KuaiRec: big_matrix.csv, small_matrix.csv or interactions.csv[.gz]; a positive has watch_ratio >= 2"
        case .kuairand:
            "KuaiRand: a folder with log_standard_*.csv[.gz] and log_random_*.csv[.gz], or such files; clicks are kept"
        case .sequences: "sequences with a published split: a table with split, session_id and item_id; also [.gz]"
        case .taobao: "Taobao: UserBehavior.csv[.gz]; rows outside 2017-11-25 to 2017-12-03 in China are left out"
        case .tmall: "Tmall (IJCAI-15): user_log_format1.csv[.gz]; days are of 2014"
        case .trivago: "trivago (RecSys Challenge 2019), requests: log.csv[.gz] or train.csv[.gz]"
        case .lastfmTags:
            "Last.fm tags (HetRec 2011), requests: a folder with tag_assignments.csv[.gz], artists.csv and listening_counts.csv"
        case .amazonSearch: "Amazon product search, requests: purchases.csv[.gz] with split, user, query and item"
        case .amazonAttributes:
            "Amazon purchases, requests for an attribute: a folder with interactions.csv[.gz] and item_attributes.csv[.gz]"
        case .kuaisar: "KuaiSAR, requests: a folder with src_inter.csv[.gz] and rec_inter.csv[.gz]"
        case .csv:
            "one event a line, or with --request-column one shown item of a request, with any delimiter; columns by name or number"
        }
    }

    /// Whether what is read of this format has search requests.
    public func hasRequests(_ options: ImportOptions) -> Bool {
        switch self {
        case .trivago, .lastfmTags, .amazonSearch, .amazonAttributes, .kuaisar: true
        case .csv: options.columns.request != nil
        case .movieLens1M, .movieLens10M, .movieLens20M, .movieLens25M, .movieLens32M, .movieLensLatest: false
        case .recbole, .yoochoose, .kuairec, .kuairand, .sequences, .taobao, .tmall: false
        }
    }

    /// The fewest events of kept users and items where the options do not say: 5, and 1 for requests, whose lists would
    /// lose what they showed.
    public func usualMinimum(_ options: ImportOptions) -> Int { hasRequests(options) ? 1 : 5 }

    /// Reads files of this format.
    func read(_ paths: [URL], into session: inout ImportSession) throws {
        switch self {
        case .movieLens1M, .movieLens10M, .movieLens20M, .movieLens25M, .movieLens32M, .movieLensLatest:
            try MovieLensFiles(paths).read(into: &session)
        case .recbole: for path in paths { try AtomicFiles(path).read(into: &session) }
        case .yoochoose: for path in paths { try YooChooseFile(path).read(into: &session) }
        case .kuairec: for path in paths { try KuaiRecFile(path).read(into: &session) }
        case .kuairand: try KuaiRandFiles(paths).read(into: &session)
        case .sequences: for path in paths { try SequenceFile(path).read(into: &session) }
        case .taobao: try TaobaoFiles(paths).read(into: &session)
        case .tmall: try TmallFiles(paths).read(into: &session)
        case .trivago: for path in paths { try TrivagoLog(path).read(into: &session) }
        case .lastfmTags: for path in paths { try TagAssignments(path).read(into: &session) }
        case .amazonSearch: for path in paths { try AmazonSearchFile(path).read(into: &session) }
        case .amazonAttributes: for path in paths { try AmazonAttributes(path).read(into: &session) }
        case .kuaisar: for path in paths { try KuaiSARFiles(path).read(into: &session) }
        case .csv: for path in paths { try readDelimited(path, into: &session) }
        }
    }
}
