// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// An item on its way through the funnel.
struct Candidate: Sendable, Equatable {
    var item: ItemID
    /// The last stage's.
    var score: Double
    /// The sources that found it.
    var sources: [String]

    var scored: ScoredItem { ScoredItem(item, score) }
}

/// What one source found.
struct Findings: Sendable {
    var source: String
    var quota: Int
    var items: [ScoredItem]
}

enum Candidates {
    /// One list out of several, each spread evenly over it in proportion to its quota.
    ///
    /// Sources of equal quotas alternate. An item takes its best place, and remembers everybody who found it. The scores of
    /// sources cannot be compared, so a candidate's score is its place: 1 for the first, next to 0 for the last.
    static func merge(_ findings: [Findings]) -> [Candidate] {
        var places: [ItemID: Int] = [:]
        var found: [(candidate: Candidate, place: Double)] = []
        for finding in findings {
            for (rank, item) in finding.items.prefix(finding.quota).enumerated() {
                let place = (Double(rank) + 0.5) / Double(finding.quota)
                if let known = places[item.item] {
                    found[known].candidate.sources.append(finding.source)
                    found[known].place = min(found[known].place, place)
                } else {
                    places[item.item] = found.count
                    found.append((Candidate(item: item.item, score: 0, sources: [finding.source]), place))
                }
            }
        }
        // Ties go to the source that comes first in the configuration: `found` is in that order, and by rank within it.
        let order = found.indices.sorted { (found[$0].place, $0) < (found[$1].place, $1) }
        return order.enumerated().map { place, index in
            var candidate = found[index].candidate
            candidate.score = 1 - Double(place) / Double(order.count)
            return candidate
        }
    }

    /// The candidates by their scores, best first; ties keep their order.
    ///
    /// Items unknown to the model keep the places that they had, and take the score of the item before them: a model that was
    /// trained yesterday must not hide what came today.
    ///
    /// - Returns: nil when the scores are not one finite number for each item.
    static func ranked(_ candidates: [Candidate], by scores: [Double?]) -> [Candidate]? {
        guard scores.count == candidates.count, scores.allSatisfy({ $0?.isFinite ?? true }) else { return nil }
        let known = candidates.indices.compactMap { index in scores[index].map { (index: index, score: $0) } }
            .sorted { ($1.score, $0.index) < ($0.score, $1.index) }
        guard let first = known.first else { return candidates }
        var (rest, score) = (known[...], first.score)
        return candidates.indices.map { place in
            var candidate = candidates[place]
            if scores[place] != nil, let next = rest.popFirst() {
                (candidate, score) = (candidates[next.index], next.score)
            }
            candidate.score = score
            return candidate
        }
    }
}
