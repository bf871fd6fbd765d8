// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeSimulation
import Foundation

/// The report of a live population, for a terminal.
enum LiveText {
    private static let columns = [
        "day", "people", "new", "left", "requests", "impressions", "clicks", "rate", "expected", "best", "ratio",
        "bought",
        "young", "categories",
    ]

    /// The names of the columns.
    static let header = line(columns)

    /// One day.
    static func line(_ row: LiveReport.Row) -> String {
        line(
            [
                row.day.map { "\($0)" } ?? "all", "\(row.active)", "\(row.arrived)", "\(row.left)", "\(row.requests)",
                "\(row.impressions)", "\(row.clicks)", percent(row.clickRate), percent(row.expectedClickRate),
                percent(row.bestClickRate), percent(row.ratio), "\(row.purchases)", percent(row.youngShare),
                String(format: "%.2f", row.categoriesPerPage),
            ]
        )
    }

    /// What is told when the last day is over.
    static func summary(_ report: LiveReport) -> String {
        ([line(report.total)] + report.abTests.map(text) + [newItems(report)]).joined(separator: "\n")
    }

    /// Each cell at the end of a column as wide as the longest name.
    private static func line(_ cells: [String]) -> String {
        zip(cells, columns).map { cell, name in
            String(repeating: " ", count: max(0, max(name.count, 8) - cell.count)) + cell
        }.joined(separator: " ")
    }

    private static func text(_ test: LiveReport.ABTest) -> String {
        let names = ["arm", "people", "requests", "clicked requests", "expected"]
        let arms = test.arms.map { arm in
            [
                arm.arm, "\(arm.people)", "\(arm.requests)", percent(arm.clickedRequestRate),
                percent(arm.expectedClickedRequestRate),
            ]
        }
        let effects = test.effects.map { effect in
            let truth = "\(effect.arm) - \(effect.baseline): true effect \(points(effect.trueEffect))"
            guard let told = effect.reported else { return truth + "; the service reports none" }
            let verdict = effect.covers == true ? "covers" : "does not cover"
            return truth
                + "; reported \(points(told.effect)) [\(points(told.low)), \(points(told.high))], which \(verdict) it"
        }
        return ([test.name, Terminal.table([names] + arms)] + effects).joined(separator: "\n")
    }

    private static func newItems(_ report: LiveReport) -> String {
        let shares = report.reach.map { reach in
            "\(reach.days) d: \(reach.shownShare.map(percent) ?? "-") of \(reach.items)"
        }
        let median = report.medianFirstImpressionHours.map { String(format: "%.1f h", $0) } ?? "-"
        return "new items first shown within " + shares.joined(separator: ", ") + "; median \(median)"
    }

    private static func percent(_ share: Double) -> String { String(format: "%.2f%%", 100 * share) }
    private static func points(_ difference: Double) -> String { String(format: "%+.2f points", 100 * difference) }
}
