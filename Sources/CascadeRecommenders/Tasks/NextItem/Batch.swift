// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeTorch
import Foundation

/// Where a forward pass gets its noise.
public enum Noise {
    /// Training: from a generator that was seeded for this step.
    case drawn(Generator)
    /// Inference: keyed by user, so that nobody's answer depends on who else is in the batch.
    case keyed(Tensor)
    /// Parity with another implementation: what would be drawn is given, normal numbers by stream.
    case fixed(integers: Tensor, normals: [Int: Tensor])

    /// Standard normal numbers `[rows, shape...]`; `stream` tells the draws of one pass apart.
    public func normal(rows: Int, _ shape: [Int], stream: Int) throws(TorchError) -> Tensor {
        switch self {
        case .drawn(let generator): return try .normal([rows] + shape, using: generator)
        case .keyed(let keys): return try .normal(shape, keys: keys, stream: stream)
        case .fixed(_, let normals):
            if let given = normals[stream] { return given }
            return try .zeros([rows] + shape)
        }
    }

    /// 0 with the given probability and else 1, by the size of normal numbers: float32 `[rows, shape...]`.
    public func mask(rows: Int, _ shape: [Int], dropping probability: Double, stream: Int) throws(TorchError) -> Tensor
    {
        try normal(rows: rows, shape, stream: stream).greater(probit(probability)).to(.float32)
    }

    /// Whole numbers `[rows]` from a range; int64.
    public func integers(rows: Int, in range: Range<Int>) throws -> Tensor {
        switch self {
        case .drawn(let generator): try .integers([rows], in: range, using: generator)
        case .fixed(let integers, _): integers
        case .keyed: throw TorchError("integers", "random steps are drawn in training alone")
        }
    }
}

/// The number that a standard normal variable stays below with the given probability, by bisection.
private func probit(_ probability: Double) -> Double {
    var (low, high) = (-10.0, 10.0)
    for _ in 0..<60 {
        let middle = (low + high) / 2
        if 0.5 * erfc(-middle / 2.0.squareRoot()) < probability { low = middle } else { high = middle }
    }
    return low
}

/// One padded batch as tensors.
///
/// Item numbers are dense index + 1; 0 is padding.
public struct Batch {
    /// int32 `[B, L]`.
    public let items: Tensor
    /// Seconds, int64 `[B, L]`; 0 at padding.
    public let times: Tensor
    /// Number of real items in each row, int64 `[B]`.
    public let lengths: Tensor
    /// Where in the flattened `[B * L]` positions (or `[B]` rows) there is something to predict: int64 `[M]`.
    public let positions: Tensor
    /// What is to be predicted there, from 0: int64 `[M]`, each in `0..<N`.
    public let targets: Tensor
    /// Dense user numbers, int64 `[B]`.
    public let users: Tensor
    /// Seconds of the moments that are asked about, int64 `[B]`.
    public let moments: Tensor
    /// Where noise comes from.
    public let noise: Noise

    /// Number of rows, B.
    public var rows: Int { items.size(0) }
    /// Number of columns, L.
    public var length: Int { items.size(1) }

    /// Moves a host batch to a device.
    ///
    /// - Parameters:
    ///   - host: The padded rows.
    ///   - device: Where the tensors go.
    ///   - noise: Made from the dense user numbers when the model draws at inference.
    public init(_ host: HostBatch, on device: Device = .cpu, noise: Noise) throws {
        let shape = [host.rows, host.length]
        items = try Tensor(host.items, shape: shape, on: device)
        times = try Tensor(host.times, shape: shape, on: device)
        lengths = try Tensor(host.lengths.map(Int64.init), on: device)
        users = try Tensor(host.users.map(Int64.init), on: device)
        moments = try Tensor(host.moments, on: device)
        var (positions, targets): ([Int64], [Int64]) = ([], [])
        positions.reserveCapacity(host.targets.count)
        targets.reserveCapacity(host.targets.count)
        for (position, target) in host.targets.enumerated() where target != 0 {
            positions.append(Int64(position))
            targets.append(Int64(target) - 1)
        }
        self.positions = try Tensor(positions, on: device)
        self.targets = try Tensor(targets, on: device)
        self.noise = noise
    }

    /// A batch for inference; row i draws its noise by its user and the seed.
    public init(_ host: HostBatch, on device: Device = .cpu, noiseSeed: UInt64) throws {
        let keys = host.users.map { Int64(bitPattern: SplitMix64.mix(noiseSeed, UInt64(bitPattern: Int64($0)))) }
        try self.init(host, on: device, noise: .keyed(Tensor(keys, on: device)))
    }

    /// The state at each row's last real position, of rows padded on the right: `[B, L, D]` to `[B, D]`.
    func last(of states: Tensor) throws(TorchError) -> Tensor {
        let places = try (lengths - 1).reshaped(-1, 1, 1).expanded([rows, 1, states.size(2)])
        return try states.gathered(1, places).squeezed(1)
    }
}
