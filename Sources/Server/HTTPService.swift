// Part of Cascade. SPDX-License-Identifier: Apache-2.0
public import Funnel
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle
import UnixSignals

/// The service over HTTP, with its console: listens, answers, and stops in good order.
public struct HTTPService: Service {
    private let backend: Backend
    private let table: RouteTable
    private let logger: Logger
    private let onRunning: @Sendable (Int) async -> Void
    private let onShutdown: @Sendable () async -> Void

    /// Prepares the server; it listens when it runs.
    ///
    /// - Parameters:
    ///   - service: What answers.
    ///   - configuration: Where to listen and what to refuse.
    ///   - metrics: What is served at `/metrics`.
    ///   - logger: Where lines go; one made from the configuration when there is none.
    ///   - onRunning: Told the port when the server listens.
    ///   - onShutdown: Called once when the last request has been answered: the place to flush and close.
    /// - Throws: `ConfigurationError` for a configuration that cannot be used.
    public init(
        _ service: any RecommendationService,
        configuration: ServerConfiguration,
        metrics: MetricsRegistry = MetricsRegistry(),
        logger: Logger? = nil,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in },
        onShutdown: @escaping @Sendable () async -> Void = {}
    ) throws {
        try configuration.validate()
        backend = Backend(service: service, configuration: configuration, metrics: ServerMetrics(metrics))
        table = RouteTable(
            EventRoutes(backend: backend).routes + PageRoutes(backend: backend).routes
                + UserRoutes(backend: backend).routes + ItemRoutes(backend: backend).routes
                + ModelRoutes(backend: backend).routes + OperationRoutes(backend: backend).routes
                + FileRoutes(backend: backend).routes
        )
        self.logger = logger ?? configuration.logs.logger()
        (self.onRunning, self.onShutdown) = (onRunning, onShutdown)
    }

    /// Serves until it is told to stop gracefully; then accepts nothing more, finishes what runs, and calls `onShutdown`,
    /// all of it within `shutdown` seconds.
    ///
    /// - Throws: `ConfigurationError` for a certificate that cannot be used, and what listening throws.
    public func run() async throws {
        if backend.configuration.tokens.isEmpty {
            logger.warning("no tokens are configured: everybody on this machine may do everything")
        }
        let clock = ShutdownClock(seconds: backend.configuration.shutdown)
        let result: Result<Void, any Error>
        do {
            let application = try application()
            try await withGracefulShutdownHandler {
                try await serve(application, clock)
            } onGracefulShutdown: {
                backend.stopping.set()
                clock.begin()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await finish(clock)
        try result.get()
    }

    /// Serves until the shutdown that has begun is over, or its time for requests is.
    private func serve(_ application: some ApplicationProtocol, _ clock: ShutdownClock) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: .seconds(clock.forRequests))
                logger.warning("requests are cut off: they did not finish in the time for stopping")
            }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Calls `onShutdown`, in a task of its own: that the server was cancelled is no reason not to flush.
    private func finish(_ clock: ShutdownClock) async {
        clock.begin()
        let work = onShutdown
        do {
            try await Task {
                try await Deadline.run(seconds: clock.remaining, late: CancellationError()) { await work() }
            }.value
            logger.info("stopped")
        } catch {
            logger.error("stopped before everything was flushed: the time for stopping is over")
        }
    }
}

extension HTTPService {
    /// Every address that is answered.
    var routes: [Route] { table.routes }

    /// The routes and layers, without a socket.
    func application() throws -> some ApplicationProtocol {
        let configuration = backend.configuration
        return Application(
            router: router(),
            server: try channels(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port),
                availableConnectionsDelegate: MaximumAvailableConnections(
                    configuration.limits.connections,
                    logger: logger
                )
            ),
            onServerRunning: { [onRunning] channel in await onRunning(channel.localAddress?.port ?? 0) },
            logger: logger
        )
    }

    private func router() -> Router<HTTPContext> {
        let router = Router(context: HTTPContext.self, options: [.autoGenerateHeadEndpoints])
        let configuration = backend.configuration
        router.addMiddleware {
            ObservingMiddleware(backend: backend)
            TracingLayer()
            ProblemMiddleware(table: table, limits: configuration.limits)
            GateMiddleware(
                table: table,
                tokens: TokenTable(configuration.tokens),
                limiter: RateLimiter(configuration.rate)
            )
        }
        for route in table.routes {
            router.on(
                RouterPath(route.pattern),
                method: route.method,
                responder: Endpoint(route: route, backend: backend)
            )
        }
        return router
    }

    /// How bytes become requests: time limits, header limits, TLS.
    private func channels() throws -> HTTPServerBuilder {
        let (timeouts, limits) = (backend.configuration.timeouts, backend.configuration.limits)
        let read = TimeAmount.milliseconds(Int64(timeouts.read * 1_000))
        let plain = HTTPServerBuilder.http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [ConnectionGuard(read: read)],
                idleTimeout: .milliseconds(Int64(timeouts.idle * 1_000)),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headers,
                    maxHeaderListSize: limits.headers,
                    maxHeaderFieldCount: 100
                )
            )
        )
        return try backend.configuration.tls.secure(plain)
    }
}

extension HTTPService {
    /// Serves until SIGTERM or SIGINT, then stops in good order.
    public func runUntilSignalled() async throws {
        let group = ServiceGroup(
            configuration: .init(services: [self], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        )
        try await group.run()
    }
}
