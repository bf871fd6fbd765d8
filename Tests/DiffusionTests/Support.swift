// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
import TensorFiles
import Testing
import Torch

/// Opens a file written by `Fixtures/make_goldens.py`.
func fixture(_ name: String) throws -> SafetensorsFile {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try SafetensorsFile(tests.appendingPathComponent("Fixtures/\(name).safetensors"))
}

/// Expects two tensors to agree in shape and elements; the tolerance is relative above 1, absolute below.
func expect(
    _ found: Tensor,
    equals expected: Tensor,
    within tolerance: Double = 1e-5,
    at location: SourceLocation = #_sourceLocation
) throws {
    #expect(found.shape == expected.shape, sourceLocation: location)
    try expect(found.doubles(), equal: expected.doubles(), within: tolerance, at: location)
}

/// Expects numbers to agree; the tolerance is relative above 1, absolute below.
func expect(
    _ found: [Double],
    equal expected: [Double],
    within tolerance: Double,
    at location: SourceLocation = #_sourceLocation
) throws {
    try #require(found.count == expected.count, sourceLocation: location)
    for (index, (value, wanted)) in zip(found, expected).enumerated() where value != wanted {
        let isClose = abs(value - wanted) <= tolerance * max(1, abs(wanted)) || value.isNaN && wanted.isNaN
        guard !isClose else { continue }
        Issue.record("element \(index) is \(value) instead of \(wanted)", sourceLocation: location)
        return
    }
}
