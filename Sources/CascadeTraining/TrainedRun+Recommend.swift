// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
import CascadeRecommenders

extension TrainedRun {
    /// Judges candidates as the experiment says, for a ranker.
    public func ctrEvaluator() throws -> CTREvaluator {
        CTREvaluator(
            data,
            experiment.candidates ?? CandidateSettings(),
            categories: try experiment.categories(in: data.dataset),
            on: device
        )
    }

    /// Ranks the catalogue as the experiment says, or with another policy for seen items.
    public func evaluator(seen: SeenPolicy? = nil) -> TopKEvaluator {
        TopKEvaluator(data, seen: seen ?? experiment.seen, on: device)
    }

    /// Diverse lists by the values of an item feature.
    ///
    /// - Throws: ``DatasetError`` when items have no such feature.
    public func diversity(weight: Double, category: String) throws -> Diversity {
        Diversity(weight: weight, categories: ItemCategories(try data.dataset.itemCategories(category)))
    }

    /// What the model recommends to a user after all of that user's events, best first.
    ///
    /// - Parameters:
    ///   - user: Somebody of the data set.
    ///   - count: Length of the list.
    ///   - diversity: Makes a diverse list of the best items, twice as many as are wanted and at least
    ///     ``Diversity/candidateCount``; nil recommends the best as they are.
    /// - Throws: ``DatasetError`` when the user is unknown.
    public func recommend(to user: UserID, count: Int, diversity: Diversity? = nil) throws -> [(
        item: ItemIndex, score: Double
    )] {
        let events = data.dataset.events(of: try data.dataset.userIndex(user))
        let example = EvaluationCase(
            user: try data.dataset.userIndex(user),
            history: events,
            target: events.upperBound - 1
        )
        guard let diversity else { return try evaluator().recommend(model, for: example, count: count) }
        let depth = max(Diversity.candidateCount, 2 * count)
        let candidates = try evaluator().recommend(model, for: example, count: depth)
        return diversity.list(of: candidates.map { ($0.item.rawValue, $0.score) }, count: count)
            .map { (ItemIndex(rawValue: $0.item), $0.score) }
    }
}
