// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
public import CascadeRetrieval
import CascadeTensorFiles
import CascadeTraining
import Foundation

extension IndexKind: ExpressibleByArgument {}
extension GraphIndex.LinkDistance: ExpressibleByArgument {}

struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Builds, describes and searches indexes of item vectors.",
        subcommands: [BuildIndex.self, DescribeIndex.self, SearchIndex.self]
    )

    struct BuildIndex: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build",
            abstract: "Indexes the item vectors of a trained run, and measures the index against exact search."
        )

        @OptionGroup var trained: TrainedRunOptions
        @Option(name: .customLong("to"), help: "A directory to make.") var target: String
        @OptionGroup var options: IndexOptions
        @Option(help: "Users of the validation part to measure with.") var users = 500

        func validate() throws {
            guard users > 0 else { throw ValidationError("--users: found \(users), expected at least 1") }
        }

        func run() throws {
            try TargetDirectory.requireFree(target)
            let run = try trained.open()
            let items = try run.itemVectors()
            let vectors = try ItemVectors(items.values, dimension: items.dimension)
            let recipe = options.recipe(dimension: items.dimension)
            let (own, source) = try questions(run, vectors)
            let dataset = run.data.dataset
            try TargetDirectory.make(target) { folder in
                Terminal.error("building a \(recipe.kind.rawValue) index of \(vectors.count) items")
                let built = try options.settled(recipe, vectors, own).build(vectors)
                let truth = try IndexQuality.Truth(vectors, own, source)
                // What was asked for is taken as it is; otherwise a search is made wide enough.
                let floor = options.ef == nil && options.probes == nil ? IndexText.enough : 0
                let (index, quality) = try IndexTuning.widen(built, until: floor, truth)
                try IndexDirectory.write(
                    index,
                    items: (0..<dataset.itemCount).map { dataset.itemID(ItemIndex(rawValue: $0)) },
                    origin: .init(source: trained.run, model: run.experiment.model.name, commit: Build.commit()),
                    quality: quality,
                    to: folder
                )
            }
            Terminal.out(IndexText.describe(try IndexDirectory.describe(URL(filePath: target))))
            Terminal.out(target)
            if let advice = IndexText.advice(try IndexDirectory.describe(URL(filePath: target))) {
                Terminal.error(advice)
            }
        }

        /// The vectors of validation users; those of items where the split has none.
        private func questions(_ run: TrainedRun, _ items: ItemVectors) throws -> (UserVectors, String) {
            do {
                let found = try run.userVectors(.validation, limit: users)
                let own = try UserVectors(found.values, interests: found.interests, dimension: found.dimension)
                return (own, "validation users")
            } catch let error as DatasetError where error.reason == .noEvaluationCases {
                let step = max(1, items.count / users)
                let rows = items.rows(stride(from: 0, to: items.count, by: step).prefix(users))
                return (try UserVectors(rows, dimension: items.dimension), "items")
            }
        }
    }

    struct DescribeIndex: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "describe",
            abstract: "Says what an index holds, where it comes from, how good and how fast it is."
        )

        @Argument(help: "The index directory.") var index: String
        @Flag(help: "Print one JSON document.") var json = false

        func run() throws {
            let description = try IndexDirectory.describe(URL(filePath: index))
            Terminal.out(try json ? description.json() : IndexText.describe(description))
        }
    }

    struct SearchIndex: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "search",
            abstract: "Prints the items whose vectors have the largest inner products with an item's."
        )

        @Argument(help: "The index directory.") var index: String
        @Option(parsing: .unconditional, help: "The item's id in the imported data.") var item: String
        @Option(name: .customShort("k"), help: "How many items.") var count = 10
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws {
            guard count > 0 else { throw ValidationError("-k: found \(count), expected at least 1") }
        }

        private struct Answer: Encodable {
            struct Item: Encodable {
                var item: String
                var score: Float
            }
            var item: String
            var similar: [Item]
        }

        func run() throws {
            let opened = try IndexDirectory(URL(filePath: index))
            let number = try opened.itemIndex(ItemID(item))
            let others = ItemFilter(excluding: [number], of: opened.index.count)
            let vector = opened.index.vectors.rows([number.rawValue])
            let found = try opened.index.search(vector, limit: count, allowing: others)
            let answer = Answer(
                item: item,
                similar: found.map { .init(item: opened.items[$0.item.rawValue].rawValue, score: $0.score) }
            )
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                return Terminal.out(String(decoding: try encoder.encode(answer), as: UTF8.self))
            }
            for (place, match) in answer.similar.enumerated() {
                Terminal.out(String(format: "%3d  %8.3f  ", place + 1, match.score) + match.item.printable)
            }
        }
    }
}

/// Which index, and its parameters.
struct IndexOptions: ParsableArguments {
    @Option(help: "exact, hnsw, ivf or ivf-pq.") var kind = IndexKind.hnsw
    @Option(help: "hnsw: links of an item.") var m: Int?
    @Option(help: "hnsw: candidates for links.") var efConstruction: Int?
    @Option(help: "hnsw: candidates that a search keeps; by default as many as recall@100 of 0.95 takes.") var ef: Int?
    @Option(help: "hnsw: euclidean or product, what links are drawn by; by default the better one for a sample.")
    var distance: GraphIndex.LinkDistance?
    @Option(help: "ivf, ivf-pq: number of lists.") var lists: Int?
    @Option(help: "ivf, ivf-pq: lists that a search looks into; by default as many as recall@100 of 0.95 takes.")
    var probes: Int?
    @Option(help: "ivf-pq: bytes of an item's code.") var codeBytes: Int?
    @Option(help: "ivf-pq: candidates by code for each wanted item.") var candidates: Int?
    @Option(help: "What is drawn while the index is built.") var seed: UInt64?
    @Option(help: "Threads that build. A graph built by several differs from build to build.") var threads: Int?

    func validate() throws {
        let graph = ["--m": m, "--ef-construction": efConstruction, "--ef": ef]
        let inverted = ["--lists": lists, "--probes": probes]
        let codes = ["--code-bytes": codeBytes, "--candidates": candidates]
        let common = ["--seed": seed.map { Int(clamping: $0) }, "--threads": threads]
        let foreign =
            switch kind {
            case .exact: [graph, inverted, codes, common]
            case .hnsw: [inverted, codes]
            case .ivf: [graph, codes]
            case .ivfPQ: [graph]
            }
        let given = foreign.flatMap { $0 }.filter { $0.value != nil }.map(\.key).sorted()
        guard given.isEmpty else {
            throw ValidationError("\(given.joined(separator: ", ")): has no meaning for --kind \(kind.rawValue)")
        }
        guard distance == nil || kind == .hnsw else {
            throw ValidationError("--distance: has no meaning for --kind \(kind.rawValue)")
        }
        guard codeBytes != 0 else { throw ValidationError("--code-bytes: found 0; take --kind ivf for whole vectors") }
    }

    /// The recipe with what is found out by trial.
    func settled(_ recipe: IndexRecipe, _ items: ItemVectors, _ users: UserVectors) throws -> IndexRecipe {
        guard case .graph(var parameters) = recipe, distance == nil else { return recipe }
        try parameters.chooseDistance(for: items, asking: users)
        return .graph(parameters)
    }

    /// The parameters given, and the defaults for the others.
    func recipe(dimension: Int) -> IndexRecipe {
        switch kind {
        case .exact: return .exact
        case .hnsw:
            var parameters = GraphIndex.Parameters()
            if let m { parameters.links = m }
            if let efConstruction { parameters.constructionBreadth = efConstruction }
            if let ef { parameters.searchBreadth = ef }
            if let distance { parameters.distance = distance }
            if let seed { parameters.seed = seed }
            if let threads { parameters.threads = threads }
            return .graph(parameters)
        case .ivf, .ivfPQ:
            var parameters = kind == .ivf ? .init() : InvertedIndex.Parameters.codes(dimension: dimension)
            if let lists { parameters.lists = lists }
            if let probes { parameters.probes = probes }
            if let codeBytes { parameters.codeBytes = codeBytes }
            if let candidates { parameters.candidates = candidates }
            if let seed { parameters.seed = seed }
            if let threads { parameters.threads = threads }
            return .inverted(parameters)
        }
    }
}

/// Indexes in words.
enum IndexText {
    static func describe(_ index: IndexDescription) -> String {
        var rows = [
            ("kind", index.kind.rawValue), ("items", "\(index.count), \(index.dimension) features each"),
            ("vectors of", "\(index.origin.source) (\(index.origin.model))"),
        ]
        if let graph = index.graph {
            let build = "m \(graph.links), ef-construction \(graph.constructionBreadth), seed \(graph.seed)"
            let threads = graph.threads > 1 ? ", built by \(graph.threads) threads: another build differs" : ""
            let distance = "links by \(graph.distance.rawValue) distance"
            rows.append(("graph", "\(build), \(distance), ef \(graph.searchBreadth)\(threads)"))
        }
        if let lists = index.inverted {
            let codes = lists.codeBytes > 0 ? ", codes of \(lists.codeBytes) bytes, \(lists.candidates) candidates" : ""
            rows.append(("lists", "\(lists.probes) of \(lists.lists) are looked into\(codes)"))
        }
        if let quality = index.quality {
            let interests = quality.interests > 1 ? " with \(quality.interests) vectors each" : ""
            rows.append(("measured with", "\(quality.userCount) \(quality.users)\(interests), one at a time"))
            rows.append(("recall@\(quality.depth)", String(format: "%.4f against exact search", quality.recall)))
            for (name, latency) in [("index", quality.latency), ("exact search", quality.exactLatency)] {
                rows.append((name, milliseconds(latency)))
            }
            rows.append(("machine", quality.machine))
        }
        return rows.map { $0.0.padding(toLength: 16, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }

    /// The recall that an index should have.
    static let enough = 0.95

    /// What to do about an index that finds too little or is of no use.
    static func advice(_ index: IndexDescription) -> String? {
        guard let quality = index.quality, index.kind != .exact else { return nil }
        if quality.recall < enough {
            let options =
                index.kind == .hnsw ? "--ef or --m" : index.kind == .ivf ? "--probes" : "--probes or --candidates"
            return String(
                format: "note: recall@\(quality.depth) is %.3f; more of \(options) finds more",
                quality.recall
            )
        }
        guard quality.latency.median >= quality.exactLatency.median else { return nil }
        return "note: exact search is as fast for these vectors; --kind exact loses nothing"
    }

    private static func milliseconds(_ latency: IndexQuality.Latency) -> String {
        String(format: "%.3f ms median, %.3f ms 99th percentile", latency.median * 1000, latency.percentile99 * 1000)
    }
}
