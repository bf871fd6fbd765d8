// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CTorch

/// A multi-dimensional array on a device, with automatic differentiation.
///
/// A value over one reference-counted handle: copies share storage, and only methods whose documentation says "in
/// place" change it. Operations throw ``TorchError`` with the shapes involved. Not `Sendable`: hand tensors over with
/// `sending`, or as host arrays.
public struct Tensor {
    let handle: Handle

    /// Owns one libtorch tensor.
    final class Handle {
        let raw: OpaquePointer
        init(_ raw: OpaquePointer) { self.raw = raw }
        deinit { ct_free(raw) }
    }

    /// Takes ownership of what a C call returned.
    init(_ raw: OpaquePointer?, _ operation: @autoclosure () -> String) throws(TorchError) {
        guard let raw else { throw TorchError.last(operation()) }
        handle = Handle(raw)
    }

    var raw: OpaquePointer { handle.raw }
}

// MARK: - What it is

extension Tensor {
    /// Size of every dimension.
    public var shape: [Int] { (0..<ct_dim(raw)).map { Int(ct_size(raw, $0)) } }
    /// Number of dimensions.
    public var rank: Int { Int(ct_dim(raw)) }
    /// Number of elements.
    public var count: Int { Int(ct_count(raw)) }
    /// Type of the elements.
    public var dtype: DType { DType(rawValue: ct_type(raw)) ?? .float32 }
    /// Where the elements are.
    public var device: Device { Device(code: ct_device(raw)) }
    /// Whether this is a row-sparse gradient.
    public var isSparse: Bool { ct_is_sparse(raw) }
    /// Whether two values share one libtorch tensor.
    public func isSame(as other: Tensor) -> Bool { ct_same(raw, other.raw) }

    /// Size of one dimension; negative numbers count from the end.
    ///
    /// - Precondition: the dimension exists.
    public func size(_ dimension: Int) -> Int {
        let index = dimension < 0 ? dimension + rank : dimension
        precondition(index >= 0 && index < rank, "dimension \(dimension) of a tensor of shape \(shape)")
        return Int(ct_size(raw, Int32(index)))
    }
}

// MARK: - Creation

extension Tensor {
    /// A tensor with a copy of host values, in row-major order.
    ///
    /// - Throws: ``TorchError`` when the number of values is not the product of the shape.
    public init<T: TensorElement>(_ values: [T], shape: [Int]? = nil, on device: Device = .cpu) throws(TorchError) {
        let shape = shape ?? [values.count]
        let expected = shape.reduce(1, *)
        guard expected == values.count else {
            throw TorchError("tensor \(shape)", "needs \(expected) values, found \(values.count)")
        }
        let made: OpaquePointer? = values.withUnsafeBytes { bytes in
            ct_from_data(bytes.baseAddress, T.dtype.rawValue, shape.map(Int64.init), Int32(shape.count))
        }
        let host = try Tensor(made, "tensor \(shape)")
        self = device == .cpu ? host : try host.to(device)
    }

    /// A tensor with a copy of raw bytes in the layout of the type.
    init(bytes: UnsafeRawBufferPointer, dtype: DType, shape: [Int]) throws(TorchError) {
        precondition(bytes.count == shape.reduce(1, *) * dtype.byteCount, "bytes must fill the shape")
        try self.init(
            ct_from_data(bytes.baseAddress, dtype.rawValue, shape.map(Int64.init), Int32(shape.count)),
            "tensor \(shape)"
        )
    }

    /// A tensor without dimensions.
    public static func scalar(_ value: Double, _ dtype: DType = .float32, on device: Device = .cpu) throws(TorchError)
        -> Tensor
    {
        try full([], value, dtype, on: device)
    }

    /// A tensor whose elements are all the same.
    public static func full(
        _ shape: [Int],
        _ value: Double,
        _ dtype: DType = .float32,
        on device: Device = .cpu
    ) throws(TorchError) -> Tensor {
        try Tensor(
            ct_full(shape.map(Int64.init), Int32(shape.count), value, dtype.rawValue, device.code),
            "full(\(shape), \(value))"
        )
    }

    /// A tensor of zeros.
    public static func zeros(_ shape: [Int], _ dtype: DType = .float32, on device: Device = .cpu) throws(TorchError)
        -> Tensor
    {
        try full(shape, 0, dtype, on: device)
    }

    /// A tensor of ones.
    public static func ones(_ shape: [Int], _ dtype: DType = .float32, on device: Device = .cpu) throws(TorchError)
        -> Tensor
    {
        try full(shape, 1, dtype, on: device)
    }

    /// The whole numbers of a range, in order: `[range.count]`.
    public static func range(_ range: Range<Int>, _ dtype: DType = .int64, on device: Device = .cpu) throws(TorchError)
        -> Tensor
    {
        try Tensor(
            ct_arange(Int64(range.lowerBound), Int64(range.upperBound), dtype.rawValue, device.code),
            "range(\(range))"
        )
    }
}

// MARK: - Conversion and host access

extension Tensor {
    /// The same values with another element type.
    public func to(_ dtype: DType) throws(TorchError) -> Tensor {
        self.dtype == dtype ? self : try Tensor(ct_to(raw, dtype.rawValue, ct_device(raw)), "to(\(dtype)) \(shape)")
    }

    /// The same values on another device.
    public func to(_ device: Device) throws(TorchError) -> Tensor {
        self.device == device ? self : try Tensor(ct_to(raw, ct_type(raw), device.code), "to(\(device)) \(shape)")
    }

    /// A tensor with storage of its own.
    public func copy() throws(TorchError) -> Tensor { try Tensor(ct_copy(raw), "copy \(shape)") }

    /// The only element, as a number.
    ///
    /// - Throws: ``TorchError`` when there is not exactly one element.
    public func item() throws(TorchError) -> Double {
        var value = 0.0
        try check(ct_item(raw, &value), "item \(shape)")
        return value
    }

    /// A copy of the elements in row-major order.
    ///
    /// - Throws: ``TorchError`` when the element type is another.
    public func array<T: TensorElement>(_ type: T.Type = T.self) throws(TorchError) -> [T] {
        guard dtype == T.dtype else {
            throw TorchError(
                "array(\(T.self)) of \(shape)",
                "the tensor holds \(dtype); convert it with to(.\(T.dtype))"
            )
        }
        let count = count
        var status: Int32 = 0
        let values = [T](unsafeUninitializedCapacity: count) { buffer, filled in
            status = ct_read(raw, buffer.baseAddress, count * MemoryLayout<T>.stride)
            filled = status == 0 ? count : 0
        }
        try check(status, "array \(shape)")
        return values
    }

    /// The elements as 32-bit floating-point numbers, converted when needed.
    public func floats() throws(TorchError) -> [Float] { try to(.float32).array() }
    /// The elements as 64-bit floating-point numbers, converted when needed.
    public func doubles() throws(TorchError) -> [Double] { try to(.float64).array() }
    /// The elements as whole numbers, converted when needed.
    public func integers() throws(TorchError) -> [Int] { try to(.int64).array(Int64.self).map(Int.init) }

    /// The bytes of the elements in row-major order.
    public func bytes() throws(TorchError) -> [UInt8] {
        let size = count * dtype.byteCount
        var status: Int32 = 0
        let values = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            status = ct_read(raw, buffer.baseAddress, size)
            filled = status == 0 ? size : 0
        }
        try check(status, "bytes \(shape)")
        return values
    }
}

extension Tensor: CustomStringConvertible {
    /// The type, the shape and the device; never the values.
    public var description: String { "Tensor(\(dtype), \(shape), \(device))" }
}
