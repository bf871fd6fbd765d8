// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeRuns
import Foundation
import TestSupport
import Testing

@testable import CascadeTraining

/// Work whose metric is told beforehand, evaluation by evaluation.
private final class PlannedWork: TrainingWork {
    typealias HostBatch = Int

    let isResumable: Bool
    var dataPath: String { "here" }
    private let batchesInEpoch: Int
    private var metrics: [Double]
    private let losses: [Double]
    private(set) var batchesSeen: [Int] = []
    private(set) var log: [String] = []

    init(batchesInEpoch: Int = 3, metrics: [Double] = [], losses: [Double] = [], isResumable: Bool = true) {
        self.batchesInEpoch = batchesInEpoch
        self.metrics = metrics
        self.losses = losses
        self.isResumable = isResumable
    }

    func batches(epoch: Int) -> HostBatches<Int> { HostBatches(count: batchesInEpoch) { epoch * 100 + $0 } }

    func step(_ host: Int, number: Int) throws -> StepResult {
        batchesSeen.append(host)
        let loss = losses.indices.contains(number - 1) ? losses[number - 1] : 1 / Double(number)
        return StepResult(losses: [("loss", loss)], examples: 10, rate: 0.1)
    }

    func validate() throws -> ValidationResult? {
        guard !metrics.isEmpty else { return nil }
        return ValidationResult(metrics: ["ndcg@10": metrics.removeFirst()])
    }

    func saveBest() { log.append("best after \(batchesSeen.count)") }

    func checkpoint(_ state: TrainingState) { log.append("checkpoint at \(state.step), \(state.epoch).\(state.batch)") }
}

@Suite("The training loop")
struct TrainingLoopTests {
    private let folder: TemporaryFolder
    private let data: Dataset

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.histories([["a", "b", "c"], ["b", "c", "a"]])
    }

    private func run(
        _ work: PlannedWork,
        epochs: Int = 2,
        patience: Int = 10,
        from state: TrainingState = TrainingState(),
        _ change: (inout TrainingOptions) -> Void = { _ in }
    ) throws -> (end: TrainingLoop<PlannedWork>.End, state: TrainingState) {
        let experiment = try Experiment(["model": ["name": "popularity"]])
        let manifest = RunManifest(
            experiment: experiment,
            data: .init(data),
            seed: 1,
            commit: "",
            machine: [:],
            status: .running
        )
        let directory = folder.file(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let log = try ProgressLog(RunDirectory(directory), of: manifest, after: -1)
        var options = TrainingOptions()
        change(&options)
        let loop = TrainingLoop(
            work,
            .init(epochs: epochs, patience: patience, metric: "ndcg@10", stepsBetweenLogLines: 2),
            options,
            from: state,
            log: log
        )
        return (try loop.run(), loop.state)
    }

    @Test("sees every batch of every epoch, keeps the best, and ends when the epochs are done")
    func epochs() throws {
        let work = PlannedWork(metrics: [0.1, 0.3, 0.2])
        let (end, state) = try run(work, epochs: 3)
        #expect(work.batchesSeen == [0, 1, 2, 100, 101, 102, 200, 201, 202])
        #expect(end.status == .finished && end.reason == "3 epochs done")
        #expect(state.best == 0.3 && state.bestStep == 6 && state.failures == 1 && state.usage?.examples == 90)
        #expect(
            work.log == [
                "best after 3", "checkpoint at 3, 1.0", "best after 6", "checkpoint at 6, 2.0", "checkpoint at 9, 3.0",
            ]
        )
    }

    @Test(
        "a loss that is no number, or 10,000 times that of the first step, ends it",
        arguments: [
            ([8, 7, .nan], 3), ([-.infinity], 1), ([8, 80_001], 2), ([0.001, 0.5, 10_001], 3), ([-3, 30_001], 2),
            ([8, 79_999, 3], nil), ([0.001, 9_999], nil), ([-3, -1e9], nil),
        ] as [([Double], Int?)]
    )
    func divergence(_ losses: [Double], _ step: Int?) throws {
        let work = PlannedWork(metrics: [0.1, 0.2], losses: losses)
        guard let step else { return #expect(try run(work).end.status == .finished) }
        let error = #expect(throws: DivergenceError.self) { try run(work) }
        #expect(error?.description.hasPrefix("training step \(step): the loss is ") == true)
        #expect(work.batchesSeen.count == step && work.log.isEmpty)
    }

    @Test("a resumed training remembers the first loss")
    func firstLoss() throws {
        var state = TrainingState()
        state.firstLoss = 100
        #expect(try run(PlannedWork(metrics: [0.1, 0.2], losses: [1, 20_000]), from: state).state.firstLoss == 100)
    }

    @Test("patience ends it")
    func patience() throws {
        let work = PlannedWork(metrics: [0.3, 0.2, 0.1, 0.9])
        let (end, state) = try run(work, epochs: 9, patience: 2)
        #expect(end.reason == "no better ndcg@10 in 2 evaluations" && state.epoch == 3 && state.bestStep == 3)
    }

    @Test("without validation the last weights are kept")
    func noValidation() throws {
        let work = PlannedWork()
        let (_, state) = try run(work)
        #expect(state.bestStep == 6 && work.log.contains("best after 6"))
    }

    @Test("an interruption checkpoints what can be resumed, and evaluates what cannot")
    func interruption() throws {
        for isResumable in [true, false] {
            let work = PlannedWork(metrics: [0.5], isResumable: isResumable)
            let (end, state) = try run(work) { options in
                options.isInterrupted = { work.batchesSeen.count == 2 }
            }
            #expect(end.status == .interrupted && state.step == 2)
            #expect(end.reason.contains("--resume") == isResumable)
            #expect(work.log.contains("best after 2") == !isResumable)
            #expect(work.log.last == "checkpoint at 2, 0.2")
        }
    }

    @Test(
        "a budget evaluates and checkpoints; a run taken up goes on at the next batch, or not at all when it is spent"
    )
    func budget() throws {
        let work = PlannedWork(metrics: [0.5, 0.6, 0.7])
        let (end, state) = try run(work) { $0.budget = .steps(4) }
        #expect(end.reason == "budget of 4-steps spent; --resume with a larger one continues" && state.bestStep == 4)
        let spent = try run(PlannedWork(), from: state) { $0.budget = .steps(4) }
        #expect(spent.end.status == .interrupted && spent.state.step == 4)
        let more = PlannedWork(metrics: [0.8])
        let last = try run(more, from: state)
        #expect(more.batchesSeen == [101, 102] && last.end.status == .finished && last.state.best == 0.8)
    }

    @Test("data without a batch is refused, with its place")
    func nothing() throws {
        let error = #expect(throws: ConfigurationError.self) { try run(PlannedWork(batchesInEpoch: 0)) }
        #expect(try #require(error).description.hasPrefix("here: no user has two training events"))
    }
}
