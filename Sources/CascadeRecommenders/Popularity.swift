// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeDatasets
import CascadeNN
import CascadeTensorFiles
public import CascadeTorch
import Foundation

/// Recommends what occurs most often in the training events.
///
/// The floor of every table.
public struct Popularity: FittedRetriever {
    public static let card = ModelCard(
        name: "popularity",
        summary: "the items with the most training events, the same for everybody",
        paper: "a baseline without a paper"
    )
    public static let padding = Padding.right

    public struct Configuration: Settings {
        public init() {}
    }

    public let length = 0
    let counts: Buffer  // [N] float32

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        counts = Buffer(try .zeros([data.items], on: generator.device))
    }

    public func fit(to data: SplitDataset) throws {
        try counts.value.assign(Tensor(data.trainingItemCounts().map(Float.init)))
    }

    public func scores(_ batch: Batch) throws -> Tensor {
        try counts.value.unsqueezed(0).expanded([batch.rows, counts.value.count])
    }
}

/// Recommends what occurred most often lately: every training event counts, half as much with each half-life of age.
public struct RecentPopularity: FittedRetriever {
    public static let card = ModelCard(
        name: "recent-popularity",
        summary: "the items with the most recent training events, old events fading with a half-life",
        paper: "a baseline without a paper"
    )
    public static let padding = Padding.right

    public struct Configuration: Settings {
        /// Age in days, before the last training event, at which an event counts half.
        public var halfLifeDays = 7.0
        public init() {}

        public static var bounds: [Bound<Self>] { [.above(0, \.halfLifeDays)] }
    }

    public let length = 0
    let weights: Buffer  // [N] float32
    let halfLife: Double  // seconds

    public init(_ c: Configuration, for data: DatasetShape, using generator: Generator) throws {
        weights = Buffer(try .zeros([data.items], on: generator.device))
        halfLife = c.halfLifeDays * 86_400
    }

    public func fit(to data: SplitDataset) throws {
        var sums = [Double](repeating: 0, count: data.dataset.itemCount)
        let last = data.lastTrainingTime
        for sequence in data.training {
            for event in sequence.events {
                let age = Double(last - data.dataset.times[event])
                sums[Int(data.dataset.items[event])] += exp2(-age / halfLife)
            }
        }
        try weights.value.assign(Tensor(sums.map(Float.init)))
    }

    public func scores(_ batch: Batch) throws -> Tensor {
        try weights.value.unsqueezed(0).expanded([batch.rows, weights.value.count])
    }
}
