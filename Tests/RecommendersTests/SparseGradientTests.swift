// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeTorch
import Testing

@testable import CascadeRecommenders

@Suite("Sparse gradients")
struct SparseGradientTests {
    /// The first step of Adam moves a row without gradient by exactly nothing, sparse or dense.
    private static let tolerance = 1e-6

    @Test(
        "name only the rows that were looked up, and lead to the weights that dense ones lead to",
        arguments: Subject.all.filter { (try? $0.entry.specification().settings["sparse_gradients"]) == .bool(false) },
        Objective.Kind.allCases.filter { $0 != .crossEntropy }
    )
    func sparse(_ subject: Subject, _ kind: Objective.Kind) throws {
        var objective = Objective()
        (objective.kind, objective.negatives) = (kind, 3)
        var tables: [[Double]] = []
        for isSparse in [false, true] {
            let learner = try subject.learner(["sparse_gradients": .bool(isSparse)])
            let table = try #require(try learner.model.parameters().first { $0.name == "items.weight" }).part
            #expect(table.isRowSparse == isSparse)
            _ = try learner.step(learner.host(History.rows), objective, seed: 1)
            #expect(try #require(try table.value.gradient()).isSparse == isSparse)
            tables.append(try table.value.doubles())
        }
        for (dense, sparse) in zip(tables[0], tables[1]) { #expect(abs(dense - sparse) < Self.tolerance) }
    }
}
