// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import HTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

@Suite("Settings that change while the server runs")
struct ReloadTests {
    private let folder: TemporaryFolder
    private let one = AccessToken()
    private let other = AccessToken()

    init() throws { folder = try TemporaryFolder() }

    private func write(_ text: String, to name: String = "tokens") throws -> String {
        try Data(text.utf8).write(to: folder.file(name))
        return folder.file(name).path
    }

    private func status(_ server: Harness, _ token: AccessToken) async throws -> Int {
        try await server.send(.get, "/v1/models", headers: [.authorization: "Bearer \(token.text)"]).status
    }

    @Test("Tokens stand in the configuration, in a file, or in both")
    func tokensFile() async throws {
        let path = try write("# callers\n\n  shop\twrite  \(one.sha256)\n")
        try await Harness.run(tokens: true, { $0.tokensFile = path }) { server in
            let known = try await status(server, one)
            #expect(known == 200)
            #expect(try await status(server, other) == 401)
            #expect(try await server.send(.get, "/v1/models", as: .read).status == 200)
        }
        var configuration = ServerConfiguration()
        (configuration.host, configuration.tokensFile) = ("0.0.0.0", path)
        try configuration.validate()
    }

    @Test(
        "A file of tokens that cannot be used is refused with its line, and without a word of it",
        arguments: [
            ("", "found no caller in"), ("# nobody\n", "found no caller in"), ("shop write\n", "line 1: found 2 words"),
            ("\nshop king \(AccessToken().sha256)", "line 2: found 3 words"), ("shop read cascade_secret", "line 1"),
        ]
    )
    func badFile(_ text: String, _ part: String) throws {
        let path = try write(text)
        let error = try #require(throws: ConfigurationError.self) { try CallerSettings.read(file: path) }
        #expect(error.description.contains(part) && !error.description.contains("secret"), "\(error)")
        #expect(throws: ConfigurationError.self) { try CallerSettings.read(file: path + "-not-there") }
    }

    @Test("A token of the file that the configuration has too is refused")
    func repeated() throws {
        var configuration = ServerConfiguration()
        configuration.tokens = [CallerSettings(name: "shop", role: .read, sha256: one.sha256)]
        configuration.tokensFile = try write("shop read \(other.sha256)\n")
        #expect(throws: ConfigurationError.self) { try configuration.allTokens() }
    }

    @Test("Reloading lets new callers in and old ones no more; what cannot be used changes nothing")
    func reload() throws {
        var configuration = ServerConfiguration()
        configuration.tokensFile = try write("a read \(one.sha256)\n")
        let next = NextConfiguration(configuration)
        let live = try LiveSettings(configuration) { next.value }
        #expect(live.tokens.table.caller(of: one.text)?.name == "a")

        _ = try write("b write \(other.sha256)\n")
        #expect(try live.reload() == [])
        #expect(live.tokens.table.caller(of: one.text) == nil)
        #expect(live.tokens.table.caller(of: other.text)?.role == .write)

        _ = try write("nonsense\n")
        #expect(throws: ConfigurationError.self) { try live.reload() }
        #expect(live.tokens.table.caller(of: other.text) != nil)

        configuration.tokensFile = ""
        configuration.tokens = [CallerSettings(name: "c", role: .admin, sha256: one.sha256)]
        (configuration.port, configuration.limits.k) = (1, 7)
        next.value = configuration
        #expect(try live.reload() == ["limits", "port"])
        #expect(live.tokens.table.caller(of: one.text)?.role == .admin)
    }

    @Test("Reloading never opens the door: without tokens, a server that others reach keeps those it has")
    func openDoor() throws {
        var configuration = ServerConfiguration()
        configuration.host = "0.0.0.0"
        configuration.tokens = [CallerSettings(name: "a", role: .read, sha256: one.sha256)]
        var open = ServerConfiguration()
        open.tokens = []
        let live = try LiveSettings(configuration) { [open] in open }
        #expect(throws: ConfigurationError.self) { try live.reload() }
        #expect(live.tokens.table.caller(of: one.text) != nil)
    }
}

/// The configuration that is read next.
private final class NextConfiguration: Sendable {
    private let stored: Mutex<ServerConfiguration>

    init(_ value: ServerConfiguration) { stored = Mutex(value) }

    var value: ServerConfiguration {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
