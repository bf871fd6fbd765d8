// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import CascadeDatasets
import CascadeRecommenders
public import CascadeRetrieval
import CascadeTensorFiles
import CascadeTraining
import Foundation

extension IndexKind: ExpressibleByArgument {}
extension HNSWIndex.LinkDistance: ExpressibleByArgument {}

struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Builds, describes and searches indexes of item vectors.",
        subcommands: [BuildIndex.self, DescribeIndex.self, SearchIndex.self]
    )

    struct BuildIndex: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "build",
            abstract: "Indexes the item vectors of a trained run and measures recall and latency against exact search."
        )

        @OptionGroup var trained: TrainedRunOptions
        @Option(name: .customLong("to"), help: "Directory to create.") var target: String
        @OptionGroup var options: IndexOptions
        @Option(help: "Number of validation users for the measurement.") var users = 500

        func validate() throws {
            guard users > 0 else { throw ValidationError("--users: found \(users), expected at least 1") }
        }

        func run() throws {
            try TargetDirectory.requireFree(target)
            let run = try trained.open()
            let items = try run.itemVectors()
            let vectors = try ItemVectors(items.values, dimension: items.dimension)
            let recipe = options.recipe(dimension: items.dimension)
            let (own, source) = try queries(run, vectors)
            let dataset = run.data.dataset
            try TargetDirectory.make(target) { folder in
                Terminal.error("building a \(recipe.kind.rawValue) index of \(vectors.count) items")
                let built = try options.settled(recipe, vectors, own).build(vectors)
                let truth = try IndexQuality.Truth(vectors, own, source)
                // A given efSearch or nprobe is kept; otherwise it grows until the recall is enough.
                let floor = options.efSearch == nil && options.nprobe == nil ? IndexText.enough : 0
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
        private func queries(_ run: TrainedRun, _ items: ItemVectors) throws -> (QueryVectors, String) {
            do {
                let found = try run.userVectors(.validation, limit: users)
                let own = try QueryVectors(found.values, interests: found.interests, dimension: found.dimension)
                return (own, "validation users")
            } catch let error as DatasetError where error.reason == .noEvaluationCases {
                let step = max(1, items.count / users)
                let rows = items.rows(stride(from: 0, to: items.count, by: step).prefix(users))
                return (try QueryVectors(rows, dimension: items.dimension), "items")
            }
        }
    }

    struct DescribeIndex: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "describe",
            abstract: "Prints the kind, parameters, origin, recall and latency of an index."
        )

        @Argument(help: "Index directory.") var index: String
        @Flag(help: "Print one JSON document.") var json = false

        func run() throws {
            let description = try IndexDirectory.describe(URL(filePath: index))
            Terminal.out(try json ? description.json() : IndexText.describe(description))
        }
    }

    struct SearchIndex: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "search",
            abstract: "Prints the items most similar to an item, by inner product."
        )

        @Argument(help: "Index directory.") var index: String
        @Option(parsing: .unconditional, help: "Item id, as imported.") var item: String
        @Option(name: .customShort("k"), help: "Number of items.") var count = 10
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws {
            guard count > 0 else { throw ValidationError("-k: found \(count), expected at least 1") }
        }

        private struct Response: Encodable {
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
            let response = Response(
                item: item,
                similar: found.map { .init(item: opened.items[$0.item.rawValue].rawValue, score: $0.score) }
            )
            if json {
                return Terminal.out(try jsonText(response))
            }
            for (place, match) in response.similar.enumerated() {
                Terminal.out(String(format: "%3d  %8.3f  ", place + 1, match.score) + match.item.printable)
            }
        }
    }
}

/// Which index, and its parameters.
struct IndexOptions: ParsableArguments {
    @Option(help: "flat, hnsw, ivf or ivf-pq.") var kind = IndexKind.hnsw
    @Option(help: "hnsw: links per item (M).") var m: Int?
    @Option(help: "hnsw: candidate list size during construction.") var efConstruction: Int?
    @Option(help: "hnsw: candidate list size of a search; the default grows until recall@100 is 0.95.")
    var efSearch: Int?
    @Option(help: "hnsw: distance for links, euclidean or product; the default is the better one on a sample.")
    var distance: HNSWIndex.LinkDistance?
    @Option(help: "ivf, ivf-pq: number of lists.") var nlist: Int?
    @Option(help: "ivf, ivf-pq: lists probed by a search; the default grows until recall@100 is 0.95.")
    var nprobe: Int?
    @Option(help: "ivf-pq: bytes per code (product quantization).") var pqBytes: Int?
    @Option(help: "ivf-pq: candidates to re-score per result.") var candidates: Int?
    @Option(help: "Random seed for index construction.") var seed: UInt64?
    @Option(help: "Threads for construction; an hnsw index built by several threads differs from build to build.")
    var threads: Int?

    func validate() throws {
        let graph = ["--m": m, "--ef-construction": efConstruction, "--ef-search": efSearch]
        let lists = ["--nlist": nlist, "--nprobe": nprobe]
        let codes = ["--pq-bytes": pqBytes, "--candidates": candidates]
        let common = ["--seed": seed.map { Int(clamping: $0) }, "--threads": threads]
        let foreign =
            switch kind {
            case .flat: [graph, lists, codes, common]
            case .hnsw: [lists, codes]
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
        guard pqBytes != 0 else { throw ValidationError("--pq-bytes: found 0; use --kind ivf for whole vectors") }
    }

    /// The recipe with what is found out by trial.
    func settled(_ recipe: IndexRecipe, _ items: ItemVectors, _ users: QueryVectors) throws -> IndexRecipe {
        guard case .hnsw(var parameters) = recipe, distance == nil else { return recipe }
        try parameters.chooseDistance(for: items, asking: users)
        return .hnsw(parameters)
    }

    /// The parameters given, and the defaults for the others.
    func recipe(dimension: Int) -> IndexRecipe {
        switch kind {
        case .flat: return .flat
        case .hnsw:
            var parameters = HNSWIndex.Parameters()
            if let m { parameters.m = m }
            if let efConstruction { parameters.efConstruction = efConstruction }
            if let efSearch { parameters.efSearch = efSearch }
            if let distance { parameters.distance = distance }
            if let seed { parameters.seed = seed }
            if let threads { parameters.threads = threads }
            return .hnsw(parameters)
        case .ivf, .ivfPQ:
            var parameters = kind == .ivf ? .init() : IVFIndex.Parameters.codes(dimension: dimension)
            if let nlist { parameters.nlist = nlist }
            if let nprobe { parameters.nprobe = nprobe }
            if let pqBytes { parameters.pqBytes = pqBytes }
            if let candidates { parameters.candidates = candidates }
            if let seed { parameters.seed = seed }
            if let threads { parameters.threads = threads }
            return .ivf(parameters)
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
        if let hnsw = index.hnsw {
            let build = "M \(hnsw.m), efConstruction \(hnsw.efConstruction), efSearch \(hnsw.efSearch)"
            let threads = hnsw.threads > 1 ? ", built by \(hnsw.threads) threads: another build differs" : ""
            let distance = "links by \(hnsw.distance.rawValue) distance"
            rows.append(("parameters", "\(build), \(distance), seed \(hnsw.seed)\(threads)"))
        }
        if let ivf = index.ivf {
            let codes = ivf.pqBytes > 0 ? ", \(ivf.pqBytes) bytes per code, \(ivf.candidates) candidates" : ""
            rows.append(("parameters", "nlist \(ivf.nlist), nprobe \(ivf.nprobe)\(codes)"))
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
        guard let quality = index.quality, index.kind != .flat else { return nil }
        if quality.recall < enough {
            let options =
                index.kind == .hnsw
                ? "--ef-search or --m" : index.kind == .ivf ? "--nprobe" : "--nprobe or --candidates"
            return String(
                format: "note: recall@\(quality.depth) is %.3f; a larger \(options) raises it",
                quality.recall
            )
        }
        guard quality.latency.median >= quality.exactLatency.median else { return nil }
        return "note: exact search is as fast for these vectors; --kind flat loses nothing"
    }

    private static func milliseconds(_ latency: IndexQuality.Latency) -> String {
        String(format: "%.3f ms median, %.3f ms 99th percentile", latency.median * 1000, latency.percentile99 * 1000)
    }
}
