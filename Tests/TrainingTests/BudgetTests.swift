// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Budgets")
struct BudgetTests {
    let folder: TemporaryFolder
    let data: Dataset
    let run: RunDirectory

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 40)
        run = RunDirectory(folder.file("run"))
    }

    @Test(
        "are read with their unit, and written so that they read the same",
        arguments: [
            ("300s", Budget.seconds(300)), ("1.5s", .seconds(1.5)), ("600cpu-s", .cpuSeconds(600)),
            ("2M-examples", .examples(2_000_000)), ("2.5k-examples", .examples(2_500)), ("5000-steps", .steps(5_000)),
            ("5k-steps", .steps(5_000)), ("1ks", .seconds(1_000)),
        ]
    )
    func reads(_ text: String, _ budget: Budget) throws {
        #expect(try Budget(text) == budget)
        #expect(try Budget(budget.description) == budget)
        #expect(try JSONDecoder().decode(Budget.self, from: JSONEncoder().encode(budget)) == budget)
    }

    @Test(
        "that are not understood are refused with all the forms",
        arguments: [
            "", "300", "s", "300 s", "-5s", "0s", "1e3s", "5000steps", "2G-examples", "600cpu", "nan-steps", "300S",
        ]
    )
    func refuses(_ text: String) throws {
        let error = try #require(#expect(throws: ConfigurationError.self) { try Budget(text) })
        for form in ["found \(text)", "300s", "600cpu-s", "2M-examples", "5000-steps"] {
            #expect(error.description.contains(form))
        }
        #expect(throws: ConfigurationError.self) { try Budget(.integer(300)) }
        #expect(try Budget(JSONValue.null) == nil)
    }

    private func train(_ budget: Budget?, resume: Bool = false, epochs: Int = 50) throws -> RunManifest {
        let experiment = try Small.experiment(Small.sasrec, #""epochs": \#(epochs), "patience": 50"#)
        return try TrainingTests.train(experiment, on: data, to: run.url) {
            ($0.budget, $0.resume) = (budget, resume)
        }
    }

    @Test("of steps end a run after so many, evaluated, all resumptions together")
    func steps() throws {
        let first = try train(.steps(4))
        #expect(first.status == .interrupted && first.step == 4 && first.reason.contains("budget of 4-steps spent"))
        #expect(!first.validation.isEmpty)
        let more = try train(.steps(7), resume: true)
        #expect(more.step == 7)
        let same = try train(.steps(7), resume: true)
        #expect(same.step == 7 && same.status == .interrupted && same.validation == more.validation)
        #expect(try train(nil, resume: true, epochs: 3).status == .finished)
    }

    @Test("of examples count what was trained on before")
    func examples() throws {
        let first = try train(.examples(10))
        let usage = try #require(first.usage)
        #expect(first.step == 1 && usage.examples >= 10)
        let more = try train(.examples(Double(usage.examples + 1)), resume: true)
        #expect(more.step == 2)
        #expect(try train(.examples(10), resume: true).step == 2)
    }

    @Test("of processor time and of wall time end a run", arguments: [Budget.cpuSeconds(1e-6), .seconds(1e-6)])
    func time(_ budget: Budget) throws {
        let first = try train(budget)
        #expect(first.step == 1 && first.status == .interrupted)
        #expect(try #require(first.usage).cpuSeconds > 0)
        #expect(try train(budget, resume: true).step == 1)
    }
}
