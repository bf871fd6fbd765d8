// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeFunnel
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import ServerTestSupport
import Synchronization

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

/// A server without a socket, over a fake service, and what it logs.
struct Harness {
    let service: FakeService
    let lines: Lines
    let tokens: [Role: AccessToken]
    let metrics: MetricsRegistry
    let client: RouterClient

    /// Runs a test against a server that knows one token for each role, or none.
    static func run(
        tokens: Bool = false,
        people: Int = 3,
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ test: @Sendable (Harness) async throws -> Void
    ) async throws {
        let service = FakeService(people: people)
        let secrets = Dictionary(uniqueKeysWithValues: Role.allCases.map { ($0, AccessToken()) })
        var configuration = ServerConfiguration.patient
        configuration.logs.level = .debug
        if tokens {
            configuration.tokens = secrets.map { CallerSettings(name: $0.rawValue, role: $0, sha256: $1.sha256) }
        }
        change(&configuration)
        let lines = Lines()
        let settings = configuration.logs
        let logger = Logger(label: "test") { LineLogHandler(label: $0, settings: settings, write: lines.add) }
        let metrics = MetricsRegistry()
        let server = try HTTPService(service, configuration: configuration, metrics: metrics, logger: logger)
        let client = try await RouterClient(server.application())
        try await test(Harness(service: service, lines: lines, tokens: secrets, metrics: metrics, client: client))
    }

    /// Sends a request, with the token of a role when one is given.
    func send(
        _ method: HTTPRequest.Method,
        _ uri: String,
        as role: Role? = nil,
        json: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Reply {
        var headers = headers
        if let role, let token = tokens[role] { headers[.authorization] = "Bearer \(token.text)" }
        if json != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        let response = try await bytes(method, uri, json: json, headers: headers)
        return Reply(status: response.status.code, headers: response.headers, text: String(buffer: response.body))
    }

    /// Sends a request for bytes that are no text.
    func bytes(
        _ method: HTTPRequest.Method,
        _ uri: String,
        json: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> (status: HTTPResponse.Status, headers: HTTPFields, body: ByteBuffer) {
        try await client.execute(uri: uri, method: method, headers: headers, body: json.map { ByteBuffer(string: $0) })
    }
}

/// What came back.
struct Reply {
    let status: Int
    let headers: HTTPFields
    let text: String

    /// The body as JSON; null when it is none.
    var json: JSONValue { (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .null }
}

/// Lines that were logged.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

extension JSONValue {
    /// An element of a list; null when there is none.
    subscript(index: Int) -> JSONValue {
        if case .array(let values) = self, values.indices.contains(index) { values[index] } else { .null }
    }

    /// The elements of a list.
    var elements: [JSONValue] { if case .array(let values) = self { values } else { [] } }

    /// The keys of an object.
    var keys: Set<String> { if case .object(let fields) = self { Set(fields.keys) } else { [] } }
}

extension ServerConfiguration {
    /// The defaults without clocks that a test did not ask for: beside other work a request may take minutes.
    static var patient: ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.shutdownSeconds = 600
        for timeout in [\Timeouts.readSeconds, \.responseSeconds, \.idleSeconds, \.headersSeconds] {
            configuration.timeouts[keyPath: timeout] = 600
        }
        return configuration
    }
}
