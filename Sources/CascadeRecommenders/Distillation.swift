// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDiffusion
public import CascadeNN
public import CascadeTorch

/// What a denoiser is told besides the state and its step.
public struct DiffusionCondition {
    /// What is known of the user, in the model's own form.
    public let known: Tensor
    /// 1 where a state is real, 0 at padding, broadcasting against states; nil where nothing is padded.
    public let mask: Tensor?

    /// Gathers what is known.
    public init(_ known: Tensor, mask: Tensor? = nil) { (self.known, self.mask) = (known, mask) }
}

/// A retriever whose x0-predicting diffusion can be distilled into one of few steps.
///
/// Its settings have a `sampler`. The states of its diffusion are `[B, ..., D]`.
public protocol Distillable: DiffusionRetriever {
    /// The noise that its denoiser was trained against.
    var schedule: NoiseSchedule { get }
    /// What a distillation changes; by default the parameters below `denoiser`.
    ///
    /// - Throws: ``ConfigurationError`` when the model has no denoiser.
    func denoiserParameters() throws -> [Named<Parameter>]
    /// The clean data of a training batch, zero at padding, and what the denoiser is told.
    func diffusion(of batch: Batch) throws -> (clean: Tensor, condition: DiffusionCondition)
    /// Clean data with the noise of a step for each row; by default the schedule's, projected.
    func noised(_ clean: Tensor, steps: Tensor, noise: Tensor) throws -> Tensor
    /// Where states live; by default Euclidean space.
    var space: StateSpace { get }
    /// The estimate of the clean data, in inference mode: states and int64 `[B]` to the form of states.
    func denoise(_ state: Tensor, steps: Tensor, given condition: DiffusionCondition) throws -> Tensor
}

extension Distillable {
    public static var capabilities: Capabilities<Self> {
        Capabilities(
            catalogScorer: { $0 },
            vectorRetriever: { $0 },
            diffusionRetriever: { $0 },
            distillable: { $0 }
        )
    }

    /// The parameters below `denoiser`.
    public func denoiserParameters() throws -> [Named<Parameter>] {
        let found = try parameters().filter { $0.name.hasPrefix("denoiser.") }
        guard !found.isEmpty else {
            throw ConfigurationError(
                "\(Self.card.name): its settings leave out the diffusion; there is nothing to distill"
            )
        }
        return found
    }

    /// The schedule's noise, projected.
    public func noised(_ clean: Tensor, steps: Tensor, noise: Tensor) throws -> Tensor {
        try space.projected(schedule.noised(clean, steps: steps, noise: noise))
    }

    /// Vectors of any length.
    public var space: StateSpace { .euclidean }
}

/// What can be set about a distillation.
public struct DistillationSettings: Settings, Equatable {
    /// Passes over the training examples.
    public var epochs = 10
    /// Rows per step; 0 takes the run's.
    public var batchSize = 0
    /// Weight of the consistency loss.
    public var consistencyLossWeight = 1.0
    /// Weight of the distance between the student's and the teacher's result from the same pure noise.
    public var regressionLossWeight = 1.0
    /// The states that must agree are as far apart as those of DDIM in so many steps; 0: of all steps.
    public var gridSteps = 0
    /// DDIM steps of the teacher whose result the student is to reach; 0: all.
    public var teacherSteps = 10
    /// Decay of the moving average of the student, which is its own target and what is kept.
    public var emaDecay = 0.99
    /// The learning rate over the steps.
    public var schedule = LearningRateSchedule()
    /// Largest allowed norm of the gradient; 0: any.
    public var maxGradNorm = 1.0
    /// Evaluations without improvement before the distillation stops.
    public var patience = 3
    /// The defaults.
    public init() {}

    /// The learning rate after the warm-up, as ``schedule`` has it.
    public var learningRate: Double {
        get { schedule.learningRate }
        set { schedule.learningRate = newValue }
    }

    public static var bounds: [Bound<Self>] {
        [
            .atLeast(1, \.epochs, \.patience), .atLeast(0, \.batchSize, \.gridSteps, \.teacherSteps),
            .atLeast(0, \.consistencyLossWeight, \.regressionLossWeight, \.maxGradNorm), .unit(\.emaDecay),
        ]
    }

    public static var formerNames: [String: String] {
        [
            "batch": "batchSize", "consistency": "consistencyLossWeight", "regression": "regressionLossWeight",
            "grid": "gridSteps", "chain": "teacherSteps", "averageDecay": "emaDecay", "clip": "maxGradNorm",
        ]
    }

    /// Refuses a distillation without a loss.
    public func validate() throws {
        guard consistencyLossWeight + regressionLossWeight > 0 else {
            throw ConfigurationError(
                "distillation: consistency_loss_weight and regression_loss_weight are both 0; nothing is left to learn from"
            )
        }
    }
}

/// The losses that bring a student of few steps to the answers that its teacher reaches in many.
///
/// With more than one step, the student's steps cut the schedule into parts; within each, all states of one path lead to
/// the same state at the part's end.
///
/// - Source: Song et al. 2023, arXiv:2303.01469, algorithm 2; for several steps Heek et al. 2024, arXiv:2403.06807,
///   section 3.
/// - Deviation: S5, S6.
public struct Distillation {
    private let teacher: any Distillable
    private let student: any Distillable
    private let average: any Distillable
    private let settings: DistillationSettings
    private let grid: Grid
    private let sampler: Sampler
    private let weights: [(average: Tensor, student: Tensor)]

    /// The sampler of a student of that many steps.
    public static func sampler(steps: Int) -> Sampler {
        steps == 1 ? Sampler(.oneStep) : Sampler(.ddim, steps: steps)
    }

    /// Prepares a distillation; all three models have the same weights.
    ///
    /// - Parameters:
    ///   - teacher: Stays as it is.
    ///   - student: What gradients change.
    ///   - average: Follows the student.
    ///   - steps: How many the student is to need.
    ///   - settings: Weights of the losses, and how finely they look.
    /// - Throws: ``ConfigurationError`` when the model has no denoiser, or not that many steps.
    public init(
        of teacher: any Distillable,
        into student: any Distillable,
        average: any Distillable,
        steps: Int,
        _ settings: DistillationSettings
    ) throws {
        guard (1...teacher.schedule.steps).contains(steps) else {
            throw ConfigurationError(
                "--steps: found \(steps), expected 1 to \(teacher.schedule.steps), the steps of the model's schedule"
            )
        }
        (self.teacher, self.student, self.average, self.settings) = (teacher, student, average, settings)
        sampler = Self.sampler(steps: steps)
        grid = Grid(teacher.schedule, student: sampler, size: settings.gridSteps)
        weights = try zip(average.denoiserParameters(), student.denoiserParameters())
            .map { ($0.part.value, $1.part.value) }
    }

    /// The losses of a batch by name, weighted.
    public func terms(_ batch: Batch) throws -> [(name: String, loss: Tensor)] {
        let (clean, condition) = try withoutGradients { try teacher.diffusion(of: batch) }
        func noise(_ stream: Int) throws -> Tensor {
            let drawn = try batch.noise.normal(rows: batch.rows, Array(clean.shape.dropFirst()), stream: stream)
            return if let mask = condition.mask { try drawn * mask } else { drawn }
        }
        func mean(_ squares: Tensor) throws -> Tensor {
            guard let mask = condition.mask else { return try squares.mean() }
            return try (squares * mask).sum() / (mask.expanded(squares.shape).sum())
        }
        var terms: [(name: String, loss: Tensor)] = []
        if settings.consistencyLossWeight > 0 {
            let place = try batch.noise.integers(rows: batch.rows, in: 0..<grid.pairs.count)
            let loss = try mean(consistency(clean, condition, at: place, noise(0)))
            terms.append(("consistency", try loss * settings.consistencyLossWeight))
        }
        if settings.regressionLossWeight > 0 {
            let start = try teacher.space.projected(noise(teacher.schedule.steps + 1))
            let goal = try withoutGradients {
                try chain(teacher, Sampler(.ddim, steps: settings.teacherSteps), from: start, condition)
            }
            let loss = try mean((chain(student, sampler, from: start, condition) - goal).square())
            terms.append(("regression", try loss * settings.regressionLossWeight))
        }
        return terms
    }

    /// Lets the average follow the student.
    public func updateAverage() throws {
        for weight in weights {
            try weight.average.move(towards: weight.student.detached(), by: 1 - settings.emaDecay)
        }
    }

    /// Squared distances, per element, between where the student leads from a noised state and where its average leads
    /// from the state that the teacher makes of it.
    private func consistency(
        _ clean: Tensor,
        _ condition: DiffusionCondition,
        at place: Tensor,
        _ noise: Tensor
    ) throws -> Tensor {
        let shape = [clean.size(0)] + Array(repeating: 1, count: clean.rank - 1)
        func steps(_ key: KeyPath<Grid.Pair, Int>) throws -> Tensor {
            try Tensor(grid.pairs.map { Int64($0[keyPath: key]) }, on: clean.device).rows(place)
        }
        func numbers(_ value: (Grid.Pair) -> Double) throws -> Tensor {
            try Tensor(grid.pairs.map { Float(value($0)) }, on: clean.device).rows(place).reshaped(shape)
        }
        /// The deterministic step of every row, from its state and the estimate there.
        func jump(_ state: Tensor, _ estimate: Tensor, _ share: (Grid.Pair) -> (state: Double, clean: Double)) throws
            -> Tensor
        {
            try teacher.space.moved(state, estimate, (numbers { share($0).state }, numbers { share($0).clean }))
        }
        let (from, to) = (try steps(\.from), try steps(\.to).clamped(from: 1))
        let (state, goal) = try withoutGradients {
            let state = try teacher.noised(clean, steps: from, noise: noise)
            let next = try jump(state, teacher.denoise(state, steps: from, given: condition), \.step)
            return (state, try jump(next, average.denoise(next, steps: to, given: condition), \.fromNext))
        }
        let reached = try jump(state, student.denoise(state, steps: from, given: condition), \.whole)
        return try ((reached - goal) / numbers { teacher.space.weightOfEstimate($0.whole) }).square()
    }

    /// What a model makes of a start.
    private func chain(
        _ model: any Distillable,
        _ sampler: Sampler,
        from start: Tensor,
        _ condition: DiffusionCondition
    ) throws -> Tensor {
        try sampler.sample(
            from: start,
            model.schedule,
            in: model.space,
            noise: { _ in start },  // no deterministic sampler asks for any
            denoise: { state, step in
                let steps = try Tensor.full([state.size(0)], Double(step), .int64, on: state.device)
                return try model.denoise(state, steps: steps, given: condition)
            }
        )
    }

    /// Neighboring steps, and the steps of DDIM between them.
    private struct Grid {
        struct Pair {
            /// The noisier step, and the next.
            let from, to: Int
            /// Weights of state and estimate in the step from one to the other.
            let step: (state: Double, clean: Double)
            /// The same from the noisier one, and from the other, to the end of the student's step.
            let whole, fromNext: (state: Double, clean: Double)
        }
        let pairs: [Pair]

        init(_ schedule: NoiseSchedule, student: Sampler, size: Int) {
            let ends = [0] + student.visited(of: schedule).reversed()
            let all = Set(Sampler(.ddim, steps: size).visited(of: schedule) + ends).sorted()
            pairs = zip(all.dropFirst(), all).map { from, to in
                let end = ends.last { $0 < from } ?? 0
                return Pair(
                    from: from,
                    to: to,
                    step: schedule.jump(from: from, to: to),
                    whole: schedule.jump(from: from, to: end),
                    fromNext: schedule.jump(from: to, to: end)
                )
            }
        }
    }
}
