// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

extension TemporaryFolder {
    func file(_ name: String, holding bytes: [UInt8]) throws -> URL {
        let url = file(name)
        try Data(bytes).write(to: url)
        return url
    }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
}

/// Reproducible random numbers for generated test inputs (SplitMix64).
struct TestGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
