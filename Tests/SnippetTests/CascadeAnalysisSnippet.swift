// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeAnalysis
import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Snippet: CascadeAnalysis")
struct CascadeAnalysisSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Analyzes a run and writes the tables")
    func shows() throws {
        let run = try folder.finishedRun(on: folder.smallDataset())
        let target = folder.url
        // snippet.show
        var options = AnalysisOptions()
        options.part = .validation
        let runs = try AnalyzedRun.read([run], options)
        let figure = try AnalysisCatalog.named("popularity")?.figure(of: runs, options)

        // Each table as CSV, and a page of Markdown with all of them.
        let names = try figure?.writeTables(to: target)
        // snippet.hide
        #expect(names == ["popularity.csv", "popularity-summary.csv", "popularity.md"])
        let page = try String(contentsOf: folder.file("popularity.md"), encoding: .utf8)
        #expect(page == figure?.markdown && page.contains("| validation targets |"))
    }
}
