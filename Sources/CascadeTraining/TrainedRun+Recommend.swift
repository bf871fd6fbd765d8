// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeEvaluation
public import CascadeRecommenders

extension TrainedRun {
    /// The model as one that scores the whole catalog, and the evaluator that ranks with it.
    ///
    /// - Throws: ``ConfigurationError`` when it does not score the catalog.
    private func catalogScorer() throws -> (any CatalogScorer, TopKEvaluator) {
        guard let scorer = model.catalogScorer else {
            throw ConfigurationError(
                "\(experiment.model.name): does not score the catalog; models that do: "
                    + experiment.models.names(with: .catalogScores)
            )
        }
        return (scorer, TopKEvaluator(data, seen: experiment.seen, on: device))
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
        let (scorer, evaluator) = try catalogScorer()
        guard let diversity else { return try evaluator.recommend(scorer, for: example, count: count) }
        let depth = max(Diversity.candidateCount, 2 * count)
        let candidates = try evaluator.recommend(scorer, for: example, count: depth)
        return diversity.list(of: candidates.map { ($0.item.rawValue, $0.score) }, count: count)
            .map { (ItemIndex(rawValue: $0.item), $0.score) }
    }

    /// Scores the candidates of requests with a model for click-through rates.
    ///
    /// - Throws: ``ConfigurationError`` when it is none.
    public func ctrEvaluator() throws -> CTREvaluator {
        guard let model = model.ctrRanker else {
            throw ConfigurationError(
                "\(experiment.model.name): is no CTR model; those are: \(experiment.models.names(with: .clickThroughRate))"
            )
        }
        return model.task(in: task.context).evaluator
    }

    /// Scores the candidates of search requests with a model that reads queries.
    ///
    /// - Throws: ``ConfigurationError`` when it reads none.
    public func queryEvaluator() throws -> (evaluator: QueryEvaluator, model: any QueryRanker) {
        guard let model = model.queryRanker else {
            throw ConfigurationError(
                "\(experiment.model.name): reads no query; models that do: \(experiment.models.names(with: .queries))"
            )
        }
        return (model.task(in: task.context).evaluator, model)
    }
}
