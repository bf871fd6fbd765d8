// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch
import Foundation
import Testing

/// A named operation on one tensor and what it should give.
struct OperationCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let apply: @Sendable (Tensor) throws -> Tensor
    let expected: [Double]
    let shape: [Int]

    init(
        _ name: String,
        _ shape: [Int],
        _ expected: [Double],
        _ apply: @escaping @Sendable (Tensor) throws -> Tensor
    ) {
        (testDescription, self.shape, self.expected, self.apply) = (name, shape, expected, apply)
    }
}
