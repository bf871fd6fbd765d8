// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Datasets
import NN
import Recommenders
import Testing
import Torch

/// The part of the model contract that is about the process: what training leaves behind.
@Suite("Models and process-wide state", .serialized)
struct ModelLeakTests {
    @Test("50 training steps and answers of each model leave the number of live handles where it was")
    func handles() async {
        await #expect(processExitsWith: .success) {
            Runtime.setThreads(1)
            var tested = 0
            for entry in Catalog.all {
                let before = Runtime.liveHandles
                let settings = try small(entry)
                let model = try entry.make(settings, DatasetShape(users: 9, items: 20), Generator(seed: 1))
                guard let model = model as? any VectorRetriever else { continue }
                try train(model, steps: 50, named: entry.card.name)
                tested += 1
                #expect(Runtime.liveHandles > before, "a model has parameters")
            }
            #expect(tested > 0)
            #expect(Runtime.liveHandles == 0)
        }
    }
}

/// Settings that make a model quick, where it has them.
private func small(_ entry: ModelEntry) throws -> JSONValue {
    let wanted = [
        "width": 16, "length": 12, "hidden": 32, "session": 4, "window": 8, "channels": 8, "steps": 6, "unit": 8,
    ]
    guard case .object(let defaults) = try entry.defaults() else { return .object([:]) }
    return .object(wanted.filter { defaults[$0.key] != nil }.mapValues(JSONValue.integer))
}

/// Trains and asks; the number of handles must be the same after the first step and after every other.
private func train(_ model: any VectorRetriever, steps: Int, named name: String) throws {
    let adam = try Adam(model.parameters())
    try step(model, adam, 1)
    let running = Runtime.liveHandles
    for number in 2...steps {
        try step(model, adam, number)
        guard Runtime.liveHandles == running else {
            Issue.record("\(name): \(Runtime.liveHandles) handles after step \(number), \(running) after the first")
            return
        }
    }
}

/// A step in a function of its own: locals of a debug build live to the end of their scope.
private func step(_ model: any VectorRetriever, _ adam: Adam, _ number: Int) throws {
    let host = batch(for: model)
    try Runtime.seedDefaultGenerators(UInt64(number))
    try adam.clearGradients()
    let input = try Batch(host, noise: .drawn(Generator(seed: UInt64(number))))
    let output = try model.trainingOutput(input)
    var random = SplitMix64(seed: UInt64(number))
    let terms = try Objective().terms(
        output,
        of: model,
        targets: input.targets,
        sampler: UniformNegatives(itemCount: 20),
        using: &random
    )
    let loss = try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }
    try loss.backward()
    try adam.clipGradients(to: 1)
    try adam.step(rate: 1e-3)
    #expect(try loss.item().isFinite)
    let scores = try withoutGradients { try model.scores(Batch(host, noiseSeed: 7)) }
    #expect(scores.shape == [host.rows, 20])
}

/// Two rows of twelve items, so that nothing is padded on either side.
private func batch(for model: any VectorRetriever) -> HostBatch {
    let items = (0..<24).map { Int32($0 * 7 % 20 + 1) }
    let isEveryPosition = type(of: model).examples == .everyPosition
    return HostBatch(
        rows: 2,
        length: 12,
        items: items,
        times: (0..<24).map { Int64($0 % 12 * 1000) },
        lengths: [12, 12],
        targets: isEveryPosition ? items.map { $0 % 20 + 1 } : [3, 4],
        users: [0, 5]
    )
}
