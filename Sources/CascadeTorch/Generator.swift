// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

/// A source of random numbers with a state that can be saved.
public final class Generator {
    let raw: OpaquePointer
    /// Where the numbers are made.
    public let device: Device

    /// Creates a generator.
    ///
    /// - Throws: ``TorchError`` when the device does not exist.
    public init(seed: UInt64, on device: Device = .cpu) throws(TorchError) {
        guard let made = ct_generator_make(seed, device.code) else { throw TorchError.last("generator on \(device)") }
        raw = made
        self.device = device
    }

    deinit { ct_generator_free(raw) }

    /// Starts over from a seed.
    public func seed(_ seed: UInt64) throws(TorchError) { try check(ct_generator_seed(raw, seed), "seed(\(seed))") }

    /// The whole state, as uint8 `[bytes]`.
    public func state() throws(TorchError) -> Tensor { try Tensor(ct_generator_state(raw), "generator state") }

    /// Goes back to a saved state.
    public func restore(_ state: Tensor) throws(TorchError) {
        try check(ct_generator_set_state(raw, state.raw), "restore generator \(state.shape)")
    }
}

extension Tensor {
    /// Normal random numbers; float32.
    public static func normal(
        _ shape: [Int],
        mean: Double = 0,
        deviation: Double = 1,
        using generator: Generator
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_normal(
                shape.map(Int64.init),
                Int32(shape.count),
                mean,
                deviation,
                generator.device.code,
                generator.raw
            ),
            "normal(\(shape))"
        )
    }

    /// Random numbers spread evenly from `low` to below `high`; float32.
    public static func uniform(
        _ shape: [Int],
        from low: Double = 0,
        to high: Double = 1,
        using generator: Generator
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_uniform(shape.map(Int64.init), Int32(shape.count), low, high, generator.device.code, generator.raw),
            "uniform(\(shape))"
        )
    }

    /// Whole random numbers from a range; int64.
    public static func integers(_ shape: [Int], in range: Range<Int>, using generator: Generator) throws(TorchError)
        -> Tensor
    {
        try Tensor(
            ct_randint(
                shape.map(Int64.init),
                Int32(shape.count),
                Int64(range.lowerBound),
                Int64(range.upperBound),
                generator.device.code,
                generator.raw
            ),
            "integers(\(shape), \(range))"
        )
    }

    /// The numbers `0..<count` in random order; int64.
    public static func permutation(_ count: Int, using generator: Generator) throws(TorchError) -> Tensor {
        try Tensor(ct_randperm(Int64(count), generator.device.code, generator.raw), "permutation(\(count))")
    }

    /// Draws `count` columns from each row of non-negative weights; int64.
    public func multinomial(_ count: Int, replacement: Bool = true, using generator: Generator) throws(TorchError)
        -> Tensor
    {
        try Tensor(ct_multinomial(raw, Int64(count), replacement, generator.raw), "multinomial(\(shape), \(count))")
    }

    /// Standard normal numbers `[rows, shape...]` whose row i depends on `keys[i]` and `stream` alone; float32.
    ///
    /// The noise of one user is then the same whatever batch the user is in. Counter-based (Philox).
    ///
    /// - Parameters:
    ///   - shape: The shape of one row.
    ///   - keys: int64 `[rows]`.
    ///   - stream: Tells independent draws for the same keys apart, for example the number of a step.
    public static func normal(_ shape: [Int], keys: Tensor, stream: Int) throws(TorchError) -> Tensor {
        try Tensor(
            ct_normal_rows(keys.raw, shape.map(Int64.init), Int32(shape.count), UInt64(bitPattern: Int64(stream))),
            "normal(\(shape), keys \(keys.shape))"
        )
    }
}
