// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRetrieval

/// Splits at spaces and nowhere else, so that whatever SQLite might take for syntax reaches it.
let spaced: LexicalIndex.Splitter = { $0.split(separator: " ").map(String.init) }

/// An index in memory of texts numbered by their position.
func lexicalIndex(_ texts: [String]) throws -> LexicalIndex {
    try LexicalIndex(texts.enumerated().map { (index: $0, text: $1) }, words: spaced)
}
