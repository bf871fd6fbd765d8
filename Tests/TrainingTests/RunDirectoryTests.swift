// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeBenchmarks
import CascadeDatasets
import CascadeEvaluation
import CascadeRecommenders
import CascadeTensorFiles
import CascadeTraining
import Foundation
import TestSupport
import Testing

@Suite("Run directory")
struct RunDirectoryTests {
    let folder: TemporaryFolder
    let data: Dataset
    let run: RunDirectory

    init() throws {
        folder = try TemporaryFolder()
        data = try folder.driftWorld(users: 30)
        run = RunDirectory(folder.file("run"))
    }

    private func trained(_ model: String) throws -> TrainedRun {
        try train(Small.experiment(model, #""epochs": 1, "cuts": 1"#), on: data, to: run.url)
        return try run.open()
    }

    /// The numbers of an NPY file and its header.
    private func npy<T: Scalar>(_ name: String, as type: T.Type) throws -> (header: String, values: [T]) {
        let bytes = [UInt8](try Data(contentsOf: folder.file("export").appendingPathComponent(name)))
        let start = 10 + Int(bytes[8]) + 256 * Int(bytes[9])
        let values = bytes[start...].withUnsafeBytes { buffer in
            stride(from: 0, to: buffer.count, by: MemoryLayout<T>.size).map {
                buffer.loadUnaligned(fromByteOffset: $0, as: T.self)
            }
        }
        return (String(decoding: bytes[10..<start], as: UTF8.self), values)
    }

    @Test("exports what gives the evaluator's ranks", arguments: [Small.sasrec, Small.t2diff])
    func export(model: String) throws {
        let trained = try trained(model)
        let target = folder.file("export")
        try trained.export(to: target, .test, weights: run.weights)
        let (report, result) = try trained.evaluate(.test)
        #expect(
            try String(contentsOf: target.appendingPathComponent("metrics.json"), encoding: .utf8) == report.json()
                + "\n"
        )
        #expect(
            try Data(contentsOf: target.appendingPathComponent("weights.safetensors")) == Data(contentsOf: run.weights)
        )
        let items = try npy("item_vectors.npy", as: Float.self)
        let users = try npy("user_vectors.npy", as: Float.self)
        let (targets, seen) = (
            try npy("targets.npy", as: Int64.self).values, try npy("seen_items.npy", as: Int64.self).values
        )
        let offsets = try npy("seen_offsets.npy", as: Int64.self).values.map(Int.init)
        let (count, width) = (data.itemCount, items.values.count / data.itemCount)
        #expect(items.header.contains("'<f4'") && items.header.contains("(\(count), \(width))"))
        #expect(users.header.contains("(30, 1, \(width))"))
        for user in 0..<30 {
            func score(_ item: Int) -> Double {
                (0..<width).reduce(0) {
                    $0 + Double(users.values[user * width + $1]) * Double(items.values[item * width + $1])
                }
            }
            let left = Set(seen[offsets[user]..<offsets[user + 1]].map(Int.init))
            let target = Int(targets[user])
            let better = (0..<count).count { $0 != target && !left.contains($0) && score($0) >= score(target) }
            #expect(result.ranks[user] == 1 + better)
        }
    }

    @Test("an export is whole or absent, and never replaces anything")
    func exportRefusals() throws {
        let trained = try trained(#"{"name": "popularity"}"#)
        try trained.export(to: folder.file("export"), .validation, weights: run.weights)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("export").path).sorted()
        #expect(
            names == [
                "items.txt", "metrics.json", "scores.npy", "seen_items.npy", "seen_offsets.npy", "targets.npy",
                "users.txt",
                "weights.safetensors",
            ]
        )
        #expect(try npy("scores.npy", as: Float.self).header.contains("(30, \(data.itemCount))"))
        let error = #expect(throws: FileError.self) {
            try trained.export(to: folder.file("export"), .test, weights: run.weights)
        }
        #expect(try #require(error).description.contains("exists already"))
        #expect(throws: (any Error).self) {
            try trained.export(to: folder.file("second"), .test, weights: folder.file("nothing"))
        }
        #expect(
            try Set(FileManager.default.contentsOfDirectory(atPath: folder.url.path)) == ["drift", "run", "export"]
        )
    }

    @Test("reports metrics, intervals and noise draws")
    func report() throws {
        let trained = try trained(Small.t2diff)
        let one = try trained.evaluate(.test)
        #expect(one.report.users == 30 && one.report.items == data.itemCount && one.report.deviations == nil)
        #expect(one.report.metrics["ndcg@10"] == RankingMetrics(ranks: one.result.ranks)["ndcg@10"])
        let interval = try #require(one.report.intervals["recall@20"])
        let recall = try #require(one.report.metrics["recall@20"])
        #expect((interval.lower...interval.upper).contains(recall))
        #expect(try trained.evaluate(.test).report == one.report)
        var options = EvaluationOptions()
        options.draws = 3
        let three = try trained.evaluate(.test, options)
        #expect(three.result.ranks == one.result.ranks && three.report.draws == 3)
        #expect(try #require(three.report.deviations).keys.sorted() == one.report.metrics.keys.sorted())
        let text = try tree(one.report.json())
        #expect(text["split"] == .string("test") && text["protocol"]["kind"] == .string("leave-one-out"))
        options = EvaluationOptions()
        options.seen = .include
        #expect(try trained.evaluate(.test, options).report.seen == .include)
    }

    @Test("opens with another sampler, and not with settings that do not exist")
    func overriding() throws {
        let trained = try trained(Small.t2diff)
        func opened(_ sampler: String) throws -> [Float] {
            let run = try run.open(overriding: { try $0.overriding(.object(["sampler": tree(sampler)])) })
            return try run.recommend(to: data.userID(UserIndex(rawValue: 3)), count: 5).map { Float($0.score) }
        }
        let inOneStep = try trained.recommend(to: data.userID(UserIndex(rawValue: 3)), count: 5).map { Float($0.score) }
        #expect(try opened(#"{"kind": "one-step"}"#) == inOneStep)
        #expect(try opened(#"{"kind": "ddpm"}"#) != inOneStep)
        #expect(throws: ConfigurationError.self) { try opened(#"{"knid": "ddim"}"#) }
        #expect(throws: DatasetError.self) { try trained.recommend(to: "nobody", count: 5) }
    }

    @Test("says what is missing, damaged or not the same")
    func refusals() throws {
        func refusal(_ data: URL? = nil) throws -> String {
            String(describing: try #require(#expect(throws: (any Error).self) { try run.open(data: data) }))
        }
        #expect(try refusal().contains("no run here"))
        _ = try trained(Small.sasrec)
        let other = try folder.driftWorld("other", users: 30, seed: 9)
        #expect(try refusal(other.url).contains("holds other data"))
        let weights = try Data(contentsOf: run.weights)
        try weights.dropLast(10).write(to: run.weights)
        #expect(try refusal().contains(run.weights.path))
        try SafetensorsWriter(metadata: [:]).write(to: run.weights)
        #expect(try refusal().contains("found the checksum"))
        // As a run of before checksums.
        var manifest = try run.manifest()
        let checksums = manifest.checksums
        manifest.checksums = nil
        try run.write(manifest)
        #expect(try refusal().contains("missing"))
        manifest.checksums = checksums
        try run.write(manifest)
        try FileManager.default.removeItem(at: run.weights)
        #expect(try refusal().contains("has not made a checkpoint"))
        try weights.write(to: run.weights)
        let moved = folder.file("moved")
        try FileManager.default.moveItem(at: data.url, to: moved)
        #expect(try refusal().contains("--data"))
        #expect(try run.open(data: moved).evaluate(.test).report.users == 30)
        try Data("{}".utf8).write(to: run.url.appendingPathComponent("manifest.json"))
        #expect(try refusal(moved).contains("damaged"))
    }

    @Test("measures training steps")
    func benchmark() throws {
        let report = try TrainingBenchmark(Small.experiment(Small.sasrec), on: data).run(steps: 4, warmup: 1)
        #expect(report.steps == 4 && report.examples > 0 && report.seconds > 0 && report.examplesPerSecond > 0)
        #expect(Set(report.shares.map(\.part)) == ["forward", "loss", "backward", "optimizer"])
        #expect(report.shares.map(\.share).reduce(0, +) <= 1)
        #expect(throws: ConfigurationError.self) {
            try TrainingBenchmark(Small.experiment(#"{"name": "popularity"}"#), on: data).run(steps: 1)
        }
    }
}
