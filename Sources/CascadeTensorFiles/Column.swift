// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A read-only one-dimensional array that lies in a mapped file or in memory.
///
/// Copies share the storage and keep it alive. Indices run from 0 to `count`.
public struct Column<T: Scalar>: RandomAccessCollection, Sendable {
    // Safe to share: the memory is never written after `init` and lives as long as `storage`.
    @usableFromInline nonisolated(unsafe) let base: UnsafePointer<T>
    @usableFromInline let storage: ColumnStorage
    /// Number of elements.
    public let count: Int

    /// Copies an array into a column.
    public init(_ array: [T]) {
        self = array.withUnsafeBytes { Column(copying: $0) }
    }

    /// Views `count` elements that start at byte `offset` of a file, or copies them where they are not aligned.
    init(_ file: MappedFile, offset: Int, count: Int) {
        self = file.withUnsafeBytes { bytes in
            let view = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count * T.byteCount])
            guard count > 0, let start = view.baseAddress, Int(bitPattern: start) % MemoryLayout<T>.alignment == 0
            else { return Column(copying: view) }
            return Column(
                base: start.assumingMemoryBound(to: T.self),
                storage: ColumnStorage(.mapped(file)),
                count: count
            )
        }
    }

    private init(copying bytes: UnsafeRawBufferPointer) {
        let count = bytes.count / T.byteCount
        let memory = UnsafeMutablePointer<T>.allocate(capacity: count)
        UnsafeMutableRawBufferPointer(start: memory, count: bytes.count).copyMemory(from: bytes)
        self.init(base: UnsafePointer(memory), storage: ColumnStorage(.allocated(memory)), count: count)
    }

    private init(base: UnsafePointer<T>, storage: ColumnStorage, count: Int) {
        self.base = base
        self.storage = storage
        self.count = count
    }

    /// Always 0.
    @inlinable public var startIndex: Int { 0 }
    /// Equal to ``count``.
    @inlinable public var endIndex: Int { count }

    /// The element at `position`, which must lie in `0..<count`.
    @inlinable public subscript(position: Int) -> T {
        precondition(position >= 0 && position < count, "the index lies outside the column")
        return withExtendedLifetime(storage) { base[position] }
    }

    /// Calls `body` with all elements; the pointer is valid only during the call.
    @inlinable public func withUnsafeBufferPointer<R, E: Error>(
        _ body: (UnsafeBufferPointer<T>) throws(E) -> R
    ) throws(E) -> R {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: base, count: count))
    }

    /// Calls `body` with all elements, which always lie one behind the other.
    @inlinable public func withContiguousStorageIfAvailable<R>(
        _ body: (UnsafeBufferPointer<T>) throws -> R
    ) rethrows -> R? {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: base, count: count))
    }
}

/// Keeps a column's memory alive.
@usableFromInline final class ColumnStorage: Sendable {
    enum Memory {
        case mapped(MappedFile)
        case allocated(UnsafeMutableRawPointer)
    }

    // Safe to share: only `deinit` uses it.
    private nonisolated(unsafe) let memory: Memory

    init(_ memory: Memory) { self.memory = memory }

    deinit {
        if case .allocated(let pointer) = memory { pointer.deallocate() }
    }
}

extension Scalar {
    /// Size of one value, in bytes.
    static var byteCount: Int { MemoryLayout<Self>.size }
}
