// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
public import Foundation

/// The report as one page that opens from disk: no network, light and dark, wide and narrow.
public struct PageReport {
    private let title: String
    private let tables: [TableSummary]
    private let facts: [(name: String, value: String)]
    private let folder: URL

    /// Describes a page.
    ///
    /// - Parameters:
    ///   - title: The page's title.
    ///   - tables: What it shows, in order.
    ///   - facts: What else a reader must know: commit, seeds, machine.
    ///   - folder: Where the page will be; cells' folders are relative to it.
    public init(_ title: String, _ tables: [TableSummary], facts: [(name: String, value: String)], in folder: URL) {
        (self.title, self.tables, self.facts, self.folder) = (title, tables, facts, folder)
    }

    /// The page.
    public var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escaped(title))</title>
        <style>
        \(Self.style)
        </style>
        </head>
        <body>
        <header><h1>\(escaped(title))</h1>
        <p class="facts">\(facts.map { "<span><b>\(escaped($0.name))</b> \(escaped($0.value))</span>" }.joined(separator: "\n"))</p>
        </header>
        <main>
        \(tables.map(section).joined(separator: "\n"))
        </main>
        <script>
        \(Self.script)
        </script>
        </body>
        </html>

        """
    }

    private func section(_ table: TableSummary) -> String {
        let metrics = table.table.metrics
        let titles =
            ["row"] + metrics + ["parameters", "training, s", "ms per user", "memory, MB", "runs"]
        let head = titles.enumerated().map { number, title in
            "<th\(number == 0 ? "" : " class=\"n\"")><button type=\"button\">\(escaped(title))</button></th>"
        }
        let body = table.rows.map { line($0, in: table) }
        let failures = table.rows.filter { !$0.failures.isEmpty }.map {
            "<p class=\"failure\"><b>\(escaped($0.name)) failed</b> (\($0.finished) of \($0.planned) finished): \(escaped($0.failures.joined(separator: "; ")))</p>"
        }
        let paragraphs = [table.table.source, table.table.protocolText].filter { !$0.isEmpty }
        return """
            <section>
            <h2>\(escaped(table.table.name)) on \(escaped(table.data))</h2>
            \(paragraphs.map { "<p>\(escaped($0))</p>" }.joined())
            <p class="facts"><span>\(escaped(table.counts))</span> <span><b>data</b> \(escaped(table.dataHash))</span></p>
            <div class="scroll"><table class="sortable"><thead><tr>\(head.joined())</tr></thead>
            <tbody>
            \(body.joined(separator: "\n"))
            </tbody></table></div>
            \(table.differenceSentence.map { "<p>\(escaped($0))</p>" } ?? "")
            \(table.inequalities.map { "<p>Not equal in all rows: \(escaped($0))</p>" }.joined())
            \(failures.joined())
            \(besidePublished(table))
            \(curves(table))
            </section>
            """
    }

    /// A row of the table, with figures, costs and links to its runs.
    private func line(_ row: TableSummary.Row, in table: TableSummary) -> String {
        let figures = table.table.metrics.map { name -> String in
            guard let figure = row.figures[name] else { return "<td class=\"n\" data-v=\"-1\">–</td>" }
            let range = figure.interval.map {
                String(format: " title=\"95 %% interval over users: %.4f to %.4f\"", $0.lower, $0.upper)
            }
            let text = escaped(figure.text)
            return
                "<td class=\"n\" data-v=\"\(figure.mean)\"\(range ?? "")>\(table.isBest(row, name) ? "<b>\(text)</b>" : text)</td>"
        }
        let costs = zip(
            row.costs,
            [Double(row.parameters), row.trainingSeconds, row.millisecondsPerUser, Double(row.peakMemory)]
        ).map { "<td class=\"n\" data-v=\"\($1)\">\($0)</td>" }
        let links = row.folders.enumerated().map { number, folder in
            "<a href=\"\(escaped(folder))/\">\(number + 1)</a>"
        }
        let name = escaped(row.name) + (row.note.isEmpty ? "" : "<small>\(escaped(row.note))</small>")
        let state = "<td class=\"n\" data-v=\"\(row.finished)\">\(links.joined(separator: " "))</td>"
        let failed = row.failures.isEmpty ? "" : " class=\"failed\""
        return
            "<tr\(failed)><th scope=\"row\" data-v=\"\(escaped(row.name))\">\(name)</th>\(figures.joined())\(costs.joined())\(state)</tr>"
    }

    /// Our figures beside published ones; empty when there are none.
    private func besidePublished(_ table: TableSummary) -> String {
        let replication = table.replication.map { line in
            "<tr>"
                + line.cells.enumerated().map {
                    "<td\((2...4).contains($0.offset) ? " class=\"n\"" : "")>\(escaped($0.element))</td>"
                }.joined() + "</tr>"
        }
        guard !replication.isEmpty else { return "" }
        return """
            <h3>Beside published figures</h3>
            <div class="scroll"><table><thead><tr>\(["row", "metric", "ours", "published", "difference", ""].map { "<th\($0 == "row" || $0 == "metric" ? "" : " class=\"n\"")>\($0)</th>" }.joined())</tr></thead>
            <tbody>\(replication.joined(separator: "\n"))</tbody></table></div>
            """
    }

    /// Validation over training, one line a run; a script of the page draws it.
    private func curves(_ table: TableSummary) -> String {
        let metric = table.table.main
        let lines = table.rows.flatMap { row in
            row.folders.enumerated().compactMap { number, folder -> JSONValue? in
                let file = CellFolder(self.folder.appending(path: folder)).run.progress
                let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
                let points = text.split(separator: "\n").compactMap { line -> JSONValue? in
                    guard let entry = try? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8)),
                        entry["kind"] == .string("validation"), let step = entry["step"].double,
                        let value = entry[metric].double
                    else { return nil }
                    return .array([.number(step), .number(value)])
                }
                guard points.count > 1 else { return nil }
                return .object(["row": .string(row.name), "seed": .integer(number + 1), "points": .array(points)])
            }
        }
        guard !lines.isEmpty, let data = try? JSONEncoder.readable.encode(JSONValue.array(lines)) else { return "" }
        // Text inside a script element ends at its closing tag alone.
        let json = String(decoding: data, as: UTF8.self).replacingOccurrences(of: "<", with: "\\u003c")
        return """
            <h3>Validation \(escaped(metric)) over training steps</h3>
            <figure class="curves" data-metric="\(escaped(metric))"><script type="application/json">\(json)</script></figure>
            """
    }

    private func escaped(_ text: String) -> String {
        [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;")].reduce(text) {
            $0.replacingOccurrences(of: $1.0, with: $1.1)
        }
    }
}
