// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle
import UnixSignals

extension HTTPService {
    /// Serves until SIGTERM or SIGINT, then stops in good order; SIGHUP has it ``reload()``.
    public func runUntilSignalled() async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: [self, Reloader(server: self)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
    }

    /// Reads the configuration again, and takes over what can change while the server runs: tokens, certificate, log level.
    ///
    /// When anything in it cannot be used, everything stays as it was. The log says what came of it.
    public func reload() {
        do {
            let waiting = try live.reload()
            var fields: Logger.Metadata = ["tokens": .stringConvertible(live.tokens.table.count)]
            if !waiting.isEmpty { fields["from_the_next_start"] = .string(waiting.joined(separator: ", ")) }
            logger.notice("read the configuration again", metadata: fields)
        } catch {
            logger.error("the configuration stays as it was", metadata: ["error": .string("\(error)")])
        }
    }
}

/// Reloads with each SIGHUP.
private struct Reloader: Service {
    let server: HTTPService

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { server.reload() }
    }
}
