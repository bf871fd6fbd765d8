// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// A document that shares words with a query.
public struct LexicalMatch: Sendable, Equatable {
    /// The document's number, as given when the index was built.
    public let index: Int
    /// BM25 of the document for the query: from 0, higher is better; comparable within one answer only.
    public let score: Double

    /// Pairs a document with its score.
    public init(index: Int, score: Double) {
        self.index = index
        self.score = score
    }
}
