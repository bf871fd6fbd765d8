// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@testable import CascadeStore

@Suite("Store: killed")
struct KillTests {
    /// The probe that the tests are built with.
    private func program() throws -> URL {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("StoreProbe")
        try #require(FileManager.default.isExecutableFile(atPath: program.path), "\(program.path) is no program")
        return program
    }

    /// Runs the probe on a store for a while, kills it, and returns the ids that it printed as acknowledged.
    private func killed(
        _ store: URL,
        prefix: String,
        after acknowledged: Int,
        in folder: TemporaryFolder,
        meanwhile: () throws -> Void = {}
    ) throws -> [String] {
        let process = Process()
        let output = Pipe()
        process.executableURL = try program()
        process.arguments = ["append", store.path, prefix]
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        // A killed process must not leave half a coverage profile among the others.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["LLVM_PROFILE_FILE": folder.file("profile").path]) { $1 }
        try process.run()
        var bytes = Data()
        while bytes.count(where: { $0 == UInt8(ascii: "\n") }) < acknowledged {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty, "the probe ended by itself, with status \(process.terminationStatus)")
            bytes += more
        }
        defer { kill(process.processIdentifier, SIGKILL) }
        try meanwhile()
        kill(process.processIdentifier, SIGKILL)
        bytes += output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test("a store that another process has open is not restored; after kill -9 it is, without what its log holds")
    func restored() async throws {
        let folder = try TemporaryFolder()
        let (url, copy) = (folder.file("store.sqlite"), folder.file("copy.sqlite"))
        let store = try SQLiteStore(at: url)
        _ = try await store.append((0..<100).map { event("kept-\($0)") })
        try await store.backup(to: copy)
        try await store.close()
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        _ = try killed(url, prefix: "k", after: 200, in: folder) {
                            let error = #expect(throws: StoreError.self) { try StoreLock(url)?.check() }
                            #expect(error?.reason == .busy)
                        }
                    }
                )
            }
        }
        let log = try FileManager.default.attributesOfItem(atPath: url.path + "-wal")[.size] as? Int
        #expect(try #require(log) > 0)
        #expect(try await SQLiteStore.restore(copy, to: url).events == 100)
        let opened = try SQLiteStore(at: url)
        try await opened.verify()
        #expect(try await opened.counts().events == 100)
        #expect(try await opened.append([event("kept-5"), event("on")]) == [.duplicate, .stored])
    }

    @Test("after kill -9 at 20 random moments every acknowledged event is there once, and the file is sound")
    func kills() async throws {
        let folder = try TemporaryFolder()
        let url = folder.file("store.sqlite")
        var random = SystemRandomNumberGenerator()
        var acknowledged: [String] = []
        for round in 0..<20 {
            let moment = Int.random(in: 1...400, using: &random)
            // It waits for a pipe, which no thread that runs other tests may do.
            acknowledged += try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async {
                    continuation.resume(
                        with: Result { try killed(url, prefix: "\(round)", after: moment, in: folder) }
                    )
                }
            }
        }
        let store = try SQLiteStore(at: url, creating: false)
        try await store.verify()
        var stored: [String: Int] = [:]
        for user in try await store.users(beginningWith: "", limit: .max) {
            for event in try await store.export(user)?.events ?? [] { stored[event.id, default: 0] += 1 }
        }
        let lost = acknowledged.filter { stored[$0] == nil }
        #expect(lost.isEmpty && acknowledged.count >= 20, "\(lost.count) of \(acknowledged.count) are lost")
        #expect(stored.values.allSatisfy { $0 == 1 })
        // Calls of several events are there whole or not at all.
        let calls = Dictionary(grouping: stored.keys) { $0.split(separator: "-").dropLast().joined(separator: "-") }
        for (call, ids) in calls {
            let task = try #require(Int(call.split(separator: "-")[1]))
            #expect(ids.count == task % 3 + 1, "call \(call)")
        }
    }
}
