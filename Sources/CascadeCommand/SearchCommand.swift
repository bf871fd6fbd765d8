// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
import CascadeRetrieval
import CascadeTensorFiles
import CascadeTraining
import Foundation

struct SearchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Prints what a query-aware ranker puts first for a query, and which past behavior spoke for it.",
        discussion: """
            Candidates are the items that share words with the query (title, features, queries that they were chosen for), filled up \
            with popular ones. Any text is a query, an empty one too.
            """
    )

    @OptionGroup var trained: TrainedRunOptions
    @Option(parsing: .unconditional, help: "The user's id in the imported data; without one, a user without a history.")
    var user: String?
    @Option(parsing: .unconditional, help: "The search text.") var query: String
    @Option(name: .customShort("k"), help: "How many items.") var count = 10
    @Option(help: "How many candidates to score.") var candidates = 300
    @Option(help: "How many past events to print, those that add most first.") var history = 8
    @Flag(help: "Print one JSON document.") var json = false

    func validate() throws {
        guard count > 0, candidates >= count else {
            throw ValidationError(
                "-k and --candidates: found \(count) and \(candidates), expected at least 1 and at least -k"
            )
        }
        guard history >= 0 else { throw ValidationError("--history: found \(history), expected at least 0") }
    }

    private struct Answer: Encodable {
        struct Item: Encodable {
            var item: String
            var title: String
            var click: Double
            var purchase: Double?
            var lexical: Bool
        }

        struct Event: Encodable {
            var item: String
            var title: String
            var action: String
            var time: Int64
            var query: String?
            var contribution: Double
        }

        var user: String?
        var query: String
        var words: [String]
        var model: String
        var candidates: Int
        var found: Int
        var items: [Item]
        var history: [Event]
    }

    func run() throws {
        let answer = try ask(trained.open())
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            return Terminal.out(String(decoding: try encoder.encode(answer), as: UTF8.self))
        }
        let words = answer.words.isEmpty ? "no words" : "the words " + answer.words.joined(separator: ", ")
        Terminal.out(
            "\(words.printable): \(answer.found) of \(answer.candidates) candidates share one, the others are popular"
        )
        var rows = [["", "click", "purchase", "item"]]
        for (place, item) in answer.items.enumerated() {
            let purchase = item.purchase.map { String(format: "%.4f", $0) } ?? "-"
            rows.append(["\(place + 1)", String(format: "%.4f", item.click), purchase, item.title])
        }
        Terminal.out(Terminal.table(rows))
        guard !answer.history.isEmpty else { return }
        Terminal.out("\nwhat the user did, by how much it adds to the interest in this search:")
        rows = [["adds", "action", "item", "asked for"]]
        for event in answer.history {
            rows.append([String(format: "%.3f", event.contribution), event.action, event.title, event.query ?? ""])
        }
        Terminal.out(Terminal.table(rows))
    }

    private func ask(_ run: TrainedRun) throws -> Answer {
        let dataset = run.data.dataset
        let tokenizer = QueryTokenizer()
        let asker = try user.map { try dataset.userIndex(UserID($0)) }
        let documents = LexicalDocuments.splitter
        let index = try LexicalIndex(run.data.itemDocuments(), words: documents)
        let found = try index.search(query, limit: candidates).map { ItemIndex($0.index) }
        let lexical = Set(found)
        let rest = run.data.itemsByPopularity().lazy.filter { !lexical.contains($0) }.prefix(candidates - found.count)
        let answer = try run.search(query, by: asker, among: found + rest)
        let strongest = answer.contributions.sorted { ($1.norm, $0.row) < ($0.norm, $1.row) }.prefix(history)
        return Answer(
            user: user,
            query: query,
            words: tokenizer.words(query),
            model: run.experiment.model.name,
            candidates: answer.items.count,
            found: found.count,
            items: answer.items.prefix(count).map {
                .init(
                    item: dataset.itemID($0.item).rawValue,
                    title: dataset.title($0.item),
                    click: $0.click,
                    purchase: $0.purchase,
                    lexical: lexical.contains($0.item)
                )
            },
            history: strongest.map { contribution in
                let item = ItemIndex(Int(dataset.items[contribution.row]))
                return .init(
                    item: dataset.itemID(item).rawValue,
                    title: dataset.title(item),
                    action: Action(rawValue: dataset.actions[contribution.row])?.name ?? "",
                    time: dataset.times[contribution.row],
                    query: dataset.query(at: contribution.row),
                    contribution: contribution.norm
                )
            }
        )
    }
}

/// How descriptions and queries are cut into words.
enum LexicalDocuments {
    /// Descriptions are longer than queries: this many scalars of them are read.
    static let maximumScalars = 4_096

    static let splitter: LexicalIndex.Splitter = { QueryTokenizer().words($0, reading: maximumScalars) }
}
