// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTorch

/// An exponential moving average of a model's weights, which is often better than the weights themselves.
///
/// - Source: Polyak & Juditsky 1992; the form used in Ho et al. 2020, arXiv:2006.11239, appendix B.
public final class MovingAverage {
    private let parameters: [Named<Parameter>]
    private let averages: [Tensor]
    private let decay: Double
    /// How many updates were made.
    public private(set) var updates = 0

    /// Starts from the present weights.
    ///
    /// - Parameters:
    ///   - parameters: What to average.
    ///   - decay: Share of the old average that stays in each update, in `0..<1`.
    public init(_ parameters: [Named<Parameter>], decay: Double) throws(TorchError) {
        self.parameters = parameters
        self.decay = decay
        var copies: [Tensor] = []
        for parameter in parameters { copies.append(try parameter.part.value.detached().copy()) }
        averages = copies
    }

    /// Starts again from the present weights.
    public func reset() throws(TorchError) {
        updates = 0
        for (parameter, average) in zip(parameters, averages) { try average.assign(parameter.part.value.detached()) }
    }

    /// Takes the present weights in; early updates use a shorter memory, `(1 + n) / (10 + n)`.
    public func update() throws(TorchError) {
        updates += 1
        let keep = min(decay, Double(1 + updates) / Double(10 + updates))
        for (parameter, average) in zip(parameters, averages) {
            try average.move(towards: parameter.part.value.detached(), by: 1 - keep)
        }
    }

    /// Runs a closure with the averages in place of the weights, and puts the weights back.
    public func withAverages<R>(_ body: () throws -> R) throws -> R {
        try exchange()
        let result: R
        do { result = try body() } catch {
            try exchange()
            throw error
        }
        try exchange()
        return result
    }

    /// The averages under `average.<parameter>`, for a checkpoint.
    public func state() -> [Named<Tensor>] {
        zip(parameters, averages).map { Named(name: "average.\($0.name)", part: $1) }
    }

    /// Says how many updates a restored state has behind it; the tensors of ``state()`` are assigned in place.
    public func restore(updates: Int) { self.updates = updates }

    private func exchange() throws(TorchError) {
        for (parameter, average) in zip(parameters, averages) {
            let weight = try parameter.part.value.detached().copy()
            try parameter.part.value.assign(average)
            try average.assign(weight)
        }
    }
}
