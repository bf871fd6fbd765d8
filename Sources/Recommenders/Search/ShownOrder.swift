// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import Datasets
public import NN
public import Torch

/// The order in which the list was shown, as a floor: the probability falls, or rises, with the place.
///
/// A logistic regression on the number that the data set records for the place, such as its logarithm, so that its
/// probabilities can be judged too.
public struct ShownOrder: SearchRanker {
    public static let card = ModelCard(
        name: "shown-order",
        summary: "judges by the place in the list that was shown; a floor for data that record it",
        paper: "a logistic regression"
    )

    public struct Configuration: Settings {
        public var feature = "rank"  // the number of a shown item that tells its place
        public var purchases = 1.0
        public init() {}
    }

    public let length = 1
    public let itemCount: Int
    public let tokenizer = QueryTokenizer()
    public let purchaseWeight: Double
    public let inputs: (shown: Int, contexts: Int)
    let map: Linear
    private let place: Int

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        guard let place = data.shownFeatures.firstIndex(of: c.feature) else {
            let names = data.shownFeatures.isEmpty ? "none" : data.shownFeatures.joined(separator: ", ")
            throw ConfigurationError(
                "shown-order: needs the place of every shown item as the number '\(c.feature)'; this data set has: \(names)"
            )
        }
        (self.place, itemCount, purchaseWeight) = (place, data.items, c.purchases)
        inputs = (data.shownFeatures.count, data.contextSizes.count)
        map = try Linear(1, 2, using: generator)
    }

    public func judge(_ batch: SearchBatch, _ mode: Mode) throws -> SearchJudgement {
        // A number that a table lists alone does not check who is judged.
        guard try batch.candidates.greater(Double(itemCount)).any().item() == 0 else {
            throw TorchError("shown-order", "an item number is above \(itemCount)")
        }
        let logits = try map(batch.shown.sliced(2, from: place, to: place + 1))
        return SearchJudgement(clicks: try logits.selected(2, 0), purchases: try logits.selected(2, 1))
    }
}
