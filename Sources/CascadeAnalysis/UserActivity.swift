// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// How well users with short and with long histories are served.
enum UserActivity: RunAnalysis {
    static let card = AnalysisCard(
        name: "activity",
        summary: "ranking metrics by decile of the length of users' histories",
        source: "Cascade",
        needs: "any model",
        options: [.split, .seen, .metric]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        try DecileFigure(column: .init("events before the target", "count")) { "\(Int($0))" }.figure(
            card,
            title: "Sparse and active users",
            caption: "Users in deciles of how many events precede their \(options.part.rawValue) target.",
            of: runs,
            options
        ) { cases, _ in cases.map { Double($0.history.count) } }
    }
}
