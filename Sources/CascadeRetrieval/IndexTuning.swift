// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Widens the searches of an index until they find enough.
public enum IndexTuning {
    /// Doubles what a search looks at (a graph's breadth, the lists that are looked into) until the recall is reached.
    ///
    /// Ends sooner where nothing is left to widen: at all lists, at a breadth of 6,400, and for an exact index at once.
    ///
    /// - Parameters:
    ///   - index: Where to begin; the index itself is not built anew.
    ///   - recall: Share of the truth that is enough.
    ///   - truth: The exact answers.
    /// - Returns: The index with its widened search, and what was measured of it.
    /// - Throws: ``IndexError`` when the truth is not that of the index's vectors.
    public static func widen(
        _ index: any VectorIndex,
        until recall: Double,
        _ truth: IndexQuality.Truth
    ) throws -> (index: any VectorIndex, quality: IndexQuality) {
        var (index, quality) = (index, try truth.measure(index))
        while quality.recall < recall, let wider = try wider(index) {
            (index, quality) = (wider, try truth.measure(wider))
        }
        return (index, quality)
    }

    private static func wider(_ index: any VectorIndex) throws -> (any VectorIndex)? {
        if let graph = index as? HNSWIndex, graph.parameters.efSearch < 6400 {
            return try graph.searching(efSearch: min(6400, 2 * graph.parameters.efSearch))
        }
        if let lists = index as? IVFIndex, lists.parameters.nprobe < lists.parameters.nlist {
            return try lists.searching(nprobe: min(lists.parameters.nlist, 2 * lists.parameters.nprobe))
        }
        return nil
    }
}
