// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A small, fast random generator whose whole state is one number; the same sequence on every machine.
///
/// Not for secrets.
///
/// - Source: Steele, Lea and Flood 2014, Fast Splittable Pseudorandom Number Generators, OOPSLA, figure 16.
public struct SplitMix64: RandomNumberGenerator, Sendable, Equatable {
    /// The state: what to save in order to continue the sequence later.
    public private(set) var state: UInt64

    /// Starts the sequence of `seed`.
    public init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.finalize(state)
    }

    /// Makes one seed of several numbers, such as a run's seed, a purpose and an epoch; their order matters.
    public static func mix(_ parts: UInt64...) -> UInt64 {
        parts.reduce(UInt64(parts.count)) { finalize(($0 ^ $1) &+ 0x9E37_79B9_7F4A_7C15) }
    }

    /// Spreads every bit of a number over all 64; distinct numbers stay distinct.
    static func finalize(_ number: UInt64) -> UInt64 {
        var z = number
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
