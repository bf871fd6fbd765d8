// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeRecommenders
import CascadeSimulation
import CascadeTorch
import CascadeTraining
import Foundation

/// How much a behavior at a distance, of the candidate's category or of another, tells about the click: mutual
/// information in nats.
///
/// In the world `lifelong` it is the planted truth, category by category. Elsewhere it is counted over the candidates of
/// training requests, for two kinds of behavior: of the candidate's own category, and not.
///
/// - Source: DARE, section 4.3 and appendix E.3.
struct BehaviorRelevance {
    /// Where the numbers come from.
    let source: String
    private let planted: (truth: LifelongGroundTruth, categoryOf: [Int])?
    private let counted: [Double]  // of the own category, by distance - 1
    private let categories: [Int32]

    /// Works out the relevance of the distances that a model reads.
    ///
    /// - Throws: ``ConfigurationError`` when items have no categories.
    init(_ run: TrainedRun, _ model: any LifelongRanker) throws {
        let dataset = run.data.dataset
        categories = try run.ctrEvaluator().itemCategories
        guard !categories.isEmpty else {
            throw ConfigurationError("\(dataset.url.path): items have no categories, which this analysis needs")
        }
        if let world = try? LifelongSimulator(of: dataset) {
            let longest = run.data.cases(.test).map(\.history.count).max() ?? model.length
            planted = (
                LifelongGroundTruth(world, historyLength: max(longest, model.length)), try world.categories(of: dataset)
            )
            (counted, source) = ([], "the planted truth")
            return
        }
        planted = nil
        source = "counted over the training requests: whether the behavior is of the candidate's category"
        var seen = [[Double]](repeating: [0, 0, 0, 0], count: model.length)  // by distance: label * 2 + same
        for host in try run.ctrEvaluator().trainingRequests(model, seed: run.manifest.seed) {
            let length = host.history.length
            for row in 0..<host.history.rows {
                for column in 0..<host.width {
                    let candidate = Int(host.candidates[row * host.width + column]) - 1
                    let label = host.labels[row * host.width + column] > 0 ? 2 : 0
                    for place in 0..<Int(host.history.lengths[row]) {
                        let item = Int(host.history.items[(row + 1) * length - 1 - place]) - 1
                        seen[place][label + (categories[item] == categories[candidate] ? 1 : 0)] += 1
                    }
                }
            }
        }
        counted = seen.map(mutualInformation)
    }

    /// Whether an item is of a candidate's category, both as numbers from 1.
    func isSame(_ item: Int, _ candidate: Int) -> Bool { categories[item - 1] == categories[candidate - 1] }

    /// The relevance of an item at a distance, from 1, to a candidate; items are numbers from 1.
    func callAsFunction(_ item: Int, distance: Int, candidate: Int) -> Double {
        guard let planted else { return isSame(item, candidate) ? counted[distance - 1] : 0 }
        return planted.truth.mutualInformation(
            behaviorCategory: planted.categoryOf[item - 1],
            position: distance,
            targetCategory: planted.categoryOf[candidate - 1]
        )
    }
}

/// Mutual information of two yes-or-no variables from the counts 00, 01, 10, 11, in nats.
func mutualInformation(_ counts: [Double]) -> Double {
    let total = counts.reduce(0, +)
    guard total > 0 else { return 0 }
    var sum = 0.0
    for a in 0..<2 {
        for b in 0..<2 {
            let joint = counts[2 * a + b] / total
            let left = (counts[2 * a] + counts[2 * a + 1]) / total
            let right = (counts[b] + counts[2 + b]) / total
            if joint > 0 { sum += joint * log(joint / (left * right)) }
        }
    }
    return max(sum, 0)
}
