// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import Testing

/// The part of the model contract that is about the process: what training leaves behind.
@Suite("Models and process-wide state", .serialized)
struct ModelLeakTests {
    @Test("50 training steps and answers of each model leave the number of live handles where it was")
    func handles() async {
        await #expect(processExitsWith: .success) {
            Runtime.setThreads(1)
            var tested = 0
            for entry in ModelRegistry.builtin.entries {
                let before = Runtime.liveHandles
                let settings = try small(entry)
                var shape = DatasetShape(users: 9, items: 20)
                shape.shownFeatures = ["rank"]
                let made = try entry.specification(settings).make(for: shape, using: Generator(seed: 1))
                if let model = made.vectorRetriever {
                    try train(model, steps: 50, named: entry.card.name)
                } else if let model = made.queryRanker {
                    try train(model, steps: 50, named: entry.card.name)
                } else {
                    continue
                }
                tested += 1
                #expect(Runtime.liveHandles > before, "\(type(of: made).card.name) has parameters")
            }
            #expect(tested > 0)
            #expect(Runtime.liveHandles == 0)
        }
    }
}

/// Settings that make a model quick, where it has them.
private func small(_ entry: ModelEntry) throws -> JSONValue {
    let wanted = [
        "embedding_size": 16, "max_sequence_length": 12, "ffn_size": 32, "max_session_length": 4, "window": 8,
        "channels": 8, "steps": 6, "attention_hidden_size": 8,
    ]
    guard case .object(let defaults) = try entry.specification().settings else { return .object([:]) }
    return .object(wanted.filter { defaults[$0.key] != nil }.mapValues(JSONValue.integer))
}

private func train(_ model: any VectorRetriever, steps: Int, named name: String) throws {
    let adam = try Adam(model.parameters())
    try train(steps: steps, named: name) { try step(model, adam, $0) }
}

private func train(_ model: any QueryRanker, steps: Int, named name: String) throws {
    let adam = try Adam(model.parameters())
    try train(steps: steps, named: name) { try step(model, adam, $0) }
}

/// Trains and asks; the number of handles must be the same after the first step and after every other.
private func train(steps: Int, named name: String, _ step: (Int) throws -> Void) throws {
    try step(1)
    let running = Runtime.liveHandles
    for number in 2...steps {
        try step(number)
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
    let isEveryPosition = type(of: model).examples == .causal
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

private func step(_ model: any QueryRanker, _ adam: Adam, _ number: Int) throws {
    var host = QueryHostBatch()
    (host.rows, host.length, host.width, host.queryCount, host.queryLength) = (1, 3, 2, 2, 2)
    (host.items, host.times, host.actions, host.historyQueries) = ([0, 4, 5], [0, 10, 20], [0, 1, 2], [0, 0, 1])
    (host.lengths, host.users, host.requestTimes, host.queries) = ([2], [1], [60], [1])
    (host.tokens, host.candidates) = ([0, 0, 3, 4], [6, 7])
    (host.clicks, host.purchases, host.shown) = ([1, 0], [0, 0], [0, 1])
    try Runtime.seedDefaultGenerators(UInt64(number))
    try adam.clearGradients()
    let batch = try QueryBatch(host, noise: .drawn(Generator(seed: UInt64(number))))
    let terms = try model.predict(batch, .training).terms(batch, purchaseWeight: model.purchaseWeight)
    try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }.backward()
    try adam.step(rate: 1e-3)
    _ = try withoutGradients { try model.predict(QueryBatch(host), .inference) }
}
