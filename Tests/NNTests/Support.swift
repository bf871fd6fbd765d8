// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import NN
import Testing
import Torch

/// Relative and absolute error of a few float32 operations in a row.
let single = 1e-5

/// Expects a tensor's elements, in row-major order, to be close to numbers.
func expect(
    _ found: Tensor,
    _ expected: [Double],
    shape: [Int]? = nil,
    within tolerance: Double = single,
    at location: SourceLocation = #_sourceLocation
) throws {
    if let shape { #expect(found.shape == shape, sourceLocation: location) }
    let values = try found.doubles()
    try #require(values.count == expected.count, sourceLocation: location)
    for (index, (value, wanted)) in zip(values, expected).enumerated() where value != wanted {
        let isClose = abs(value - wanted) <= tolerance * max(1, abs(wanted)) || value.isNaN && wanted.isNaN
        guard !isClose else { continue }
        Issue.record("element \(index) is \(value) instead of \(wanted)", sourceLocation: location)
        return
    }
}

/// Expects two tensors to agree in shape and elements.
func expect(
    _ found: Tensor,
    equals expected: Tensor,
    within tolerance: Double = single,
    at location: SourceLocation = #_sourceLocation
) throws {
    try expect(found, expected.doubles(), shape: expected.shape, within: tolerance, at: location)
}

extension Tensor {
    /// The gradient that must be there.
    func requiredGradient() throws -> Tensor { try #require(try gradient()) }
}
