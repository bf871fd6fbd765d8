// Part of Cascade. SPDX-License-Identifier: Apache-2.0

/// Probability that a random positive example has a higher score than a random negative one; ties count half.
///
/// - Parameters:
///   - scores: One score per example, on any scale.
///   - labels: Whether each example is positive.
/// - Returns: From 0 to 1, or `nil` when all examples have the same label.
/// - Throws: ``EvaluationError`` when a score is NaN.
/// - Complexity: O(n log n).
/// - Source: Mann & Whitney 1947; Hanley & McNeil 1982 for the equality with the area under the ROC curve.
public func areaUnderCurve(scores: [Float], labels: [Bool]) throws(EvaluationError) -> Double? {
    precondition(scores.count == labels.count, "every score needs a label")
    try requireNumbers(scores, "auc")
    var examples = Array(zip(scores, labels))
    return areaUnderCurve(&examples[...])
}

/// Area under the curve within each group (a user or a request), averaged over groups.
public struct GroupedAreaUnderCurve: Codable, Sendable, Equatable {
    /// Mean over groups, each counted by its number of examples; `nil` when no group has both labels.
    public let weighted: Double?
    /// Mean over groups, each counted once; `nil` when no group has both labels.
    public let unweighted: Double?
    /// Number of groups with both labels.
    public let groupCount: Int
    /// Number of groups left out because all their examples have the same label.
    public let leftOutCount: Int

    /// Computes the area in every group that has both labels.
    ///
    /// - Parameters:
    ///   - scores: One score per example.
    ///   - labels: Whether each example is positive.
    ///   - groups: The group that each example belongs to, in any order.
    /// - Throws: ``EvaluationError`` when a score is NaN.
    /// - Source: Zhou et al. 2018, "Deep interest network", arXiv:1706.06978, §6.2 (there weighted by impressions).
    public init(scores: [Float], labels: [Bool], groups: [Int]) throws(EvaluationError) {
        precondition(
            scores.count == labels.count && scores.count == groups.count,
            "every score needs a label and a group"
        )
        try requireNumbers(scores, "gauc")
        let order = groups.indices.sorted { (groups[$0], $0) < (groups[$1], $1) }
        var examples = order.map { (scores[$0], labels[$0]) }
        var sums = (weighted: 0.0, size: 0, unweighted: 0.0, groups: 0)
        var leftOut = 0
        var start = 0
        while start < order.count {
            let group = groups[order[start]]
            let end = order[start...].firstIndex { groups[$0] != group } ?? order.count
            if let area = areaUnderCurve(&examples[start..<end]) {
                sums = (
                    sums.weighted + area * Double(end - start), sums.size + end - start, sums.unweighted + area,
                    sums.groups + 1
                )
            } else {
                leftOut += 1
            }
            start = end
        }
        weighted = sums.groups == 0 ? nil : sums.weighted / Double(sums.size)
        unweighted = sums.groups == 0 ? nil : sums.unweighted / Double(sums.groups)
        groupCount = sums.groups
        leftOutCount = leftOut
    }
}

func requireNumbers(_ scores: [Float], _ metric: String) throws(EvaluationError) {
    if let index = scores.firstIndex(where: \.isNaN) { throw .notANumber(metric, at: index) }
}

/// Sorts the examples by score and counts, for every positive one, the negatives below it.
private func areaUnderCurve(_ examples: inout ArraySlice<(Float, Bool)>) -> Double? {
    examples.sort { $0.0 < $1.0 }
    var wins = 0.0
    var positives = 0
    var negatives = 0
    var index = examples.startIndex
    while index < examples.endIndex {
        let score = examples[index].0
        var tied = (positives: 0, negatives: 0)
        while index < examples.endIndex, examples[index].0 == score {
            if examples[index].1 { tied.positives += 1 } else { tied.negatives += 1 }
            index += 1
        }
        wins += Double(tied.positives) * (Double(negatives) + Double(tied.negatives) / 2)
        positives += tied.positives
        negatives += tied.negatives
    }
    guard positives > 0, negatives > 0 else { return nil }
    return wins / (Double(positives) * Double(negatives))
}
