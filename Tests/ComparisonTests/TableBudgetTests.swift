// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import CascadeTraining
import Foundation
import Testing

@testable import CascadeComparison

@Suite("Budgets of a table")
struct TableBudgetTests {
    private func table(_ changes: [String: JSONValue], file: JSONValue = ["model": ["name": "sasrec"]]) throws
        -> TableSpecification
    {
        let rows: JSONValue = .array([
            ["name": "plain", "model": ["name": "sasrec"]],
            ["name": "own", "model": ["name": "sasrec"], "budget": "7-steps"],
            ["name": "from a file", "experiment": "file.yaml"],
        ])
        let tree: JSONValue = ["name": "t", "data": ["a": ["directory": "here"]], "rows": rows]
        return try TableSpecification(tree.merged(with: .object(changes)), file: "t") { _ in file }
    }

    @Test("the row's own comes before its file's, and that before the table's")
    func layers() throws {
        let file: JSONValue = ["model": ["name": "sasrec"], "budget": "9-steps"]
        let rows = try table(["budget": "600cpu-s"], file: file).rows
        #expect(rows.map(\.budget) == [.cpuSeconds(600), .steps(7), .steps(9)])
        #expect(try table([:]).rows.map(\.budget) == [nil, .steps(7), nil])
        let single = try TableSpecification(file, file: "s") { _ in .null }
        #expect(single.rows.map(\.budget) == [.steps(9)])
        #expect(single.on([]).rows.map(\.budget) == [.steps(9)])
    }

    @Test("one that is not understood is refused with its place and the forms")
    func refused() throws {
        let error = #expect(throws: ConfigurationError.self) { try table(["budget": 300]) }
        #expect(try #require(error).description.contains("budget: found 300, expected"))
        let file = #expect(throws: ConfigurationError.self) { try table([:], file: ["budget": "3 hours"]) }
        #expect(try #require(file).description.hasPrefix("rows.from a file.experiment: budget: found 3 hours"))
    }

    @Test("a table is trained as it is written, never sized by the data")
    func notSized() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try table(["training": ["auto": .bool(true)]]).rows[0].experiments["a"]?.get()
        }
        #expect(try #require(error).description.contains("training.auto: found true"))
        #expect(try table(["training": ["auto": .bool(false)]]).rows[0].experiments["a"]?.get() != nil)
    }

    @Test("a cell with seconds, or without a budget, is the cell that it was before there were others")
    func identity() throws {
        func cell(_ budget: Budget?) throws -> Cell {
            let experiment = try Experiment(["model": ["name": "sasrec"]])
            return Cell(
                row: "r",
                data: "d",
                dataset: "here",
                dataHash: "f",
                seed: 1,
                experiment: experiment,
                budget: budget,
                commit: "c"
            )
        }
        var timed = try cell(nil)
        timed.timeBudget = 300
        #expect(try cell(.seconds(300)) == timed)
        let text = String(decoding: try JSONEncoder().encode(cell(nil)), as: UTF8.self)
        #expect(!text.contains("udget"))
        #expect(try cell(.steps(5)).identity != cell(.steps(6)).identity)
        let read = try JSONDecoder().decode(Cell.self, from: JSONEncoder().encode(cell(.cpuSeconds(2))))
        #expect(read == (try cell(.cpuSeconds(2))))
    }
}
