// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import ServerTestSupport
import ServiceLifecycle
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

/// A server on a free port, and the way to stop it.
struct RunningServer: Sendable {
    let service: FakeService
    let port: Int
    let group: ServiceGroup
    let flushed: Flag
    let metrics: MetricsRegistry
    let server: HTTPService

    /// Waits until a request has come in that is not answered yet.
    func hasRequest() async throws {
        while metrics.gauge("cascade_http_requests_in_flight").current < 1 {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Waits until so many connections are open.
    func hasConnections(_ count: Int) async throws {
        while metrics.gauge("cascade_connections").current != Double(count) {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// What comes back to a request on a connection of its own, which the server must close.
    func answer(to request: String) async throws -> String {
        let connection = try RawConnection(port: port)
        connection.send(request)
        return await connection.receive()
    }

    /// Runs a test against a server, and then stops it in good order.
    ///
    /// - Parameters:
    ///   - cutting: Whether the server is cancelled at the end instead.
    ///   - change: What the configuration is to be beside the defaults.
    ///   - reread: Reads the configuration again.
    ///   - test: The test.
    static func run(
        cutting: Bool = false,
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        reread: (@Sendable () throws -> ServerConfiguration)? = nil,
        _ test: @escaping @Sendable (RunningServer) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration.patient
        (configuration.port, configuration.drainSeconds) = (0, 0)
        change(&configuration)
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let (service, flushed, metrics) = (FakeService(people: 3), Flag(), MetricsRegistry())
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let server = try HTTPService(
            service,
            configuration: configuration,
            metrics: metrics,
            logger: logger,
            reread: reread,
            onRunning: { announce.yield($0) },
            onShutdown: { flushed.set() }
        )
        let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try #require(await ports.first { _ in true })
            do {
                try await test(
                    RunningServer(
                        service: service,
                        port: port,
                        group: group,
                        flushed: flushed,
                        metrics: metrics,
                        server: server
                    )
                )
            } catch {
                tasks.cancelAll()
                throw error
            }
            guard !cutting else { return tasks.cancelAll() }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(flushed.isSet)
    }
}
