// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
public import CascadeTorch
import Foundation
import TestSupport
public import Testing

/// Rounding of a few float32 operations in a row: sums of up to a hundred products of about one, half a unit each.
public let rounding = 1e-5

/// Opens a file written by `Fixtures/make_goldens.py`.
public func fixture(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(Repository.fixtures.appendingPathComponent("\(name).safetensors"))
}

/// Expects a tensor's elements, in row-major order, to be close to numbers.
public func expect(
    _ found: Tensor,
    _ expected: [Double],
    shape: [Int]? = nil,
    within tolerance: Double = rounding,
    at location: SourceLocation = #_sourceLocation
) throws {
    if let shape { #expect(found.shape == shape, sourceLocation: location) }
    try expect(found.doubles(), equal: expected, within: tolerance, at: location)
}

/// Expects two tensors to agree in shape and elements.
public func expect(
    _ found: Tensor,
    equals expected: Tensor,
    within tolerance: Double = rounding,
    _ name: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    #expect(found.shape == expected.shape, "\(name)", sourceLocation: location)
    try expect(found.doubles(), equal: expected.doubles(), within: tolerance, name, at: location)
}

/// Expects a number to be close to another.
public func expect(
    _ found: Double,
    equals expected: Double,
    within tolerance: Double = rounding,
    _ name: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    try expect([found], equal: [expected], within: tolerance, name, at: location)
}

/// Expects numbers to agree.
///
/// The tolerance is relative above 1, absolute below; what is no number agrees with its like.
public func expect(
    _ found: [Double],
    equal expected: [Double],
    within tolerance: Double = rounding,
    _ name: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    try #require(found.count == expected.count, "\(name)", sourceLocation: location)
    if let pass = Rounding.pass {
        pass.add(RoundingPass.Comparison(found: found, expected: expected, name: name, location: location))
        return
    }
    for (index, (value, wanted)) in zip(found, expected).enumerated() where value != wanted {
        let isClose = abs(value - wanted) <= tolerance * max(1, abs(wanted)) || value.isNaN && wanted.isNaN
        guard !isClose else { continue }
        Issue.record("\(name): element \(index) is \(value) instead of \(wanted)", sourceLocation: location)
        return
    }
}

extension Tensor {
    /// The gradient that must be there.
    public func requiredGradient() throws -> Tensor { try #require(try gradient()) }
}
