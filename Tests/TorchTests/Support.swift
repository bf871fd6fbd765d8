// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Foundation
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

/// A new, empty folder that is removed with everything in it when the object goes.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("cascade-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}
