// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeDiffusion
import CascadeNN
import CascadeTorch
import TensorTestSupport
import Testing

@testable import CascadeRecommenders

@Suite("Distillation")
struct DistillationTests {
    /// Two models whose states live in different places: plain ones with padding, and unit vectors.
    static let subjects = ["t2diff", "dimerec"]

    private func model(_ name: String, _ changes: [String: JSONValue] = [:]) throws -> any Distillable {
        let subject = Subject(entry: try ModelRegistry.builtin.entry(name))
        // Fresh denoisers of a short schedule, which leaves some signal at its end.
        let changes = name == "t2diff" ? changes.merging(["reference_steps": 0]) { given, _ in given } : changes
        return try #require(try subject.model(changes).distillable)
    }

    private func distill(
        _ name: String,
        steps: Int,
        _ change: (inout DistillationSettings) -> Void = { _ in }
    ) throws -> (teacher: any Distillable, student: any Distillable, average: any Distillable, Distillation) {
        var settings = DistillationSettings()
        change(&settings)
        let (teacher, student, average) = (try model(name), try model(name), try model(name))
        return (
            teacher, student, average,
            try Distillation(of: teacher, into: student, average: average, steps: steps, settings)
        )
    }

    private func batch(_ seed: UInt64) throws -> Batch {
        try Batch(HostBatch(History.rows, .left, .prefixes), noise: .drawn(Generator(seed: seed)))
    }

    private func train(_ student: any Distillable, _ distillation: Distillation, steps: Int) throws {
        let adam = try Adam(student.denoiserParameters())
        for step in 1...steps {
            try adam.clearGradients()
            let terms = try distillation.terms(batch(UInt64(step)))
            try terms.dropFirst().reduce(terms[0].loss) { try $0 + $1.loss }.backward()
            try adam.step(rate: 1e-2)
            try distillation.updateAverage()
        }
    }

    /// Where a model leads from the same pure noise.
    private func answer(_ model: any Distillable, _ sampler: Sampler) throws -> Tensor {
        try withoutGradients {
            let batch = try batch(77)
            let (clean, condition) = try model.diffusion(of: batch)
            let noise = try Tensor.normal(clean.shape, using: Generator(seed: 5))
            let start = try model.space.projected(condition.mask.map { try noise * $0 } ?? noise)
            return try sampler.sample(
                from: start,
                model.schedule,
                in: model.space,
                noise: { _ in start },
                denoise: { state, step in
                    let steps = try Tensor.full([state.size(0)], Double(step), .int64)
                    return try model.denoise(state, steps: steps, given: condition)
                }
            )
        }
    }

    @Test(
        "the student's few steps come nearer to the teacher's chain; nothing but denoisers changes, and not the teacher's",
        arguments: subjects,
        [1, 2]
    )
    func approaches(_ name: String, _ steps: Int) throws {
        let (teacher, student, average, distillation) = try distill(name, steps: steps) { $0.emaDecay = 0.9 }
        let before = try teacher.parameters().map { try $0.part.value.floats() }
        try train(student, distillation, steps: 20)
        let goal = try answer(teacher, Sampler(.ddim, steps: 10))
        func distance(_ model: any Distillable) throws -> Double {
            try (answer(model, Distillation.sampler(steps: steps)) - goal).square().mean().item()
        }
        let undistilled = try distance(teacher)
        #expect(try distance(student) < 0.6 * undistilled && distance(average) < 0.6 * undistilled)
        #expect(try teacher.parameters().map { try $0.part.value.floats() } == before)
        for model in [student, average] {
            for (parameter, old) in zip(try model.parameters(), before) {
                let isSame = try parameter.part.value.floats() == old
                #expect(isSame != parameter.name.hasPrefix("denoiser."), "\(parameter.name)")
            }
        }
    }

    @Test("each loss alone brings the student nearer", arguments: subjects, [true, false])
    func alone(_ name: String, _ isConsistency: Bool) throws {
        let (teacher, student, _, distillation) = try distill(name, steps: 1) {
            ($0.consistencyLossWeight, $0.regressionLossWeight) = isConsistency ? (1, 0) : (0, 1)
            $0.emaDecay = 0.9
        }
        #expect(try distillation.terms(batch(1)).map(\.name) == [isConsistency ? "consistency" : "regression"])
        try train(student, distillation, steps: 20)
        let goal = try answer(teacher, Sampler(.ddim))
        func distance(_ model: any Distillable) throws -> Double {
            try (answer(model, Sampler(.oneStep)) - goal).square().mean().item()
        }
        #expect(try distance(student) < 0.9 * distance(teacher))
    }

    @Test("a copy of the teacher is consistent between its own steps of DDIM", arguments: subjects)
    func ownSteps(_ name: String) throws {
        let all = try model(name).schedule.steps
        let (_, _, _, distillation) = try distill(name, steps: all)
        for (_, loss) in try distillation.terms(batch(3)) where loss.rank == 0 {
            #expect(try loss.item() < 1e-8)
        }
    }

    @Test("the consistency loss of one step, row by row, by hand")
    func byHand() throws {
        let (teacher, student, average, distillation) = try distill("t2diff", steps: 1) { $0.regressionLossWeight = 0 }
        for (seed, model) in [(1, student), (2, average)] as [(UInt64, any Distillable)] {
            let generator = try Generator(seed: seed)
            for parameter in try model.denoiserParameters() {
                try parameter.part.value.add(.normal(parameter.part.value.shape, deviation: 0.05, using: generator))
            }
        }
        let schedule = teacher.schedule
        let places = try Tensor([0, 1, 2, 3, 4, 5] as [Int64])  // the pairs (1, 0), (2, 1), ... of 6 steps
        let noise = try Tensor.normal([6, 8, 16], using: Generator(seed: 9))
        let fixed = try Batch(
            HostBatch(History.rows, .left, .prefixes),
            noise: .fixed(integers: places, normals: [0: noise])
        )
        let found = try distillation.terms(fixed)[0].loss.item()
        let (clean, condition) = try teacher.diffusion(of: fixed)
        let mask = try #require(condition.mask, "padding is masked")
        var (sum, count) = (0.0, 0.0)
        for row in 0..<6 {
            func part(_ x: Tensor) throws -> Tensor { try x.sliced(0, from: row, to: row + 1) }
            let own = try DiffusionCondition(part(condition.known), mask: part(mask))
            func estimate(_ model: any Distillable, _ state: Tensor, _ step: Int) throws -> Tensor {
                try model.denoise(state, steps: Tensor([Int64(step)]), given: own)
            }
            let bar = schedule.alphaBars[row + 1]
            let state = try part(clean) * bar.squareRoot() + part(noise * mask) * (1 - bar).squareRoot()
            let teachers = try estimate(teacher, state, row + 1)
            let after = schedule.alphaBars[row]
            let implied = try (state - teachers * bar.squareRoot()) / (1 - bar).squareRoot()
            let next = try teachers * after.squareRoot() + implied * (1 - after).squareRoot()
            let goal = row == 0 ? next : try estimate(average, next, row)
            sum += try (estimate(student, state, row + 1) - goal).square().sum().item()
            count += try part(mask).sum().item() * 16
        }
        try expect(found, equals: sum / count)
    }

    @Test("what cannot be distilled is refused")
    func refusals() throws {
        let none = try model("t2diff", ["tower_input": .string("none")])
        #expect(throws: ConfigurationError.self) {
            try Distillation(of: none, into: none, average: none, steps: 1, DistillationSettings())
        }
        for steps in [0, 7] { #expect(throws: ConfigurationError.self) { try distill("t2diff", steps: steps) } }
        for (text, named) in [
            ("epochs", JSONValue.integer(0)), ("consistency_loss_weight", .number(-1)), ("ema_decay", .number(1)),
            ("grid_steps", .integer(-1)), ("max_grad_norm", .number(-1)),
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try DistillationSettings(overriding: .object([text: named]), path: "distillation")
            }
            #expect(try #require(error).description.contains(text))
        }
    }
}
