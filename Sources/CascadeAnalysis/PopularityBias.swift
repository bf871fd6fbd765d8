// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining

/// How popular recommended items are, beside what people chose.
enum PopularityBias: RunAnalysis {
    static let card = AnalysisCard(
        name: "popularity",
        summary: "recommendations by popularity decile of the items, beside the events and the targets",
        source: "Cascade",
        needs: "any model",
        options: [.split, .seen]
    )

    static func figure(of runs: [AnalyzedRun], _ options: AnalysisOptions) throws -> Figure {
        var table = Table(
            card.name,
            [
                .init("source"), .init("decile", "1 to 10"), .init("items by training events", "count"),
                .init("items", "count"), .init("share", "of events, targets or slots of lists"),
            ]
        )
        var summary = Table(
            "\(card.name)-summary",
            [
                .init("source"), .init("Gini coefficient", "0 equal, 1 one item"),
                .init("mean training events", "count per recommended item"), .init("coverage", "share of items"),
            ]
        )
        var deciles: Deciles?
        func add(_ name: String, _ statistics: RecommendationStatistics) {
            for group in deciles?.groups ?? [] {
                let (low, high) = (Int(group.range.lowerBound), Int(group.range.upperBound))
                let slots = group.members.reduce(0) { $0 + statistics.recommended[$1] }
                table.add([
                    .text(name), .count(group.number),
                    .text("\(group.number): " + (low == high ? "\(low)" : "\(low)–\(high)")),
                    .count(group.members.count), .number(Double(slots) / Double(max(statistics.slotCount, 1))),
                ])
            }
            summary.add([
                .text(name), .number(statistics.gini), .number(statistics.meanPopularity), .number(statistics.coverage),
            ])
        }
        for run in runs {
            let trained = try run.open()
            let data = trained.data
            if deciles == nil {
                let counts = data.trainingItemCounts()
                deciles = Deciles(counts.map(Double.init))
                var (events, targets) = (
                    RecommendationStatistics(trainingCounts: counts), RecommendationStatistics(trainingCounts: counts)
                )
                for sequence in data.training { events.add(list: sequence.events.map { Int(data.dataset.items[$0]) }) }
                targets.add(list: data.cases(options.part).flatMap { data.dataset.items[$0.targets].map(Int.init) })
                add("training events", events)
                add("\(options.part.rawValue) targets", targets)
            }
            add(run.label, try trained.rank(options).lists)
        }
        return Figure(
            card,
            title: "Popularity of what is recommended",
            caption: """
                Items in deciles of their number of training events, items of equal number together; the share of training \
                events, \(options.part.rawValue) targets and each model's top \(TopKEvaluator.listLength) lists that falls \
                on each.
                """,
            tables: [table, summary],
            panels: [Panel(.bar, of: table, x: "items by training events", y: "share", color: "source")]
        )
    }
}
