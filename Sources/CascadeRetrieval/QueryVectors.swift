// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The vectors of some users, `[U, Q, D]` float32 in row-major order: `Q` interests of `D` features each.
///
/// A user's score for an item is the largest inner product over that user's interests.
public struct QueryVectors: Sendable {
    /// All values, row by row.
    public let values: [Float]
    /// Number of users `U`; may be 0.
    public let users: Int
    /// Vectors of each user `Q`, at least 1.
    public let interests: Int
    /// Features of a vector `D`, at least 1.
    public let dimension: Int

    /// Takes the vectors of some users.
    ///
    /// - Throws: ``IndexError`` when they do not fill whole users, or when a value is not a number.
    public init(_ values: [Float], interests: Int = 1, dimension: Int) throws(IndexError) {
        guard dimension > 0, interests > 0, values.count % (interests * dimension) == 0 else {
            throw IndexError(
                .badQuery,
                """
                user vectors: found \(values.count) numbers; expected a multiple of \(interests) interests by \
                \(dimension) features. Are they of the model whose items the index holds?
                """
            )
        }
        if let place = values.withUnsafeBufferPointer(\.firstUnusable) {
            throw IndexError(
                .badQuery,
                """
                user vectors: found \(values[place]) in row \(place / dimension); expected numbers of at most \
                \(largestComponent). Did the training diverge?
                """
            )
        }
        self.values = values
        self.interests = interests
        self.dimension = dimension
        users = values.count / (interests * dimension)
    }

    /// One user alone.
    func user(_ number: Int) -> QueryVectors {
        QueryVectors(unchecked: Array(values[range(number)]), interests: interests, dimension: dimension)
    }

    /// Where a user's values lie.
    func range(_ user: Int) -> Range<Int> { user * interests * dimension..<(user + 1) * interests * dimension }

    private init(unchecked values: [Float], interests: Int, dimension: Int) {
        self.values = values
        self.interests = interests
        self.dimension = dimension
        users = values.count / (interests * dimension)
    }
}
