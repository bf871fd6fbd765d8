// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeTensorFiles
import Foundation

/// The dependence of a target on one behavior of its history, in the simulator `lifelong`.
///
/// A behavior is described by its category and its position, 1 being the event just before the target, and all else of
/// the history is unknown. Then the target also depends on a behavior through what lies between them, and on behaviors
/// that it does not answer; ``LifelongSimulator/relevance(behaviorCategory:position:targetCategory:)`` is the direct part.
///
/// The kernel has two eigenvalues besides that of the constant: 1 for what tells groups apart, and the loyalty for what
/// tells the categories of a group apart. So two correlations for each position say all there is to say:
/// `P(target | behavior) = (1 - g) popularity + (g - s) popularity within the group + s [the same category]`.
public struct LifelongGroundTruth: Sendable {
    /// The simulator.
    public let simulator: LifelongSimulator
    /// The number of events before the target.
    public let historyLength: Int
    private let groupCorrelations: [Double]  // g, by position - 1
    private let sameCorrelations: [Double]  // s, by position - 1

    /// Works out the dependence of the event that has exactly `historyLength` events before it.
    ///
    /// - Parameters:
    ///   - simulator: The simulator.
    ///   - historyLength: The number of events before the target, at least 1.
    /// - Complexity: O(historyLength²).
    public init(_ simulator: LifelongSimulator, historyLength: Int) {
        precondition(historyLength >= 1, "there must be a behavior")
        self.simulator = simulator
        self.historyLength = historyLength
        groupCorrelations = Self.correlations(simulator, historyLength, eigenvalue: 1)
        sameCorrelations = Self.correlations(simulator, historyLength, eigenvalue: LifelongSimulator.loyalty)
    }

    /// The correlation of an eigenfunction of the kernel at the target with that at each position before it.
    ///
    /// Given its history, the expected value at an event is the eigenvalue times the sum of decay times the values before
    /// it. So a value is a sum of uncorrelated surprises, each weighted by the response after so many events; and the
    /// variances of the surprises are those which give every value, being stationary, the variance 1.
    private static func correlations(_ simulator: LifelongSimulator, _ length: Int, eigenvalue: Double) -> [Double] {
        var responses = [1.0]
        for event in 1...length {
            let answers = (1...min(event, simulator.window)).map { simulator.decay($0) * responses[event - $0] }
            responses.append(eigenvalue * answers.reduce(0, +))
        }
        var variances: [Double] = []
        for event in 0...length {
            let explained = (0..<event).reduce(0) { sum, earlier in
                sum + variances[earlier] * responses[event - earlier] * responses[event - earlier]
            }
            variances.append(1 - explained)
        }
        return (1...length).map { position in
            let behavior = length - position
            return (0...behavior).reduce(0) { sum, event in
                sum + variances[event] * responses[length - event] * responses[behavior - event]
            }
        }
    }

    /// How much likelier a target category is when a behavior is known than by popularity.
    private func lift(_ category: Int, _ position: Int, _ target: Int) -> Double {
        let (group, same) = (groupCorrelations[position - 1], sameCorrelations[position - 1])
        guard simulator.group(of: category) == simulator.group(of: target) else { return 1 - group }
        let related = 1 - group + (group - same) / simulator.popularity(ofGroup: simulator.group(of: target))
        return category == target ? related + same / simulator.popularity(of: target) : related
    }

    /// The probability that the behavior at a position is of one category and the target of another, or the same.
    ///
    /// - Parameters:
    ///   - category: The category of the behavior.
    ///   - position: Its position, from 1 to ``historyLength``.
    ///   - target: The category of the target.
    public func jointProbability(behaviorCategory category: Int, position: Int, targetCategory target: Int) -> Double {
        simulator.popularity(of: category) * simulator.popularity(of: target) * lift(category, position, target)
    }

    /// The logarithm of that probability over the one it would have without any dependence, in nats.
    public func pointwiseMutualInformation(
        behaviorCategory category: Int,
        position: Int,
        targetCategory target: Int
    ) -> Double {
        log(lift(category, position, target))
    }

    /// The mutual information between two yes-or-no questions about an example whose candidate is of a known category:
    /// whether the behavior at a position is of a category, and whether the candidate is the true target; in nats.
    ///
    /// - Parameters:
    ///   - category: The category of the behavior.
    ///   - position: Its position, from 1 to ``historyLength``.
    ///   - target: The category of the candidate.
    ///   - negatives: The number of false candidates, drawn by popularity, for each true one; at least 1.
    /// - Source: Zhou et al. 2024, Temporal interest network, WWW, section 3: target-aware correlation by category and
    ///   position; DARE, section 4.3 and appendix E.3, measures learned attention against it.
    public func mutualInformation(
        behaviorCategory category: Int,
        position: Int,
        targetCategory target: Int,
        negatives: Int = 2
    ) -> Double {
        let truth = 1 / Double(1 + negatives)
        let share = simulator.popularity(of: category)  // where the candidate is false
        let shareOfTrue = share * lift(category, position, target)
        let mean = truth * shareOfTrue + (1 - truth) * share
        func divergence(_ value: Double) -> Double {
            term(value, mean) + term(1 - value, 1 - mean)
        }
        return truth * divergence(shareOfTrue) + (1 - truth) * divergence(share)
    }

    /// The mutual information between the category of the behavior at a position and that of the target, in nats.
    public func mutualInformation(position: Int) -> Double {
        var sum = 0.0
        for category in 0..<simulator.categoryCount {
            let group = simulator.group(of: category)
            var inside = 0.0
            for target in stride(from: group, to: simulator.categoryCount, by: simulator.groupCount) {
                inside += simulator.popularity(of: target) * term(lift(category, position, target), 1)
            }
            let outside = 1 - simulator.popularity(ofGroup: group)
            sum +=
                simulator.popularity(of: category) * (inside + outside * term(1 - groupCorrelations[position - 1], 1))
        }
        return sum
    }

    /// `p log(p / q)`, which is 0 where `p` is 0.
    private func term(_ p: Double, _ q: Double) -> Double { p > 0 ? p * log(p / q) : 0 }
}

extension LifelongSimulator {
    /// The best scores of true and false candidates, from which the best possible value of any measure follows.
    ///
    /// For each of the first `users` users the true candidate is the last event and the history all before it; false
    /// candidates are drawn by planted popularity, and may be what the user has met.
    ///
    /// - Parameters:
    ///   - dataset: A data set that this simulator wrote.
    ///   - users: How many users are evaluated at most.
    ///   - negatives: How many false candidates there are for each true one.
    ///   - seed: What the false candidates depend on.
    /// - Returns: One score and one label for each candidate.
    /// - Throws: ``DatasetError`` `.badOption` when an item is not one of this simulator.
    public func idealScores(
        in dataset: Dataset,
        users: Int = 5_000,
        negatives: Int = 2,
        seed: UInt64 = 1
    ) throws -> (scores: [Float], labels: [Bool]) {
        let categoryOfItem = try categories(of: dataset)
        var generator = SplitMix64(seed: seed)
        var (scores, labels): ([Float], [Bool]) = ([], [])
        for user in 0..<min(users, dataset.userCount) {
            let events = dataset.events(of: UserIndex(user)).map { categoryOfItem[Int(dataset.items[$0])] }
            let history = events.dropLast()
            let drawn = (0..<negatives).map { _ in categories.draw(using: &generator) }
            for (place, candidate) in ([events[history.endIndex]] + drawn).enumerated() {
                scores.append(Float(score(history: history, candidate: candidate)))
                labels.append(place == 0)
            }
        }
        return (scores, labels)
    }
}
