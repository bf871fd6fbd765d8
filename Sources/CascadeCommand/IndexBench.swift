// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeRetrieval
import Foundation

extension BenchCommand {
    struct IndexBench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "index",
            abstract: "Measures vector indexes against exact search, on invented vectors in clusters.",
            discussion: "One thread and one user at a time; recall is that of the first 100 items."
        )

        @Option(help: "Number of items.") var items = 100_000
        @Option(help: "Features of a vector.") var dimension = 64
        @Option(help: "Items of a cluster, on average.") var clusterSize = 100
        @Option(help: "Users that are asked for.") var users = 1000
        @Option(help: "Which indexes: exact, hnsw, ivf, ivf-pq.") var kinds = "exact,hnsw,ivf,ivf-pq"
        @Option(help: "hnsw: links of an item.") var m = 16
        @Option(help: "hnsw: candidates for links.") var efConstruction = 200
        @Option(help: "hnsw: what links are drawn by: product, euclidean.") var distances = "product,euclidean"
        @Option(help: "hnsw: candidates that a search keeps.") var ef = "100,150,200"
        @Option(help: "ivf, ivf-pq: number of lists; chosen by default.") var lists: Int?
        @Option(help: "ivf, ivf-pq: lists that a search looks into.") var probes = "4,8,16"
        @Option(help: "Threads that build.") var threads = 1
        @Flag(help: "Print one JSON document.") var json = false

        func validate() throws { _ = try settings() }

        private func settings() throws -> IndexBenchmark.Settings {
            var settings = IndexBenchmark.Settings()
            guard items > 0, dimension > 0, clusterSize > 0, users > 0 else {
                throw ValidationError("--items, --dimension, --cluster-size and --users: expected at least 1")
            }
            (settings.items, settings.dimension, settings.clusterSize) = (items, dimension, clusterSize)
            settings.users = users
            settings.kinds = try kinds.split(separator: ",").map { name in
                guard let kind = IndexKind(rawValue: name.trimmingCharacters(in: .whitespaces)) else {
                    throw ValidationError("--kinds: found '\(name)', expected some of exact, hnsw, ivf, ivf-pq")
                }
                return kind
            }
            settings.distances = try distances.split(separator: ",").map { name in
                guard let distance = GraphIndex.LinkDistance(rawValue: name.trimmingCharacters(in: .whitespaces)) else {
                    throw ValidationError("--distances: found '\(name)', expected some of product, euclidean")
                }
                return distance
            }
            settings.graph.links = m
            settings.graph.constructionBreadth = efConstruction
            settings.graph.threads = threads
            settings.breadths = try numbers(ef, "--ef")
            settings.lists = lists ?? 0
            settings.probes = try numbers(probes, "--probes")
            return settings
        }

        func run() throws {
            let benchmark = try IndexBenchmark(settings())
            let report = try benchmark.run { row in
                if !json { Terminal.error("measured: \(row.kind.rawValue), \(row.setting)") }
            }
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                return Terminal.out(String(decoding: try encoder.encode(["rows": report]), as: UTF8.self))
            }
            var rows = [
                ["index", "recall", "users/s", "times exact", "median ms", "p99 ms", "build s", "outside library"]
            ]
            for row in report {
                let quality = row.quality
                rows.append([
                    "\(row.kind.rawValue), \(row.setting)", String(format: "%.4f", quality.recall),
                    String(format: "%.0f", quality.latency.perSecond),
                    String(format: "%.1f", quality.latency.perSecond / quality.exactLatency.perSecond),
                    String(format: "%.3f", quality.latency.median * 1000),
                    String(format: "%.3f", quality.latency.percentile99 * 1000), String(format: "%.1f", row.build),
                    row.overhead.map { String(format: "%.1f %%", $0 * 100) } ?? "",
                ])
            }
            Terminal.out(Terminal.table(rows))
            Terminal.out(String(format: "exact, 64 users at once: %.0f users/s", try benchmark.exactBatchRate()))
            if let quality = report.first?.quality {
                Terminal.out("\(items) items, \(dimension) features, \(quality.machine)")
            }
        }
    }
}
