// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeRecommenders
import CascadeTorch
import Testing

@Suite("The model registry as a value")
struct RegistryTests {
    @Test("adding leaves the registry alone, and a model of the same name is replaced")
    func adding() throws {
        let count = ModelRegistry.builtin.entries.count
        let more = ModelRegistry.builtin.adding(AverageOfEmbeddings.self)
        #expect(more.entries.count == count + 1 && ModelRegistry.builtin.entries.count == count)
        #expect(more.entries.last?.card == AverageOfEmbeddings.card)
        #expect(more.adding(AverageOfEmbeddings.self).entries.count == count + 1)
        #expect(throws: ConfigurationError.self) { try ModelRegistry.builtin.entry(AverageOfEmbeddings.card.name) }
        #expect(try more.entry(AverageOfEmbeddings.card.name).task.traits.name == "next-item")
    }

    @Test("a specification keeps complete settings, and takes changes without forgetting others")
    func specification() throws {
        let entry = try ModelRegistry.builtin.entry("t2diff")
        let plain = try entry.specification()
        let changed = try plain.overriding(["dropout": 0.5])
        #expect(changed != plain && changed.settings["dropout"] == .number(0.5))
        #expect(try changed.overriding(["dropout": plain.settings["dropout"]]) == plain)
        #expect(throws: ConfigurationError.self) { try plain.overriding(["dropuot": 0.5]) }
        #expect(throws: ConfigurationError.self) { try plain.overriding(["dropout": 2.0]) }
        let sampled = try plain.sampling(.init(.ddim, steps: 3), steps: 9)
        #expect(sampled.diffusion?.steps == 9 && sampled.settings["sampler"]["kind"] == .string("ddim"))
        #expect(throws: ConfigurationError.self) {
            try ModelRegistry.builtin.entry("sasrec").specification().sampling(.init(.ddim))
        }
    }

    @Test("capabilities are those of the types", arguments: Subject.all)
    func capabilities(_ subject: Subject) throws {
        let (model, names) = (try subject.model(), subject.entry.capabilities)
        let conforms: [Capability: Bool] = [
            .catalogScores: (model as Any) is any CatalogScorer, .fitting: (model as Any) is any FittedRetriever,
            .itemVectors: (model as Any) is any VectorRetriever, .diffusion: (model as Any) is any DiffusionRetriever,
            .distillation: (model as Any) is any Distillable, .clickThroughRate: (model as Any) is any CTRRanker,
            .historyRetrieval: (model as Any) is any LifelongRanker, .queries: (model as Any) is any QueryRanker,
        ]
        for capability in Capability.allCases {
            #expect(names.contains(capability) == conforms[capability], "\(capability.rawValue)")
        }
        #expect((model.vectorRetriever != nil) == names.contains(.itemVectors))
        #expect((model.queryRanker != nil) == names.contains(.queries))
    }
}
