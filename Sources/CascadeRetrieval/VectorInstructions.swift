// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CIndex

/// Which of the processor's instructions compute inner products in a ``HNSWIndex``.
public enum VectorInstructions: Int, Sendable, Codable, CaseIterable, CustomStringConvertible {
    /// Those that every processor of the architecture has.
    case portable
    /// Eight numbers at once, with fused multiplication and addition (x86-64).
    case avx2
    /// Sixteen numbers at once (x86-64).
    case avx512

    /// The widest that this processor has.
    public static var best: VectorInstructions { Self(rawValue: Int(ci_best_instructions())) ?? .portable }

    /// Those that this processor has.
    public static var available: [VectorInstructions] { allCases.filter { $0.rawValue <= best.rawValue } }

    /// The name, such as `avx2`.
    public var description: String { "\(self == .portable ? "portable" : self == .avx2 ? "avx2" : "avx512")" }
}
