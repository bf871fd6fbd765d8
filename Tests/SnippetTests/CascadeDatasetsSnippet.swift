// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Snippet: CascadeDatasets")
struct CascadeDatasetsSnippet {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("Imports a CSV file and divides its events into parts")
    func shows() throws {
        let (file, url) = (folder.file("sales.csv"), folder.file("sales"))
        let rows = ["dune", "emma", "ulysses", "dracula"].enumerated().map { "ann,\($1),\(1_700_000_000 + $0)\n" }
        try Data("user_id,item_id,timestamp\n\(rows.joined())".utf8).write(to: file)
        // snippet.show
        var options = ImportOptions()
        options.minUserEvents = 1
        options.minItemEvents = 1
        let dataset = try importDataset(from: "csv", paths: [file], to: url, options: options).dataset

        // The last event of each user is for the test, and the one before it for validation.
        let split = try SplitDataset(dataset, .leaveOneOut)
        let test = split.cases(.test)[0]
        let user = dataset.userID(test.user)
        let item = dataset.itemID(ItemIndex(Int(dataset.items[test.target])))
        // snippet.hide
        #expect(dataset.eventCount == 4 && dataset.itemCount == 4)
        #expect(user == "ann" && item == "dracula")
        #expect(test.history.count == 3 && split.trainingEventCount == 2)
    }
}
