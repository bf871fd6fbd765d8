// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CascadeRetrieval
import CascadeTensorFiles
import Foundation

extension BenchCommand {
    struct IndexBench: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "index",
            abstract: "Measures vector indexes against exact search, on synthetic vectors in clusters.",
            discussion: "One thread, one query at a time, recall@100."
        )

        @Option(help: "Number of items.") var items = 100_000
        @Option(help: "Dimension of a vector.") var dimension = 64
        @Option(help: "Mean number of items in a cluster.") var clusterSize = 100
        @Option(help: "Number of queries.") var users = 1000
        @Option(help: "Index kinds: flat, hnsw, ivf, ivf-pq.") var kinds = "flat,hnsw,ivf,ivf-pq"
        @Option(help: "hnsw: links per item (M).") var m = 16
        @Option(help: "hnsw: candidate list size during construction.") var efConstruction = 200
        @Option(help: "hnsw: distances for links: product, euclidean.") var distances = "product,euclidean"
        @Option(help: "hnsw: candidate list sizes of a search.") var efSearch = "100,150,200"
        @Option(help: "ivf, ivf-pq: number of lists; the default depends on the number of items.") var nlist: Int?
        @Option(help: "ivf, ivf-pq: numbers of lists probed by a search.") var nprobe = "4,8,16"
        @Option(help: "Threads for construction.") var threads = 1
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
                    throw ValidationError("--kinds: found '\(name)', expected some of flat, hnsw, ivf, ivf-pq")
                }
                return kind
            }
            settings.distances = try distances.split(separator: ",").map { name in
                guard let distance = HNSWIndex.LinkDistance(rawValue: name.trimmingCharacters(in: .whitespaces)) else {
                    throw ValidationError("--distances: found '\(name)', expected some of product, euclidean")
                }
                return distance
            }
            settings.hnsw.m = m
            settings.hnsw.efConstruction = efConstruction
            settings.hnsw.threads = threads
            settings.efSearch = try numbers(efSearch, "--ef-search")
            settings.nlist = nlist ?? 0
            settings.nprobe = try numbers(nprobe, "--nprobe")
            return settings
        }

        func run() throws {
            let benchmark = try IndexBenchmark(settings())
            let report = try benchmark.run { row in
                if !json { Terminal.error("measured: \(row.kind.rawValue), \(row.setting)") }
            }
            if json {
                return Terminal.out(try jsonText(["rows": report]))
            }
            var rows = [
                ["index", "recall", "users/s", "times flat", "median ms", "p99 ms", "build s", "outside library"]
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
            Terminal.out(String(format: "flat, 64 users at once: %.0f users/s", try benchmark.flatBatchRate()))
            if let quality = report.first?.quality {
                Terminal.out("\(items) items, \(dimension) features, \(quality.machine)")
            }
        }
    }
}
