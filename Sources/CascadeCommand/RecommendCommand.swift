// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation

struct RecommendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recommend",
        abstract: "Prints what a model recommends to one user, after all of that user's events."
    )

    @OptionGroup var trained: TrainedRunOptions
    @Option(parsing: .unconditional, help: "The user's id in the imported data.") var user: String
    @Option(name: .customShort("k"), help: "How many items.") var count = 10
    @Option(help: "How many of the latest events to print.") var history = 5
    @OptionGroup var variety: DiversityOptions
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard count > 0 else { throw ValidationError("-k: found \(count), expected at least 1") }
        guard history >= 0 else { throw ValidationError("--history: found \(history), expected at least 0") }
    }

    private struct Answer: Encodable {
        struct Item: Encodable {
            var item: String
            var title: String
            var score: Double?
            var categories: [String]?  // where lists are diversified
        }
        var user: String
        var model: String
        var history: [Item]
        var recommendations: [Item]
    }

    func run() throws {
        let run = try trained.open()
        let dataset = run.data.dataset
        let id = UserID(user)
        let diversity = try variety.pair.map { try run.diversity(weight: $0.weight, category: $0.category) }
        let categories = variety.pair.flatMap { dataset.itemFeature($0.category) }
        func item(_ index: ItemIndex, _ score: Double? = nil) -> Answer.Item {
            .init(
                item: dataset.itemID(index).rawValue,
                title: dataset.title(index),
                score: score,
                categories: categories?.values(of: index.rawValue)
            )
        }
        let events = dataset.events(of: try dataset.userIndex(id)).suffix(history)
        let answer = Answer(
            user: user,
            model: run.experiment.model.name,
            history: events.reversed().map { item(ItemIndex(rawValue: Int(dataset.items[$0]))) },
            recommendations: try run.recommend(to: id, count: count, diversity: diversity)
                .map { item($0.item, $0.score) }
        )
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Terminal.out(String(decoding: try encoder.encode(answer), as: UTF8.self))
        }
        Terminal.out("user \(user.printable), latest first:")
        for event in answer.history { Terminal.out("    \(event.title.printable)") }
        Terminal.out("\(answer.model) recommends:")
        for (place, event) in answer.recommendations.enumerated() {
            let score = String(format: "%8.3f", event.score ?? 0)
            let categories = event.categories.map { "  [\($0.joined(separator: ", ").printable)]" } ?? ""
            Terminal.out(String(format: "%3d  ", place + 1) + "\(score)  \(event.title.printable)\(categories)")
        }
    }
}
