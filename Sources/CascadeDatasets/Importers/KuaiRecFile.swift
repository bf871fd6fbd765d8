// Part of Cascade. SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What users of KuaiRec watched at least twice over, or another share of its length.
///
/// Either KuaiRec's own `big_matrix.csv` or `small_matrix.csv` (columns user_id, video_id, timestamp and watch_ratio
/// among others), or sequences made of them: a table with split, session_id, item_id, time and watch_ratio, of which
/// the latter two may be empty. In that form each sequence is a user of its own, as in ``SequenceFile``.
///
/// - Source: C. Gao et al. 2022, KuaiRec: A Fully-observed Dataset and Insights for Evaluating Recommender Systems,
///   CIKM, arXiv:2202.10842; positives as in the sequences that diffusion models are compared on.
struct KuaiRecFile {
    private static let leastWatchRatio: Float = 2
    private let url: URL

    init(_ path: URL) throws {
        url = try path.sourceFile(named: ["big_matrix.csv", "small_matrix.csv", "interactions.csv"])
    }

    func read(into session: inout ImportSession) throws {
        let table = try session.table(url, ",")
        session.builder.filter.leastValue = session.options.minValue ?? Self.leastWatchRatio
        guard table.columns.contains("video_id") else {
            return try session.readSequences(table, value: "watch_ratio", action: .view)
        }
        var options = ImportOptions()
        (options.columns.user, options.columns.item) = ("user_id", "video_id")
        (options.columns.value, options.columns.time) = ("watch_ratio", "timestamp")
        options.action = .view
        try session.readEvents(table, EventLayout(of: table, options))
    }
}
