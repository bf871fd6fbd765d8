// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The random numbers of resampling, equal on every machine.
///
/// - Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
struct ResamplingGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    mutating func bits() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number in `0..<bound`; the bias of at most `bound / 2^64` is far below what resampling can see.
    mutating func index(below bound: Int) -> Int {
        Int(truncatingIfNeeded: bits().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
