// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeTensorFiles
public import Foundation

extension SafetensorsFile {
    /// A copy of one tensor in host memory.
    ///
    /// - Throws: ``FileError`` when the name is unknown; ``TorchError`` when memory is short.
    public func tensor(_ name: String) throws -> Tensor {
        let entry = try entry(name)
        return try withUnsafeBytes(of: name) { bytes in
            try Tensor(bytes: bytes, dtype: DType(entry.type), shape: entry.shape)
        }
    }
}

extension SafetensorsWriter {
    /// Adds a tensor, copied to the host when the file is written.
    public mutating func add(_ name: String, _ tensor: Tensor) {
        add(name, type: tensor.dtype.scalarType, shape: tensor.shape) { write in
            try tensor.bytes().withUnsafeBytes(write)
        }
    }
}

extension Tensor {
    /// Writes the elements as an `.npy` file.
    public func writeNpy(to url: URL) throws {
        try Npy.write(type: dtype.scalarType, shape: shape, to: url) { write in
            try bytes().withUnsafeBytes(write)
        }
    }
}
