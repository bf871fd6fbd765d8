// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Words for actions")
struct ImporterActionTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func importing(_ words: [String], _ configure: (inout ImportOptions) -> Void = { _ in }) throws
        -> ImportReport
    {
        let rows = words.enumerated().map { "u,i\($0),\($0 + 1),\($1)\n" }.joined()
        let file = try sources.file("log.csv", "user,item,time,event\n" + rows)
        return try sources.importing("csv", file, options: configure)
    }

    @Test("the usual words of shops are known; rows that take something back are left out and counted")
    func usual() throws {
        let report = try importing(["view", "addtocart", "Add-To-Cart", "transaction", "remove_from_cart", "wishlist"])
        #expect(report.dataset.allEvents().map(\.action) == [.view, .cart, .cart, .purchase, .favourite])
        #expect(report.rowsRead == 6 && report.rowsSkipped == 0)
        #expect(
            report.remarks.last { $0.kind == .note }?.text == """
                actions: view 1; purchase 1 ('transaction' 1); cart 2 ('addtocart' 1, 'Add-To-Cart' 1); \
                favourite 1 ('wishlist' 1); dropped 1 ('remove_from_cart' 1)
                """
        )
        #expect(report.dataset.manifest.provenance["rows.dropped-actions"] == "1")
    }

    @Test("an unknown word stops the import and names the option")
    func unknown() throws {
        let error = #expect(throws: DatasetError.self) { try importing(["view", "stare"]) }
        #expect(error?.reason == .badRow)
        #expect(error?.description.contains("log.csv:3: found 'stare' in column 'event', expected view, click") == true)
        #expect(error?.description.contains("--action ACTION=stare") == true)
        #expect(error?.description.contains("--action drop=stare") == true)
    }

    @Test("a word that a shell would not take as it is is not put into the advice")
    func strange() throws {
        let error = #expect(throws: DatasetError.self) { try importing(["look at $(it)"]) }
        #expect(error?.description.contains("--action ACTION=WORD") == true)
        #expect(error?.description.contains("--ignore-column event") == true)
    }

    @Test("options say what words mean, also against the usual meaning, and which to leave out")
    func options() throws {
        let words = ["stare", "order", "view", "PING", ""]
        let report = try importing(words) {
            $0.actionWords = ["click": ["Stare", ""], "drop": ["ping"], "cart": ["order"]]
        }
        #expect(report.dataset.allEvents().map(\.action) == [.click, .cart, .view, .click])
        #expect(report.remarks.contains { $0.text.contains("dropped 1 ('PING' 1)") })
    }

    @Test("rows with unknown words can be skipped, and are counted by word")
    func skipped() throws {
        let report = try importing(["view", "stare", "stare"]) { $0.onError = .skip }
        #expect(report.rowsSkipped == 2 && report.dataset.eventCount == 1)
        #expect(report.remarks.contains { $0.text == "actions: view 1; not understood 2 ('stare' 2)" })
    }

    @Test("an action that does not exist, and a word with two meanings, are refused before anything is read")
    func refused() throws {
        for words in [["buy": ["x"]], ["cart": ["x"], "click": ["X"]]] {
            let error = #expect(throws: DatasetError.self) { try importing(["view"]) { $0.actionWords = words } }
            #expect(error?.reason == .badOption && error?.description.hasPrefix("--action") == true)
        }
    }
}
