// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTorch
import Testing

@testable import CascadeRecommenders

@Suite("Watching the reverse process")
struct ReverseProcessTests {
    static let watched = Subject.learning.filter { $0.entry.capabilities.contains(.diffusion) }

    @Test("every visited step is shown, and watching changes no answer", arguments: watched)
    func watching(_ subject: Subject) throws {
        let samplers: [(JSONValue, [Int])] = [
            (.object(["kind": .string("ddpm")]), [6, 5, 4, 3, 2, 1]),
            (.object(["kind": .string("ddim"), "steps": .integer(3)]), [6, 4, 2]),
        ]
        for (sampler, visited) in samplers {
            let model = try #require(try subject.model(["sampler": sampler]).diffusionRetriever)
            try withoutGradients {
                let batch = try Batch(HostBatch(History.rows, type(of: model).padding, .prefixes), noiseSeed: 3)
                var steps: [ReverseStep] = []
                let watched = try model.userVectors(batch) { steps.append($0) }
                #expect(steps.map(\.step) == visited)
                let width = try model.diffusedItems(batch.targets).shape
                #expect(steps.allSatisfy { $0.state.shape == width && $0.estimate.shape == width })
                #expect(try watched.floats() == model.userVectors(batch).floats())
                // Where nothing comes after the diffusion, its last estimate is the answer.
                if !(model is T2Diff), let last = steps.last {
                    #expect(try last.estimate.floats() == watched.floats())
                }
                #expect(try steps[0].state.floats() != steps[1].state.floats())
            }
        }
    }

    @Test("there are those that rebuild items from noise")
    func found() { #expect(Set(Self.watched.map(\.entry.card.name)).isSuperset(of: ["t2diff", "dimerec"])) }
}
