// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeNN
import CascadeRecommenders
import CascadeTorch
import CascadeTraining
import Foundation
import TestSupport
import Testing

/// Runs that the version before 0.2 left; `Tests/Fixtures/before-0.2/make.sh` made them.
@Suite("What the version before 0.2 wrote", .serialized)
struct EarlierVersionTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/before-0.2")
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        Runtime.setThreads(1)
    }

    private func fixture(_ path: String) -> URL { Self.fixtures.appending(path: path) }

    /// Whether this processor rounds sums as the one did that made the fixtures: of one maker, with registers of one width.
    ///
    /// Elsewhere scores are equal but for their last digits, and a training that goes on from them leads elsewhere.
    private static let isAlike: Bool = {
        let facts = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let vendor =
            facts.contains("AuthenticAMD") ? "AuthenticAMD" : facts.contains("GenuineIntel") ? "GenuineIntel" : ""
        let width = facts.contains("avx512f") ? "avx512f" : facts.contains("avx2") ? "avx2" : "none"
        let made = try? String(contentsOf: fixtures.appending(path: "processor.txt"), encoding: .utf8)
        let isForced = ["ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA"]
            .contains { ProcessInfo.processInfo.environment[$0] != nil }
        return !isForced && made?.trimmingCharacters(in: .whitespacesAndNewlines) == "\(vendor) \(width)"
    }()

    private func expectEqual(_ found: URL, _ expected: URL) throws {
        let (found, expected) = (try Data(contentsOf: found), try Data(contentsOf: expected))
        let start = 10 + Int(expected[8]) + Int(expected[9]) << 8  // where numbers begin in a file of numpy
        #expect(found.prefix(start) == expected.prefix(start))
        guard !Self.isAlike, String(decoding: expected.prefix(start), as: UTF8.self).contains("f4") else {
            #expect(found == expected)
            return
        }
        func numbers(_ data: Data) -> [Float] {
            data.dropFirst(start).withUnsafeBytes { bytes in
                (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
            }
        }
        for (a, b) in zip(numbers(found), numbers(expected)) { #expect(abs(a - b) <= 1e-4 * max(1, abs(b))) }
    }

    @Test(
        "a run of each task is loaded, and its scores are the same to the bit",
        arguments: [("sasrec", "drift"), ("t2diff", "drift"), ("din", "lifelong"), ("qin", "shop")]
    )
    func scores(_ model: String, _ data: String) throws {
        let run = RunDirectory(fixture("runs/\(model)"))
        let trained = try run.open(data: fixture("data/\(data)"))
        try trained.export(to: folder.file("export"), .test, weights: run.weights)
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture("exports/\(model)").path)
        #expect(names.contains { $0.hasSuffix("scores.npy") || $0 == "user_vectors.npy" })
        for name in names.sorted() {
            try expectEqual(folder.file("export/\(name)"), fixture("exports/\(model)/\(name)"))
        }
    }

    @Test(
        "a run that was cut short goes on to the weights of the run that was not",
        arguments: [("sasrec", "drift"), ("din", "lifelong")]
    )
    func resumes(_ model: String, _ data: String) throws {
        let copy = folder.file("cut")
        try FileManager.default.copyItem(at: fixture("runs/\(model)-cut"), to: copy)
        let cut = try RunDirectory(copy).manifest()
        #expect(cut.status == .interrupted && cut.step == 3)
        var options = TrainingOptions()
        (options.seed, options.resume, options.commit) = (cut.seed, true, cut.commit)
        let manifest = try Trainer(
            cut.experiment,
            on: Dataset(at: fixture("data/\(data)")),
            to: copy,
            options
        ).train()
        let whole = RunDirectory(fixture("runs/\(model)"))
        let expected = try whole.manifest()
        #expect(manifest.status == .finished && manifest.step == expected.step)
        guard Self.isAlike else { return }
        #expect(manifest.bestStep == expected.bestStep && manifest.validation == expected.validation)
        #expect(try Data(contentsOf: RunDirectory(copy).weights) == Data(contentsOf: whole.weights))
    }

    @Test("a manifest's settings have the names of now")
    func manifests() throws {
        let experiment = try RunDirectory(fixture("runs/sasrec")).manifest().experiment
        let settings = experiment.training
        #expect(settings.batchSize == 8 && settings.emaDecay == 0.9 && settings.maxGradNorm == 1)
        #expect(settings.schedule.lrSchedule == .cosine && settings.schedule.lrDecaySteps == 20)
        #expect(settings.learningRate == 0.01 && settings.schedule.warmupSteps == 2)
        #expect(settings.optimizer.kind == .adam && settings.optimizer.weightDecay == 0.01)
        #expect(settings.loss.kind == .crossEntropy && settings.loss.temperature == 0.5)
    }
}
