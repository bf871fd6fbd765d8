// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import CascadeDatasets
import CascadeEvaluation
import CascadeSimulation
import CascadeTensorFiles
import Foundation

extension ImportOptions.ErrorPolicy: ExpressibleByArgument {}
extension TimeUnit: ExpressibleByArgument {}
extension ImportFormat: ExpressibleByArgument {}

struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Imports, describes and simulates data sets.",
        subcommands: [Import.self, Describe.self, Simulate.self]
    )

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Turns source files into a data set directory.",
            discussion: "Formats: "
                + ImportFormat.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: "; ") + "."
        )

        @Option(name: .customLong("from"), help: "The source's format.") var format: String
        @Argument(help: "Files, or the folder that holds them.") var paths: [String]
        @Option(name: .customLong("to"), help: "The directory to make.") var target: String
        @Option(help: "The fewest events that a kept user has; by default 5, and 1 for formats with requests.")
        var minUserEvents: Int?
        @Option(help: "The fewest events that a kept item has; by default 5, and 1 for formats with requests.")
        var minItemEvents: Int?
        @Option(help: "Leave out events with a lower value; by default 2 for kuairec, else none.") var minValue: Float?
        @Option(
            help:
                "Keep only these actions, with commas between: \(Action.allCases.map(\.name).joined(separator: ", "))."
        )
        var actions: String?
        @Option(
            help:
                "Leave out events before this time, in seconds since 1970; taobao: 2017-11-25 in China, lastfm-tags: 2005."
        )
        var firstTime: Int64?
        @Option(
            help:
                "Leave out events after this time, in seconds since 1970; taobao: 2017-12-03 in China, lastfm-tags: 2011."
        )
        var lastTime: Int64?
        @Option(help: "Keep only so many users, those whose last event is latest, before the filters above.")
        var latestUsers: Int?
        @Option(help: "fail or skip: what happens at a bad row.") var onError = ImportOptions.ErrorPolicy.fail
        @Option(help: "The name that people see.") var name: String?
        @OptionGroup(title: "How files are written") var writing: WritingOptions
        @OptionGroup(title: "Columns, words and features") var columns: ColumnOptions

        func validate() throws {
            guard minValue?.isFinite ?? true else { throw ValidationError("--min-value must be a finite number") }
            _ = try keptActions()
            guard latestUsers ?? 1 > 0 else { throw ValidationError("--latest-users must be at least 1") }
            guard minUserEvents ?? 0 >= 0, minItemEvents ?? 0 >= 0 else {
                throw ValidationError("--min-user-events and --min-item-events must be at least 0")
            }
        }

        private func options() throws -> ImportOptions {
            var options = ImportOptions()
            options.minUserEvents = minUserEvents
            options.minItemEvents = minItemEvents
            options.minValue = minValue
            options.actions = try keptActions()
            options.firstTime = firstTime
            options.lastTime = lastTime
            options.latestUsers = latestUsers
            options.onError = onError
            writing.apply(to: &options)
            try columns.apply(to: &options)
            return options
        }

        func run() throws {
            let options = try options()
            let report = try TargetDirectory.make(target) { url in
                try importDataset(
                    from: format,
                    paths: paths.map { URL(filePath: $0) },
                    to: url,
                    options: options,
                    name: name
                ) { rows in
                    if Terminal.isInteractive { Terminal.status("\(rows) rows") }
                } remark: { remark in
                    if Terminal.isInteractive { Terminal.status("") }
                    Terminal.error(remark.description)
                }
            }
            if Terminal.isInteractive { Terminal.status("") }
            for reason in report.skippedReasons { Terminal.error("skipped: \(reason.printable)") }
            let data = report.dataset
            let requests = data.requests.map { ", \($0.count) requests" } ?? ""
            Terminal.out(
                "\(target): \(data.userCount) users, \(data.itemCount) items, \(data.eventCount) events\(requests) from "
                    + "\(report.rowsRead) rows (\(report.rowsSkipped) skipped)"
            )
        }

        /// The actions of the option, or nil for all.
        private func keptActions() throws -> [Action]? {
            try actions?.split(separator: ",").map { name in
                if let action = Action(name: name.trimmingCharacters(in: .whitespaces)) { return action }
                let known = Action.allCases.map(\.name).joined(separator: ", ")
                throw ValidationError("--actions: '\(name)' is not an action; expected some of \(known)")
            }
        }
    }

    struct Describe: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "describe",
            abstract: "Prints counts, history lengths, popularity, time range, ties and requests."
        )

        @Argument(help: "The data set's directory.") var data: String
        @Flag(help: "Print one JSON document.") var json = false

        func run() throws {
            let summary = DatasetSummary(try Dataset(at: URL(filePath: data)))
            guard json else { return Terminal.out(summary.text) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            Terminal.out(String(decoding: try encoder.encode(summary), as: UTF8.self))
        }
    }

    struct Simulate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "simulate",
            abstract: "Lets an invented world run and writes its events as a data set directory."
        )

        @Option(help: "The world: \(SimulatedWorld.names.joined(separator: ", ")).") var world: String
        @Option(name: .customLong("to"), help: "The directory to make; with --as, the file.") var target: String
        @Option(name: .customLong("as"), help: "Write a source file instead: taobao, the form of UserBehavior.csv.")
        var form: ImportFormat?
        @Option(help: "Number of users.") var users: Int?
        @Option(help: "Number of items.") var items: Int?
        @Option(help: "Number of categories of items; drift calls them topics, shop has 40.") var categories: Int?
        @Option(help: "Mean number of events per user; shop: before the last request, about.") var meanEvents: Int?
        @Option(help: "Decides every random number.") var seed: UInt64 = 1

        func validate() throws {
            guard form == nil || form == .taobao else { throw ValidationError("--as: expected taobao") }
        }

        func run() throws {
            var world = try SimulatedWorld.named(world)
            if let users { world.users = users }
            if let items { world.items = items }
            if let categories { world.categories = categories }
            if let meanEvents { world.meanEvents = meanEvents }
            world.seed = seed
            guard form == nil else {
                let rows = try TargetDirectory.make(target) { try world.writeUserBehavior(to: $0) }
                return Terminal.out("\(target): \(rows) rows")
            }
            let data = try TargetDirectory.make(target) { try world.write(to: $0) }
            Terminal.out("\(target): \(data.userCount) users, \(data.itemCount) items, \(data.eventCount) events")
            if world.isShop { return Terminal.out(try ShopIdeal.text(data)) }
            guard world.isLifelong else { return }
            let ideal = try LifelongWorld(of: data).idealScores(in: data)
            guard let area = try areaUnderCurve(scores: ideal.scores, labels: ideal.labels) else { return }
            Terminal.out(
                "The best possible AUC of last events against two items each by popularity is "
                    + "\(area.formatted(.number.precision(.fractionLength(4))))."
            )
        }
    }
}
