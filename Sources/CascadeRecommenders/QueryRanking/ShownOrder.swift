// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
public import CascadeNN
public import CascadeTorch

/// The order in which the list was shown, as a floor: the probability falls, or rises, with the place.
///
/// A logistic regression on the number that the data set records for the place, such as its logarithm, so that its
/// probabilities can be scored too; if asked to, also on whether the person met the candidate before.
public struct ShownOrder: QueryRanker {
    public static let card = ModelCard(
        name: "shown-order",
        summary: "scores by the place in the list that was shown; a floor for data that record it",
        paper: "a logistic regression"
    )

    public struct Configuration: Settings {
        /// The number of an impression that tells its position.
        public var feature = "rank"
        /// Latest events in which it looks whether a candidate occurs; 0: the position alone.
        public var repeats = 0
        /// Weight of the loss on purchases.
        public var purchaseLossWeight = 1.0
        public init() {}

        public static var bounds: [Bound<Self>] {
            [
                .atLeast(0, \.repeats), .atLeast(0, \.purchaseLossWeight),
            ]
        }

        public static var formerNames: [String: String] {
            ["purchases": "purchaseLossWeight"]
        }
    }

    public let length: Int
    public let itemCount: Int
    public let tokenizer = QueryTokenizer()
    public let purchaseWeight: Double
    public let inputs: (shown: Int, contexts: Int)
    let map: Linear
    private let place: Int
    private let readsHistory: Bool

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        guard let place = data.shownFeatures.firstIndex(of: c.feature) else {
            let names = data.shownFeatures.isEmpty ? "none" : data.shownFeatures.joined(separator: ", ")
            throw ConfigurationError(
                "shown-order: needs the place of every shown item as the number '\(c.feature)'; this data set has: \(names)"
            )
        }
        (self.place, itemCount, purchaseWeight) = (place, data.items, c.purchaseLossWeight)
        inputs = (data.shownFeatures.count, data.contextSizes.count)
        (length, readsHistory) = (max(c.repeats, 1), c.repeats > 0)
        map = try Linear(readsHistory ? 2 : 1, 2, using: generator)
    }

    public func predict(_ batch: QueryBatch, _ mode: Mode) throws -> QueryPrediction {
        // A number that a table lists alone does not check who is evaluated.
        guard try batch.candidates.greater(Double(itemCount)).any().item() == 0 else {
            throw TorchError("shown-order", "an item number is above \(itemCount)")
        }
        var numbers = try batch.shown.sliced(2, from: place, to: place + 1)
        if readsHistory {
            let known = try batch.candidates.unsqueezed(2).equal(batch.items.unsqueezed(1)).any(2)
            numbers = try .concatenated([numbers, known.to(.float32).unsqueezed(2)], 2)
        }
        let logits = try map(numbers)
        return QueryPrediction(clicks: try logits.selected(2, 0), purchases: try logits.selected(2, 1))
    }
}
