// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TensorFiles
import Testing
import Torch

/// The folder of the whole repository's tests.
let testFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

/// The folder that holds `Package.swift`.
let repository = testFolder.deletingLastPathComponent()

/// Opens a file written by `Fixtures/make_goldens.py`.
func fixture(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(testFolder.appendingPathComponent("Fixtures/\(name).safetensors"))
}

/// Rounding of a few float32 operations in a row.
let rounding = 1e-5

/// Expects two tensors to agree in shape and elements; the tolerance is relative above 1, absolute below.
func expect(
    _ found: Tensor,
    equals expected: Tensor,
    within tolerance: Double = rounding,
    _ name: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    #expect(found.shape == expected.shape, "\(name)", sourceLocation: location)
    try expect(found.doubles(), equal: expected.doubles(), within: tolerance, name, at: location)
}

/// Expects numbers to agree; the tolerance is relative above 1, absolute below.
func expect(
    _ found: [Double],
    equal expected: [Double],
    within tolerance: Double = rounding,
    _ name: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    try #require(found.count == expected.count, "\(name)", sourceLocation: location)
    for (index, (value, wanted)) in zip(found, expected).enumerated() where value != wanted {
        guard !(abs(value - wanted) <= tolerance * max(1, abs(wanted))) else { continue }
        Issue.record("\(name): element \(index) is \(value) instead of \(wanted)", sourceLocation: location)
        return
    }
}

/// Expects a number to be close to another; the tolerance is relative above 1, absolute below.
func expect(
    _ found: Double,
    equals expected: Double,
    within tolerance: Double = rounding,
    _ name: String = "",
    at location: SourceLocation = #_sourceLocation
) throws {
    try expect([found], equal: [expected], within: tolerance, name, at: location)
}

extension Tensor {
    /// The gradient that must be there.
    func requiredGradient() throws -> Tensor { try #require(try gradient()) }

    /// Whether there is neither an infinity nor a value that is no number.
    func isFinite() throws -> Bool { try floats().allSatisfy(\.isFinite) }
}

/// A new, empty folder that is removed with everything in it when the object goes.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("cascade-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}
