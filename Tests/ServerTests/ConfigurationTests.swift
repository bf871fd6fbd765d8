// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import HummingbirdCore
import Logging
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

@Suite("ServerConfiguration")
struct ConfigurationTests {
    private func read(_ json: String) throws -> ServerConfiguration {
        let tree = try JSONDecoder().decode(JSONValue.self, from: Data(json.utf8))
        return try ServerConfiguration(overriding: tree, path: "server")
    }

    @Test("Values replace defaults, lists of tokens included")
    func reading() throws {
        let hash = AccessToken().sha256
        let found = try read(
            """
            {"host": "0.0.0.0", "port": 80, "limits": {"k": 5}, "logs": {"format": "text", "level": "debug"},
             "metrics": "open", "tokens": [{"name": "shop", "role": "write", "sha256": "\(hash)"}]}
            """
        )
        #expect(found.port == 80)
        #expect(found.limits.k == 5)
        #expect(found.limits.batch == Limits().batch)
        #expect(found.metrics == .open)
        #expect(found.logs.level == .debug)
        #expect(found.tokens == [CallerSettings(name: "shop", role: .write, sha256: hash)])
    }

    @Test(
        "Errors name the key, what was found and what was expected",
        arguments: [
            (#"{"host": "0.0.0.0"}"#, "host: found '0.0.0.0' without tokens, expected 127.0.0.1 or ::1"),
            (#"{"port": 70000}"#, "port: found 70000, expected 0 to 65535"),
            (#"{"limits": {"k": 0}}"#, "limits.k: found 0, expected 1 to 10000"),
            (#"{"timeouts": {"idle_seconds": 0}}"#, "timeouts.idle_seconds: found 0.0, expected 0.05 to 86400.0"),
            (#"{"timeouts": {"headers_seconds": "x"}}"#, "server.timeouts.headers_seconds: found 'x', expected a"),
            (#"{"drain_seconds": -1}"#, "drain_seconds: found -1.0, expected 0.0 to 3600.0"),
            (#"{"drain_second": 1}"#, "unknown key 'drain_second' in 'server'. Did you mean 'drain_seconds'?"),
            (#"{"limits": {"connections_per_address": 0}}"#, "limits.connections_per_address: found 0"),
            (#"{"cors": {"origins": ["https://shop.example/"]}}"#, "cors.origins[0]: found 'https://shop.example/'"),
            (#"{"cors": {"origins": ["shop.example"]}}"#, "cors.origins[0]: found 'shop.example', expected an origin"),
            (#"{"tls": {"certificate": "a.pem"}}"#, "tls.key: found nothing, expected a path"),
            (#"{"logs": {"format": "xml"}}"#, "server.logs.format: found 'xml', expected one of json, text"),
            (#"{"limitz": {}}"#, "unknown key 'limitz' in 'server'. Did you mean 'limits'?"),
            (
                #"{"tokens": [{"name": "a", "role": "root", "sha256": ""}]}"#,
                "role: found a text of 4 characters, expected one of read"
            ),
            (
                #"{"tokens": [{"name": "a", "role": "read", "sha256": "12"}]}"#,
                "sha256: found a text of 2 characters, expected 64 hex"
            ),
            (
                #"{"tokens": [{"name": "a", "role": "read", "token": "x"}]}"#,
                "found an unknown key, expected only name, role, sha256"
            ),
        ]
    )
    func errors(_ json: String, _ message: String) throws {
        let error = #expect(throws: ConfigurationError.self) { _ = try read(json) }
        let text = try #require(error).description
        #expect(text.contains(message), "\(text)")
    }

    @Test("A token's name and hash may stand there once")
    func duplicates() {
        var configuration = ServerConfiguration()
        let token = CallerSettings(name: "a", role: .read, sha256: AccessToken().sha256)
        configuration.tokens = [token, token]
        #expect(throws: ConfigurationError.self) { try configuration.validate() }
        configuration.tokens[1].name = "b"
        #expect(throws: ConfigurationError.self) { try configuration.validate() }
    }

    @Test("A certificate that is not there is named; a build without TLS refuses any")
    func certificate() throws {
        var tls = TLSSettings()
        (tls.certificate, tls.key) = ("no-such.pem", "no-such.key")
        let error = #expect(throws: ConfigurationError.self) { _ = try Certificate(tls) }
        #if TLS
            let expected = ["tls.certificate: no-such.pem could not be read", "tls.key: no-such.key could not be read"]
        #else
            let expected = ["tls.certificate: found no-such.pem, but this build answers plain HTTP only"]
        #endif
        let text = try #require(error).description
        for part in expected { #expect(text.contains(part)) }
        var server = ServerConfiguration()
        (server.tls, server.tokensFile) = (tls, "no-such-tokens")
        let both = #expect(throws: ConfigurationError.self) { try server.validateFiles() }
        #expect(try #require(both).description.contains("no-such-tokens"), "every fault is named at once")
        #expect(try #require(both).description.contains(text))
    }
}
