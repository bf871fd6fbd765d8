// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

@Suite("Connections")
struct ConnectionTests {
    private let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private let models = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private let event = #"{"id":"1","user":"1","item":"1","action":"click"}"#

    /// The head of an event's request that waits for a word before its body.
    private func head(_ length: Int, _ expectation: String = "100-continue", target: String = "/v1/events") -> String {
        """
        POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(length)\r\n\
        Expect: \(expectation)\r\n\r\n
        """
    }

    /// The same request on a connection that ends with its answer.
    private func closing(_ request: String) -> String {
        request.replacing("\r\n\r\n", with: "\r\nConnection: close\r\n\r\n")
    }

    @Test("A sender that expects 100 Continue gets it, and then its answer, twice on one connection")
    func expectation() async throws {
        try await RunningServer.run { server in
            let connection = try RawConnection(port: server.port)
            for _ in 0..<2 {
                connection.send(head(event.utf8.count))
                #expect(await connection.receive { $0.contains("\r\n\r\n") } == "HTTP/1.1 100 Continue\r\n\r\n")
                connection.send(event)
                #expect(await connection.receive { $0.contains("receipts") }.hasPrefix("HTTP/1.1 200 "))
            }
        }
    }

    @Test(
        "A body that would be refused is not asked for, and the connection ends",
        arguments: [("100-continue", 100_000_000, "413"), ("a miracle", 49, "417"), ("100-continue", 49, "421")]
    )
    func refusedExpectation(_ expectation: String, _ length: Int, _ status: String) async throws {
        try await RunningServer.run { server in
            var text = head(length, expectation)
            if status == "421" { text = text.replacingOccurrences(of: "localhost", with: "shop.example") }
            if status == "417" { text = text.replacingOccurrences(of: "Expect:", with: "Connection: close\r\nExpect:") }
            let answer = try await server.answer(to: text)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
            #expect(answer.lowercased().contains("connection: close"))
        }
    }

    @Test("HTTP/1.0 ends with its answer, unless the sender wants to keep the connection")
    func oldVersion() async throws {
        try await RunningServer.run { server in
            let answer = try await server.answer(to: "GET /health/live HTTP/1.0\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("live"))
            let kept = try RawConnection(port: server.port)
            for _ in 0..<2 {
                kept.send("GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(await kept.receive { $0.contains("live\"") }.lowercased().contains("connection: keep-alive"))
            }
        }
    }

    @Test("A head has its time from the start of the connection, and later from its first byte")
    func slowHeads() async throws {
        try await RunningServer.run({ $0.timeouts.headersSeconds = 0.2 }) { server in
            #expect(try await server.answer(to: "").isEmpty)
            #expect(try await server.answer(to: "GET /health/live HT").isEmpty)
            let connection = try RawConnection(port: server.port)
            for _ in 0..<2 {
                connection.send(live)
                #expect(await connection.receive { $0.contains("live\"") }.hasPrefix("HTTP/1.1 200 "))
                try await Task.sleep(for: .milliseconds(400))
            }
            connection.send("GET ")
            #expect(await connection.receive().isEmpty)
        }
    }

    @Test(
        "When silent connections take all places, health is answered and nothing else",
        arguments: [true, false]
    )
    func crowd(_ ofOneAddress: Bool) async throws {
        try await RunningServer.run({ configuration in
            configuration.limits.connections = ofOneAddress ? 100 : 3
            configuration.limits.connectionsPerAddress = ofOneAddress ? 3 : 100
        }) { server in
            var silent: [RawConnection] = []
            for _ in 0..<3 {
                silent.append(try RawConnection(port: server.port))
                silent.last?.send("GET / HTTP/1.1\r\n")
            }
            try await server.hasConnections(3)
            let refused = try await server.answer(to: models)
            #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("urn:cascade:problem:connections"))
            for _ in 0..<(3 * ConnectionSlots.reserve) { silent.append(try RawConnection(port: server.port)) }
            let health = try RawConnection(port: server.port)
            health.send(live)
            #expect(await health.receive { $0.contains("live\"") }.hasPrefix("HTTP/1.1 200 "))
            let count = 2 + 3 * ConnectionSlots.reserve
            #expect(server.metrics.render().contains("cascade_connections_over_limit_total \(count)\n"))
            silent.removeAll()
            try await server.hasConnections(1)
            #expect(try await server.answer(to: closing(models)).hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("Addresses of IPv6 count by their network, and those of IPv4 as themselves")
    func peers() throws {
        func name(_ text: String) throws -> String { Peer.name(of: try SocketAddress(ipAddress: text, port: 1)) }
        #expect(try name("192.0.2.7") == "192.0.2.7")
        #expect(try name("::ffff:192.0.2.7") == "192.0.2.7")
        #expect(try name("2001:db8:0:1::1") == name("2001:db8:0:1:ffff::2"))
        #expect(try name("2001:db8:0:1::1") != name("2001:db8:0:2::1"))
        #expect(Peer.name(of: nil) == "unknown")
    }

    @Test("Told to stop, the server is not ready, answers on, and ends each connection with its answer")
    func draining() async throws {
        try await RunningServer.run(cutting: true, { $0.drainSeconds = 3_600 }) { server in
            let idle = try RawConnection(port: server.port)
            idle.send(live)
            _ = await idle.receive { $0.contains("live\"") }
            await server.group.triggerGracefulShutdown()
            while true {
                let ready = try await server.answer(to: closing(live.replacing("live", with: "ready")))
                if ready.hasPrefix("HTTP/1.1 503 ") { break }
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try await server.answer(to: models).hasPrefix("HTTP/1.1 200 "))
            idle.send(models)
            let last = await idle.receive()
            #expect(last.hasPrefix("HTTP/1.1 200 ") && last.lowercased().contains("connection: close"))
        }
    }

    @Test("A port in use is named, with what to do; so is a host that there is not")
    func cannotListen() async throws {
        try await RunningServer.run { server in
            var configuration = ServerConfiguration()
            configuration.port = server.port
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let second = try HTTPService(server.service, configuration: configuration, logger: logger)
            let error = await #expect(throws: ListenError.self) { try await second.run() }
            #expect(error?.reason == .inUse)
            #expect(error?.description.contains("127.0.0.1:\(server.port) is in use by another process") == true)
            await #expect(throws: ListenError.self) { try await configuration.tryListening() }
        }
        var configuration = ServerConfiguration()
        configuration.port = 0
        try await configuration.tryListening()
        configuration.host = "192.0.2.1"
        let foreign = configuration
        let error = await #expect(throws: ListenError.self) { try await foreign.tryListening() }
        #expect(error?.reason == .noSuchAddress)
        #expect(error?.description.contains("found '192.0.2.1', which is no address of this machine") == true)
    }

    @Test(
        "Every error of listening has its sentence",
        arguments: [(EADDRINUSE, "in use"), (EACCES, "may not listen on [::1]:80")]
    )
    func sentences(_ code: Int32, _ part: String) async throws {
        var configuration = ServerConfiguration()
        (configuration.host, configuration.port) = ("::1", 80)
        let error = try #require(ListenError(IOError(errnoCode: code, reason: "bind"), configuration))
        #expect(error.description.contains(part))
        #expect(ListenError(CancellationError(), configuration) == nil)
        // No resolver asks anybody about a name of that length.
        configuration.host = String(repeating: "a", count: 300)
        let nameless = configuration
        let unknown = await #expect(throws: ListenError.self) { try await nameless.tryListening() }
        #expect(unknown?.description.contains("which has no address") == true)
    }
}
