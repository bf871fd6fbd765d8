// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationNetworking
import TestSupport
import Testing

@Suite("cascade serve, the process")
struct ServeProcessTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A configuration of popular items alone; what `server` is to hold further.
    private func configuration(_ server: String = "", _ further: String = "") throws -> String {
        try folder.write(
            """
            store: {path: \(folder.path("store.sqlite"))\(further)}
            server: {port: 0, drain_seconds: 0\(server)}
            """,
            to: "serve.yaml"
        )
    }

    /// Waits until the process has printed something, for a minute and a half at most.
    private func port(_ printed: () throws -> String, _ process: RunningProcess? = nil) async throws -> Int {
        for _ in 0..<900 {
            if let port = try printed().firstMatch(of: /listening on 127\.0\.0\.1:(\d+)/).flatMap({ Int($0.1) }) {
                return port
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("the service does not listen: \(try printed())")
        throw CancellationError()
    }

    private func status(_ port: Int, _ path: String, token: String? = nil) async throws -> Int {
        var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "authorization") }
        return try #require(try await URLSession.shared.data(for: request).1 as? HTTPURLResponse).statusCode
    }

    @Test("SIGHUP brings new tokens in, and never ends the service")
    func hangUp() async throws {
        let made = try await cascade(["token", "--role", "read", "--name", "one"])
        let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let line = try #require(made.errors.firstMatch(of: /one read [0-9a-f]{64}/)).0
        let other = String(repeating: "0", count: 64)
        let path = try folder.write("other read \(other)\n", to: "tokens")
        let configuration = try configuration(", tokens_file: \(path)")
        let process = try await RunningProcess.start(
            cascadeProgram(),
            ["serve", "--config", configuration],
            besideOthers: true
        )
        let port = try await port(process.printed)
        #expect(try await status(port, "/v1/models", token: token) == 401)
        _ = try folder.write("\(line)\n", to: "tokens")
        process.send(SIGHUP)
        while try !process.printed().contains("read the configuration again") {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await status(port, "/v1/models", token: token) == 200)
        _ = try folder.write("nonsense\n", to: "tokens")
        process.send(SIGHUP)
        while try !process.printed().contains("the configuration stays as it was") {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await status(port, "/v1/models", token: token) == 200)
        process.send(SIGTERM)
        let outcome = try await process.outcome()
        #expect(outcome.status == 0 && !outcome.wasKilled, "\(outcome.errors)")
    }

    @Test("A log that nobody reads stops neither answers nor SIGTERM")
    func unreadLog() async throws {
        let configuration = try configuration(", rate: {requests_per_second: 0}, logs: {level: trace}")
        let process = Process()
        let log = Pipe()
        process.executableURL = try cascadeProgram()
        process.arguments = ["serve", "--config", configuration]
        process.standardError = log
        process.standardOutput = FileHandle.nullDevice
        let ended = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in ended.continuation.finish() }
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        var text = ""
        let port = try await port {
            text += String(decoding: log.fileHandleForReading.availableData, as: UTF8.self)
            return text
        }
        // A pipe holds 64 KiB, and each request writes a line of a fifth of a KiB or more.
        for _ in 0..<1_000 { #expect(try await status(port, "/health/live") == 200) }
        process.terminate()
        for await _ in ended.stream {}
        #expect(process.terminationStatus == 0)
    }

    @Test("A port in use is named with its address, and what to do")
    func portInUse() async throws {
        let configuration = try configuration()
        let process = try await RunningProcess.start(
            cascadeProgram(),
            ["serve", "--config", configuration],
            besideOthers: true
        )
        let port = try await port(process.printed)
        let other = try folder.write("store: {path: \(folder.path("other.sqlite"))}", to: "other.yaml")
        let second = try await cascade(["serve", "--config", other, "--port", "\(port)"], status: 1)
        #expect(second.errors.contains("127.0.0.1:\(port) is in use by another process"))
        #expect(second.errors.contains("--port"))
        let check = try await cascade(["serve", "--config", other, "--port", "\(port)", "--check"])
        #expect(check.output.contains("port: \(port) on 127.0.0.1 is in use"))
        process.send(SIGTERM)
        _ = try await process.outcome()
    }

    @Test("A check makes nothing, and looks at everything: store, seed, tokens, port")
    func check() async throws {
        let data = try folder.driftWorld()
        let configuration = try configuration("", ", seed: \(data)")
        let before = try folder.names()
        let outcome = try await cascade(["serve", "--config", configuration, "--check"])
        #expect(try folder.names() == before)
        #expect(outcome.output.contains("store.sqlite will be created at the first start"))
        #expect(outcome.output.contains("which seed the store at the first start"))

        func refused(_ text: String) async throws -> String {
            let path = try folder.write(text, to: "bad.yaml")
            return try await cascade(["serve", "--config", path, "--check"], status: 78).errors
        }
        let store = "store: {path: \(folder.path("store.sqlite"))}"
        #expect(try await refused("store: {path: \(folder.path("nowhere/s.sqlite"))}").contains("is not a folder that"))
        #expect(try await refused("\(store)\nserver: {tokens_file: \(folder.path("none"))}").contains("cannot be read"))
        let tls = "{certificate: \(folder.path("none.pem")), key: \(folder.path("none.key"))}"
        #expect(try await refused("\(store)\nserver: {tls: \(tls)}").contains("tls.certificate"))
        #expect(!folder.holds("store.sqlite") && !folder.holds("nowhere"))
    }

    @Test("Titles with marks that a terminal obeys are printed as what they are")
    func hostileTitles() async throws {
        let title = "evil\u{1B}[2J\u{202E}title"
        let rows = (0..<60).map { "u\($0 % 6),i\($0 % 7),5,\(1_600_000_000 + $0),\(title)" }
        let header = "user_id,item_id,rating,timestamp,title"
        let events = try folder.write(([header] + rows).joined(separator: "\n"), to: "e.csv")
        let least = ["--min-user-events", "1", "--min-item-events", "1"]
        try await cascade(["data", "import", "--from", "csv", events, "--to", folder.path("data")] + least)
        try await Small.train("popularity", on: folder.path("data"), to: folder.path("run"))
        let outcome = try await cascade(["recommend", folder.path("run"), "--user", "u1"])
        #expect(outcome.output.contains("evil\\u001b[2J\\u202etitle"), "\(outcome.output)")
        #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("\u{202E}"))
    }
}
