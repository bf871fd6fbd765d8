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
        abstract: "Imports, describes and simulates datasets.",
        subcommands: [Import.self, Describe.self, Simulate.self]
    )

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Converts source files into a dataset directory.",
            discussion: "Formats: "
                + ImportFormat.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: "; ")
                + "; store (the store of a service, with its requests, impressions and clicks)."
        )

        @Option(name: .customLong("from"), help: "Format of the source.") var format: String
        @Argument(help: "Source files, or their folder.") var paths: [String]
        @Option(name: .customLong("to"), help: "Directory to create.") var target: String
        @Option(help: "Minimum events per user (k-core); default 5, or 1 for formats with requests.")
        var minUserEvents: Int?
        @Option(help: "Minimum events per item (k-core); default 5, or 1 for formats with requests.")
        var minItemEvents: Int?
        @Option(help: "Minimum value of an event; default 2 for kuairec, otherwise none.") var minValue: Float?
        @Option(
            help:
                "Actions to keep, separated by commas: \(Action.allCases.map(\.name).joined(separator: ", ")); default click for kuairand, otherwise all."
        )
        var actions: String?
        @Option(help: "kuairand: scenarios (column tab) to keep, separated by commas; default all.") var tabs: String?
        @Option(
            help:
                "Time of the first event to keep, in seconds since 1970; taobao: 2017-11-25 in China, lastfm-tags: 2005."
        )
        var firstTime: Int64?
        @Option(
            help:
                "Time of the last event to keep, in seconds since 1970; taobao: 2017-12-03 in China, lastfm-tags: 2011."
        )
        var lastTime: Int64?
        @Option(help: "Maximum number of users, those with the latest events; applied before the filters above.")
        var latestUsers: Int?
        @Option(help: "On a bad row: fail or skip.") var onError = ImportOptions.ErrorPolicy.fail
        @Option(help: "Name of the dataset.") var name: String?
        @OptionGroup(title: "Imports from a store") var export: StoreExportOptions
        @OptionGroup(title: "File syntax") var writing: WritingOptions
        @OptionGroup(title: "Columns, actions and features") var columns: ColumnOptions

        func validate() throws {
            guard minValue?.isFinite ?? true else { throw ValidationError("--min-value must be a finite number") }
            _ = try keptActions()
            _ = try keptTabs()
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
            options.tabs = try keptTabs()
            options.firstTime = firstTime
            options.lastTime = lastTime
            options.latestUsers = latestUsers
            options.onError = onError
            writing.apply(to: &options)
            try columns.apply(to: &options)
            return options
        }

        func run() async throws {
            if format == StoreExportOptions.format {
                var usual = ImportOptions()
                (usual.minUserEvents, usual.minItemEvents) = (minUserEvents, minItemEvents)
                guard try options() == usual else {
                    throw ValidationError(
                        "--from store: found options for files, expected only --name, --since, --until, --previous, --requests, "
                            + "--min-user-events and --min-item-events"
                    )
                }
                return try await export.run(paths, to: target, name: name, fewest: (minUserEvents, minItemEvents))
            }
            try export.requireNone(for: format)
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

        /// The scenarios of the option, or nil for all.
        private func keptTabs() throws -> [Int]? {
            try tabs?.split(separator: ",", omittingEmptySubsequences: false).map { text in
                if let tab = Int(text.trimmingCharacters(in: .whitespaces)) { return tab }
                throw ValidationError("--tabs: '\(text)' is not a whole number; expected some such as 1 or 0,1")
            }
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
            abstract: "Prints counts, history lengths, popularity, time range, ties and requests of a dataset."
        )

        @Argument(help: "Dataset directory.") var data: String
        @Flag(help: "Print JSON.") var json = false

        func run() throws {
            let summary = DatasetSummary(try Dataset(at: URL(filePath: data)))
            guard json else { return Terminal.out(summary.text) }
            Terminal.out(try jsonText(summary))
        }
    }

    struct Simulate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "simulate",
            abstract: "Generates a synthetic dataset."
        )

        @Option(help: "Simulator: \(Simulator.names.joined(separator: ", ")).") var simulator: String
        @Option(name: .customLong("to"), help: "Directory to create, or the file with --as.") var target: String
        @Option(name: .customLong("as"), help: "Write a source file instead: taobao, the format of UserBehavior.csv.")
        var form: ImportFormat?
        @Option(help: "Number of users.") var users: Int?
        @Option(help: "Number of items.") var items: Int?
        @Option(help: "Number of item categories (topics of drift); shop has 40.") var categories: Int?
        @Option(help: "Mean events per user; shop: before the last request, approximately.") var meanEvents: Int?
        @Option(help: "Random seed.") var seed: UInt64 = 1

        func validate() throws {
            guard form == nil || form == .taobao else { throw ValidationError("--as: expected taobao") }
        }

        func run() throws {
            var simulator = try Simulator.named(simulator)
            if let users { simulator.users = users }
            if let items { simulator.items = items }
            if let categories { simulator.categories = categories }
            if let meanEvents { simulator.meanEvents = meanEvents }
            simulator.seed = seed
            guard form == nil else {
                let rows = try TargetDirectory.make(target) { try simulator.writeUserBehavior(to: $0) }
                return Terminal.out("\(target): \(rows) rows")
            }
            let data = try TargetDirectory.make(target) { try simulator.write(to: $0) }
            Terminal.out("\(target): \(data.userCount) users, \(data.itemCount) items, \(data.eventCount) events")
            if simulator.isShop { return Terminal.out(try ShopIdeal.text(data)) }
            guard simulator.isLifelong else { return }
            let ideal = try LifelongSimulator(of: data).idealScores(in: data)
            guard let area = try areaUnderCurve(scores: ideal.scores, labels: ideal.labels) else { return }
            Terminal.out(
                "The best possible AUC of last events against two items each by popularity is "
                    + "\(area.formatted(.number.precision(.fractionLength(4))))."
            )
        }
    }
}
