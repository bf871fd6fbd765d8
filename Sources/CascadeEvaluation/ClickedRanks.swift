// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// The ranks of the clicked candidates within their requests.
///
/// A rank is 1 + the number of other candidates of the request whose score is at least as high, so ties count against the
/// model; ties between clicked candidates do too.
struct ClickedRanks {
    /// By request, of its clicked candidates, rising; none where nothing was clicked.
    let ranks: [[Int]]

    /// Ranks the candidates of every request.
    ///
    /// - Parameters:
    ///   - scores: One score per candidate, none NaN.
    ///   - labels: Whether it was clicked.
    ///   - requests: The request of each candidate, in any order.
    ///   - count: The number of requests.
    /// - Complexity: O(n log n).
    init(_ scores: [Float], _ labels: [Bool], requests: [Int], count: Int) {
        let order = scores.indices.sorted { (requests[$0], scores[$1]) < (requests[$1], scores[$0]) }
        var ranks = [[Int]](repeating: [], count: count)
        var (first, start) = (0, 0)  // of the request, of equal scores within it
        while start < order.count {
            let (request, score) = (requests[order[start]], scores[order[start]])
            if requests[order[first]] != request { first = start }
            var (end, clicked) = (start, 0)
            while end < order.count, requests[order[end]] == request, scores[order[end]] == score {
                clicked += labels[order[end]] ? 1 : 0
                end += 1
            }
            if clicked > 0 { ranks[request].append(contentsOf: repeatElement(end - first, count: clicked)) }
            start = end
        }
        self.ranks = ranks
    }

    /// By request: the reciprocal rank of the first clicked candidate; nil where nothing was clicked.
    var reciprocalRanks: [Double?] { ranks.map { $0.first.map { 1 / Double($0) } } }

    /// By request: the discounted gain of the clicked candidates, over that of as many at the top; nil where nothing was
    /// chosen.
    ///
    /// - Source: Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", with gains of 0 and 1.
    func normalizedGains(at cutoff: Int) -> [Double?] {
        let metric = RankingMetric(.ndcg, at: cutoff)
        func gain(_ ranks: some Sequence<Int>) -> Double { ranks.reduce(0) { $0 + metric.value(rank: $1) } }
        return ranks.map { $0.isEmpty ? nil : gain($0) / gain(1...$0.count) }
    }
}

/// The mean of the values that there are; nil without any.
func meanOfKnown(_ values: [Double?]) -> Double? {
    let known = values.compactMap { $0 }
    return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
}

/// One term for each of R values, C of which are known, so that the mean of the terms is `mean`, that of the known ones.
///
/// The term of a known value `v` is `mean + (v - mean) R / C`, of any other `mean`: so their variance over R is that of a
/// mean of C values. Where all are known, a term is the value itself.
func spreadOverAll(_ values: [Double?], _ mean: Double) -> [Double] {
    let known = values.compactMap { $0 }
    guard known.count < values.count else { return known }
    let weight = Double(values.count) / Double(known.count)
    return values.map { value in value.map { mean + ($0 - mean) * weight } ?? mean }
}
