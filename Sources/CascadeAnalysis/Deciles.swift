// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTraining

/// Values in up to ten groups of rising size, about as many in each; equal values stay together.
struct Deciles {
    struct Group {
        /// From 1, the lowest values, to 10; a number is missing where many equal values take its place.
        let number: Int
        /// The least and the largest value.
        let range: ClosedRange<Double>
        /// Positions of the values.
        let members: [Int]
    }

    let groups: [Group]

    /// Divides values: the group of one follows from how many are less than it.
    init(_ values: [Double]) {
        let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
        var members: [[Int]] = Array(repeating: [], count: 10)
        var less = 0
        for (place, index) in order.enumerated() {
            if place > 0, values[index] > values[order[place - 1]] { less = place }
            members[10 * less / order.count].append(index)
        }
        groups = members.enumerated().compactMap { number, members in
            guard let first = members.first, let last = members.last else { return nil }
            return Group(number: number + 1, range: values[first]...values[last], members: members)
        }
    }
}

/// Ranking metrics of every run by decile of something that each user has.
struct DecileFigure {
    /// What users are divided by.
    let column: Table.Column
    /// How its values are written in a range.
    let show: (Double) -> String

    func figure(
        _ card: AnalysisCard,
        title: String,
        caption: String,
        of runs: [AnalyzedRun],
        _ options: AnalysisOptions,
        value: ([EvaluationCase], Dataset) throws -> [Double?]
    ) throws -> Figure {
        let metrics = try MetricColumns(options, runs)
        var table = Table(
            card.name,
            [.init("run"), .init("decile", "1 to 10"), .init(column.name, column.unit), .init("users", "count")]
                + metrics.columns
        )
        var kept: [Int] = []
        var deciles: Deciles?
        for run in runs {
            let trained = try run.open()
            if deciles == nil {
                let values = try value(trained.data.cases(options.part), trained.data.dataset)
                kept = values.indices.filter { values[$0] != nil }
                deciles = Deciles(kept.compactMap { values[$0] })
            }
            let ranks = try trained.rank(options).targetRanks
            for group in deciles?.groups ?? [] {
                let (low, high) = (show(group.range.lowerBound), show(group.range.upperBound))
                table.add(
                    [
                        .text(run.label), .count(group.number),
                        .text("\(group.number): " + (low == high ? low : "\(low)–\(high)")),
                        .count(group.members.count),
                    ] + metrics.cells(ranks: TargetRanks(group.members.map { Array(ranks[kept[$0]]) }))
                )
            }
        }
        return Figure(
            card,
            title: title,
            caption: "\(caption) Users with equal values stay together. \(MetricColumns.bandNote)",
            tables: [table],
            panels: metrics.panels(.line, of: table, x: column.name)
        )
    }
}
