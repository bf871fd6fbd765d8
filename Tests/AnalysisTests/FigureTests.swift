// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeAnalysis

@Suite("Figures")
struct FigureTests {
    static let card = AnalysisCard(name: "sample", summary: "", source: "a paper", needs: "", options: [])

    /// Two runs, three places, one of them unknown for the second run.
    static func table(_ name: String = "sample") -> Table {
        var table = Table(
            name,
            [.init("run"), .init("steps", "count"), .init("recall", "share"), .init("low", "share")]
        )
        table.add([.text("a"), .count(1), .number(0.25), .number(0.125)])
        table.add([.text("a"), .count(2), .number(1 / 3.0), .number(0.25)])
        table.add([.text("b, \"c\""), .count(1), .none, .none])
        table.add([.text("b, \"c\""), .count(2), .number(0.5), .number(.nan)])
        return table
    }

    @Test("CSV keeps all digits, quotes what needs it, and leaves out what is unknown")
    func csv() {
        #expect(
            Self.table().csv == #"""
                run,steps,recall,low
                a,1,0.25,0.125
                a,2,0.3333333333333333,0.25
                "b, ""c""",1,,
                "b, ""c""",2,0.5,

                """#
        )
    }

    @Test("Markdown names the units, rounds, and shortens a long table")
    func markdown() {
        let text = Self.table().markdown(limit: 2)
        #expect(
            text.hasPrefix("| run | steps (count) | recall (share) | low (share) |\n| --- | ---: | ---: | ---: |\n")
        )
        #expect(text.contains("| a | 2 | 0.3333 | 0.25 |") && text.hasSuffix("… and 2 more rows in `sample.csv`\n"))
        let figure = Figure(Self.card, title: "T", caption: "C.", tables: [Self.table()], panels: [])
        #expect(figure.markdown.hasPrefix("# T\n\n![T](sample.svg)\n\nC. Source: a paper.\n\n| run"))
    }

    @Test("a panel draws the rows that have both numbers, one series for each name")
    func panel() throws {
        let panel = Panel(.line, of: Self.table(), x: "steps", y: "recall", band: ("low", "recall"), color: "run")
        #expect(panel.x.label == "steps (count)" && panel.y.label == "recall (share)" && panel.x.categories == nil)
        try #require(panel.series.map(\.name) == ["a", "b, \"c\""])
        #expect(panel.series[0].x == [1, 2] && panel.series[0].low == [0.125, 0.25])
        // The unknown end of a band is the point itself.
        #expect(panel.series[1].x == [2] && panel.series[1].y == [0.5] && panel.series[1].low == [0.5])
    }

    @Test("text along the axis becomes categories; a name has the same color in every panel")
    func categories() {
        let table = Self.table()
        let bars = Panel(.bar, of: table, x: "run", y: "recall")
        #expect(bars.x.categories == ["a", "b, \"c\""] && bars.series.map(\.x) == [[0, 0, 1]])
        let second = Panel(.line, of: table, x: "steps", y: "recall", color: "run", where: ["run": "b, \"c\""])
        #expect(second.series.map(\.color) == [1])
    }

    @Test("every analysis has a name of its own and a place in the guide")
    func catalog() throws {
        let guide = Repository.root.appendingPathComponent("Documentation/analyzing.md")
        let text = try String(contentsOf: guide, encoding: .utf8)
        let names = AnalysisCatalog.all.map { $0.card.name }
        #expect(Set(names).count == names.count)
        for name in names { #expect(text.contains("| `\(name)` |") && AnalysisCatalog.named(name) != nil, "\(name)") }
    }
}

@Suite("Pictures")
struct PlotToolTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func program(_ name: String, _ script: String) throws -> String {
        let file = folder.file(name)
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        return file.path
    }

    private var figure: Figure {
        let table = FigureTests.table()
        return Figure(
            FigureTests.card,
            title: "Every kind",
            caption: "Lines, bars and points.",
            tables: [table],
            panels: [
                Panel(.line, "line", of: table, x: "steps", y: "recall", color: "run", isLogarithmic: true),
                Panel(.bar, "bar", of: table, x: "run", y: "recall", band: ("low", "recall")),
                Panel(.points, "points", of: table, x: "steps", y: "recall", color: "run"),
            ]
        )
    }

    @Test("every kind of panel is drawn, twice the same, past a Python that lacks matplotlib")
    func draws() throws {
        let bare = PlotTool(interpreters: ["/nowhere/python3", try program("bare", "exit 3")])
        let tool = PlotTool(interpreters: bare.interpreters + PlotTool.standard().interpreters)
        #expect(try tool.draw(figure, to: folder.url) == ["sample.svg", "sample.png"])
        let first = try Data(contentsOf: folder.file("sample.svg"))
        #expect(first.starts(with: Data("<?xml".utf8)) && first.count > 10_000)
        #expect(try Data(contentsOf: folder.file("sample.png")).starts(with: [0x89, 0x50, 0x4E, 0x47]))
        #expect(!String(decoding: first, as: UTF8.self).contains("<dc:date>"))
        _ = try tool.draw(figure, to: folder.url)
        #expect(try Data(contentsOf: folder.file("sample.svg")) == first)
    }

    @Test("no matplotlib and a failure are told apart, and leave nothing")
    func failures() throws {
        let missing = #expect(throws: PlotError.self) {
            try PlotTool(interpreters: ["/nowhere/python3", program("bare", "exit 3")]).draw(figure, to: folder.url)
        }
        #expect(try #require(missing).description.contains("scripts/setup.sh --plots"))
        let broken = #expect(throws: PlotError.self) {
            try PlotTool(interpreters: [program("broken", "echo no fonts >&2; exit 1")]).draw(figure, to: folder.url)
        }
        #expect(try #require(broken).description.contains("no fonts"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() == ["bare", "broken"])
    }
}
