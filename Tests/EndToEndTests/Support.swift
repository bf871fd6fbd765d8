// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeSimulation
import Foundation
import TestSupport
import Testing

extension TemporaryFolder {
    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func data(_ name: String) throws -> Data { try Data(contentsOf: url.appendingPathComponent(name)) }

    func names(_ name: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url.appendingPathComponent(name).path).sorted()
    }

    func holds(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: url.appendingPathComponent(name))
        return path(name)
    }

    /// Users whose interests drift between topics; the path of the data set.
    func driftWorld(_ name: String = "data", users: Int = 40, seed: UInt64 = 1) throws -> String {
        var world = try Simulator.named("drift")
        (world.users, world.items, world.seed) = (users, 100, seed)
        _ = try world.write(to: url.appendingPathComponent(name))
        return path(name)
    }
}

/// A process that runs, with what it prints going to files.
final class RunningProcess: Sendable {
    /// How a process ended and what it printed.
    struct Outcome {
        let status: Int32
        let wasKilled: Bool
        let output: String
        let errors: String

        /// The one JSON document that standard output must be.
        func document() throws -> [String: Any] {
            let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
            return try #require(value as? [String: Any])
        }
    }

    private let folder: TemporaryFolder
    private let process: Process
    private let end: AsyncStream<Void>

    /// Starts a program as soon as a processor is free for it.
    ///
    /// One that runs beside others of the same test waits for none and takes none: two such tests would wait for each other
    /// for ever.
    ///
    /// One that will be killed, or whose files will be cut short, must not write to the common coverage profile.
    static func start(
        _ program: URL,
        _ arguments: [String],
        countsForCoverage: Bool = true,
        besideOthers: Bool = false
    ) async throws -> RunningProcess {
        if besideOthers { return try RunningProcess(program, arguments, countsForCoverage) {} }
        await Slots.shared.take()
        do {
            return try RunningProcess(program, arguments, countsForCoverage) { Task { await Slots.shared.give() } }
        } catch {
            await Slots.shared.give()
            throw error
        }
    }

    private init(
        _ program: URL,
        _ arguments: [String],
        _ countsForCoverage: Bool,
        atEnd: @escaping @Sendable () -> Void
    ) throws {
        folder = try TemporaryFolder()
        process = Process()
        process.executableURL = program
        process.arguments = arguments
        // One thread, since several tests run side by side; a commit, so that git is not asked.
        var environment = ProcessInfo.processInfo.environment
            .merging(["OMP_NUM_THREADS": "1", "CASCADE_COMMIT": "tested"]) { $1 }
        if !countsForCoverage { environment["LLVM_PROFILE_FILE"] = folder.path("profile") }
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        _ = (try folder.write("", to: "output"), try folder.write("", to: "errors"))
        process.standardOutput = try FileHandle(forWritingTo: folder.url.appendingPathComponent("output"))
        process.standardError = try FileHandle(forWritingTo: folder.url.appendingPathComponent("errors"))
        let (end, continuation) = AsyncStream<Void>.makeStream()
        self.end = end
        process.terminationHandler = { _ in
            continuation.finish()
            atEnd()
        }
        try process.run()
    }

    deinit { if process.isRunning { send(SIGKILL) } }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Sends a signal as soon as something is so, or after two minutes.
    ///
    /// A thread of its own watches: while all tests start, a task may wait for longer than the process lasts.
    func send(_ signal: Int32, when isSo: @escaping @Sendable () -> Bool) async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [self] in
                let deadline = ContinuousClock.now + .seconds(120)
                while !isSo(), ContinuousClock.now < deadline { usleep(2_000) }
                send(signal)
                continuation.resume()
            }
        }
    }

    /// What it has printed so far, on both streams.
    func printed() throws -> String {
        String(decoding: try folder.data("output") + folder.data("errors"), as: UTF8.self)
    }

    func outcome() async throws -> Outcome {
        for await _ in end {}
        return Outcome(
            status: process.terminationStatus,
            wasKilled: process.terminationReason == .uncaughtSignal,
            output: String(decoding: try folder.data("output"), as: UTF8.self),
            errors: String(decoding: try folder.data("errors"), as: UTF8.self)
        )
    }
}

/// Lets as many processes run at once as there are processors.
private actor Slots {
    static let shared = Slots()
    private var free = max(2, ProcessInfo.processInfo.activeProcessorCount)
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// The `cascade` program that the tests are built with, or that `CASCADE_BINARY` names.
func cascadeProgram() throws -> URL {
    let given = ProcessInfo.processInfo.environment["CASCADE_BINARY"]
    let tests = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let program = given.map { URL(fileURLWithPath: $0) } ?? tests.appendingPathComponent("cascade")
    try #require(
        FileManager.default.isExecutableFile(atPath: program.path),
        "\(program.path) is no program; build the product 'cascade', or set CASCADE_BINARY to its path"
    )
    return program
}

/// Runs `cascade` to its end, which must be the expected one.
@discardableResult
func cascade(
    _ arguments: [String],
    status: Int32 = 0,
    at location: SourceLocation = #_sourceLocation
) async throws -> RunningProcess.Outcome {
    let outcome = try await RunningProcess.start(cascadeProgram(), arguments).outcome()
    #expect(
        outcome.status == status && !outcome.wasKilled,
        "cascade \(arguments.joined(separator: " "))\n\(outcome.output)\(outcome.errors)",
        sourceLocation: location
    )
    return outcome
}

/// Runs Python with numpy: `CASCADE_PYTHON`, or `python3`.
func python(_ arguments: [String]) async throws -> RunningProcess.Outcome {
    let name = ProcessInfo.processInfo.environment["CASCADE_PYTHON"] ?? "python3"
    let env = URL(fileURLWithPath: "/usr/bin/env")
    let check = try await RunningProcess.start(env, [name, "-c", "import numpy"]).outcome()
    try #require(
        check.status == 0,
        "'\(name)' has no numpy: run `pip install numpy`, or `make test`, which installs it, or set CASCADE_PYTHON"
    )
    return try await RunningProcess.start(env, [name] + arguments).outcome()
}

/// A file of `Tests/Fixtures`.
func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/\(name)").path
}

/// Small models with dropout, and settings under which they train in a second or two.
enum Small {
    static let names = ["sasrec", "t2diff"]
    /// Models that only count, with their own settings.
    static let fitted = ["popularity", "item-knn", "ease"]

    static func settings(_ model: String, _ further: String...) -> [String] {
        let common = [
            "threads=1", "batch=32", "cuts=3", "logEvery=1", "epochs=2", "width=8", "length=20", "dropout=0.2",
        ]
        let own = model == "sasrec" ? ["blocks=1", "hidden=16"] : ["session=4", "window=4", "channels=8", "steps=4"]
        return ["--model", model] + (common + own + further).flatMap { ["--set", $0] }
    }

    /// Trains into `run`, which must succeed.
    static func train(_ model: String, on data: String, to run: String) async throws {
        let settings = fitted.contains(model) ? ["--model", model] : settings(model)
        try await cascade(["train"] + settings + ["--data", data, "--to", run])
    }
}
