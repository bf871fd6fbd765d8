// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeComparison
import CascadeDatasets
import CascadeRecommenders
import Foundation
import TestSupport
import Testing

@Suite("Where a table has its data from")
struct DataRecipeTests {
    @Test("requests are imported as by the command, with the same usual minima")
    func requests() throws {
        let folder = try TemporaryFolder()
        let source = folder.file("lists.csv")
        try Data("list,user,item,clicked,price\nr1,u,a,0,5\nr1,u,b,1,6\nr2,u,a,1,5\n".utf8).write(to: source)
        let recipe = try DataRecipe(
            "lists",
            [
                "from": "csv", "paths": .array([.string(source.path)]),
                "columns": ["request": "list", "shown": ["price"]],
            ]
        )
        let dataset = try recipe.dataset(in: folder.file("made"))
        #expect(dataset.manifest.requests == 2 && dataset.itemCount == 2)
        #expect(dataset.manifest.shownFeatures == ["price"] && dataset.manifest.options.minItemEvents == 1)
        let plain = try DataRecipe("plain", ["from": "csv", "paths": .array([.string(source.path)])])
        #expect(throws: DatasetError.self) { try plain.dataset(in: folder.file("made")) }  // 5 events, without requests
    }
}
