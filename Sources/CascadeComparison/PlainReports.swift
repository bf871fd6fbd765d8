// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Foundation

extension TableSummary {
    /// The table as Markdown: figures, the test against the best, our figures beside published ones, failures.
    public var markdown: String {
        var text = "## \(table.name) on \(data)\n\n"
        for paragraph in [table.source, table.protocolText] where !paragraph.isEmpty { text += paragraph + "\n\n" }
        text += counts.isEmpty ? "No cell has finished.\n\n" : "\(counts); data \(dataHash)\n\n"
        let titles = ["row"] + table.metrics + ["parameters", "training s", "ms/user", "memory MB", "seeds"]
        text += Self.line(titles) + Self.line(titles.enumerated().map { $0.offset == 0 ? "---" : "---:" })
        for row in rows {
            let figures = table.metrics.map { name in
                let text = row.figures[name]?.text ?? "–"
                return isBest(row, name) ? "**\(text)**" : text
            }
            text += Self.line([row.name] + figures + row.costs + ["\(row.finished)/\(row.planned)"])
        }
        if let sentence = differenceSentence { text += "\n\(sentence)\n" }
        if !inequalities.isEmpty { text += "\n" + inequalities.map { "- Not equal in all rows: \($0)\n" }.joined() }
        let notes = rows.filter { !$0.note.isEmpty }.map { "- \($0.name): \($0.note)\n" }
        if !notes.isEmpty { text += "\n" + notes.joined() }
        let replicated = replication
        if !replicated.isEmpty {
            text += "\n### Beside published figures\n\n"
            text += Self.line(["row", "metric", "ours", "published", "difference", ""])
            text += Self.line(["---", "---", "---:", "---:", "---:", "---"])
            for line in replicated { text += Self.line(line.cells) }
        }
        for row in rows where !row.failures.isEmpty {
            text += "\n**\(row.name) failed:** \(row.failures.joined(separator: "; "))\n"
        }
        return text + "\n"
    }

    /// The table's lines for a spreadsheet: one for each row and metric, with a title line.
    public static func csv(_ tables: [TableSummary]) -> String {
        let titles = [
            "table", "data", "row", "metric", "mean", "deviation", "lower", "upper", "published", "difference",
            "seeds", "parameters", "training_seconds", "milliseconds_per_user", "peak_memory_bytes", "failure",
        ]
        func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
        var lines = [titles]
        for table in tables {
            for row in table.rows {
                let costs = [
                    "\(row.finished)", "\(row.parameters)", "\(row.trainingSeconds)", "\(row.millisecondsPerUser)",
                    "\(row.peakMemory)", row.failures.joined(separator: "; "),
                ]
                let place = [table.table.name, table.data, row.name]
                if row.figures.isEmpty { lines.append(place + Array(repeating: "", count: 7) + costs) }
                for (name, figure) in row.figures.sorted(by: { $0.key < $1.key }) {
                    let values = [
                        figure.mean, figure.deviation, figure.interval?.lower, figure.interval?.upper,
                        figure.published, figure.difference,
                    ]
                    lines.append(place + [name] + values.map(number) + costs)
                }
            }
        }
        return lines.map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
    }

    private static func quoted(_ field: String) -> String {
        guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
        return "\"\(field.replacingOccurrences(of: "\"", with: "\"\""))\""
    }

    private static func line(_ cells: [String]) -> String {
        "| " + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }

    /// Whether no row has a better mean.
    func isBest(_ row: Row, _ metric: String) -> Bool {
        guard let mine = row.figures[metric]?.mean, rows.count > 1,
            let direction = ClickMetrics.direction(of: metric)
        else { return false }
        return rows.compactMap { $0.figures[metric]?.mean }.allSatisfy { $0 * direction <= mine * direction }
    }

    /// A line that holds our figure against a published one.
    struct Replication {
        let row, metric: String
        let ours, published, difference: Double

        /// Whether the two agree within five per cent.
        var agrees: Bool { abs(difference) <= 0.05 }

        var cells: [String] {
            [
                row, metric, String(format: "%.4f", ours), String(format: "%.4f", published),
                String(format: "%+.1f %%", difference * 100),
                agrees ? "within 5 %" : difference > 0 ? "above" : "below",
            ]
        }
    }

    /// Every published figure that we have one beside.
    var replication: [Replication] {
        rows.flatMap { row in
            table.metrics.compactMap { name in
                guard let figure = row.figures[name], let published = figure.published,
                    let difference = figure.difference
                else { return nil }
                return Replication(
                    row: row.name,
                    metric: name,
                    ours: figure.mean,
                    published: published,
                    difference: difference
                )
            }
        }
    }
}

extension TableSummary.Figure {
    /// The mean with its deviation over seeds.
    var text: String {
        String(format: "%.4f", mean) + (deviation.map { String(format: " ± %.4f", $0) } ?? "")
    }
}

extension TableSummary.Row {
    /// What the row costs: parameters, seconds, milliseconds, megabytes.
    var costs: [String] {
        guard finished > 0 else { return ["–", "–", "–", "–"] }
        return [
            "\(parameters)", String(format: "%.0f", trainingSeconds), String(format: "%.2f", millisecondsPerUser),
            "\(peakMemory / 1_000_000)",
        ]
    }
}

extension TableSummary {
    /// Which rows the test between all pairs tells apart from the best one; nil with fewer than two rows.
    var differenceSentence: String? {
        guard let best = differences.first?.better else { return nil }
        let pairs = differences.filter { $0.better == best }
        func words(_ pair: Difference) -> String {
            let p = pair.corrected < 0.0005 ? "p < 0.0005" : String(format: "p = %.3f", pair.corrected)
            return "\(pair.worse) by \(String(format: "%.4f", pair.difference)) (\(p))"
        }
        let (apart, level) = (pairs.filter { $0.corrected < 0.05 }, pairs.filter { $0.corrected >= 0.05 })
        var parts = ["\(table.main): \(best) is first."]
        if !apart.isEmpty { parts.append("Ahead of \(apart.map(words).joined(separator: ", ")).") }
        if !level.isEmpty { parts.append("Not told apart from \(level.map(words).joined(separator: ", ")).") }
        let single = pairs.contains { $0.trainings == 1 }
        parts.append(
            "p by Holm's correction over \(differences.count) pairs, over users"
                + (single ? "; one training each, whose variance is not in it." : " and trainings.")
        )
        return parts.joined(separator: " ")
    }

    /// All pairs of rows for a spreadsheet, with a title line.
    static func differencesCSV(_ tables: [TableSummary]) -> String {
        let titles = ["table", "data", "metric", "better", "worse", "difference", "p", "p_holm", "trainings"]
        let lines = tables.flatMap { table in
            table.differences.map { pair in
                [
                    table.table.name, table.data, table.table.main, pair.better, pair.worse, "\(pair.difference)",
                    "\(pair.pValue)", "\(pair.corrected)", "\(pair.trainings)",
                ]
            }
        }
        return ([titles] + lines).map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
    }
}
