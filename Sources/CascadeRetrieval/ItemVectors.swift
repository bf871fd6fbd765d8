// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
public import CascadeTensorFiles

/// The vectors of a catalog, `[N, D]` float32 in row-major order, in memory or in a mapped file.
///
/// Copies share the storage.
public struct ItemVectors: Sendable {
    /// All values, row by row.
    public let values: Column<Float>
    /// Number of items `N`, at least 1.
    public let count: Int
    /// Features of a vector `D`, at least 1.
    public let dimension: Int

    /// Takes the vectors of a catalog.
    ///
    /// - Throws: ``IndexError`` when there are none, when they do not fill whole rows, or when a value is not a number.
    public init(_ values: [Float], dimension: Int) throws(IndexError) {
        try self.init(Column(values), dimension: dimension)
    }

    /// Takes the vectors of a catalog without copying them.
    ///
    /// - Throws: ``IndexError`` when there are none, when they do not fill whole rows, or when a value is not a number.
    public init(_ values: Column<Float>, dimension: Int) throws(IndexError) {
        guard dimension > 0, !values.isEmpty, values.count % dimension == 0, values.count / dimension <= Int(Int32.max)
        else {
            throw IndexError(
                .badVectors,
                """
                item vectors: found \(values.count) numbers for rows of \(dimension); expected whole rows, at least \
                one and at most 2^31 - 1. Does the catalog have items?
                """
            )
        }
        if let place = values.withUnsafeBufferPointer(\.firstUnusable) {
            throw IndexError(
                .badVectors,
                """
                item vectors: found \(values[place]) in the vector of item number \(place / dimension); expected \
                numbers of at most \(largestComponent). Did the training diverge?
                """
            )
        }
        self.values = values
        self.dimension = dimension
        count = values.count / dimension
    }

    /// A fingerprint of the numbers, the same on every machine.
    public var fingerprint: String {
        var fingerprint = Fingerprint()
        values.withUnsafeBufferPointer { fingerprint.add("item_vectors", UnsafeRawBufferPointer($0)) }
        return fingerprint.description
    }

    /// The vectors of some items, in that order.
    public func rows(_ items: some Sequence<Int>) -> [Float] {
        items.flatMap { values[$0 * dimension..<($0 + 1) * dimension] }
    }
}
