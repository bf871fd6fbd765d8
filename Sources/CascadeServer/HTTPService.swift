// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeFunnel
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle
import UnixSignals

/// The service over HTTP, with its console: listens, answers, and stops in good order.
public struct HTTPService: Service {
    let backend: Backend
    let live: LiveSettings
    let logger: Logger
    private let table: RouteTable
    private let slots: ConnectionSlots
    private let onRunning: @Sendable (Int) async -> Void
    private let onShutdown: @Sendable () async -> Void

    /// Prepares the server; it listens when it runs.
    ///
    /// - Parameters:
    ///   - service: What answers.
    ///   - configuration: Where to listen and what to refuse.
    ///   - metrics: What is served at `/metrics`.
    ///   - logger: Where lines go; one made from the configuration when there is none.
    ///   - reread: Reads the configuration again, for ``reload()``; without it the same one is used again, whose token and
    ///     certificate files may have changed.
    ///   - onRunning: Told the port when the server listens.
    ///   - onShutdown: Called once when the last request has been answered: the place to flush and close.
    /// - Throws: `ConfigurationError` for a configuration, a token file or a certificate that cannot be used.
    public init(
        _ service: any RecommendationService,
        configuration: ServerConfiguration,
        metrics: MetricsRegistry = MetricsRegistry(),
        logger: Logger? = nil,
        reread: (@Sendable () throws -> ServerConfiguration)? = nil,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in },
        onShutdown: @escaping @Sendable () async -> Void = {}
    ) throws {
        try configuration.validate()
        live = try LiveSettings(configuration, reread: reread ?? { configuration })
        backend = Backend(service: service, configuration: configuration, metrics: ServerMetrics(metrics))
        slots = ConnectionSlots(configuration.limits, metrics: backend.metrics)
        table = RouteTable(
            EventRoutes(backend: backend).routes + PageRoutes(backend: backend).routes
                + UserRoutes(backend: backend).routes + ItemRoutes(backend: backend).routes
                + ItemListRoutes(backend: backend).routes
                + ModelRoutes(backend: backend).routes + OperationRoutes(backend: backend).routes
                + FileRoutes(backend: backend).routes
        )
        self.logger = logger ?? configuration.logs.logger()
        self.onRunning = onRunning
        self.onShutdown = onShutdown
    }

    /// Serves until it is told to stop gracefully.
    ///
    /// Then it says that it is not ready, goes on answering for `drain_seconds`, accepts nothing more, finishes what runs,
    /// and calls `onShutdown`. The last three together take `shutdown` seconds at most.
    ///
    /// - Throws: ``ListenError`` when it cannot listen.
    public func run() async throws {
        if live.tokens.table.isEmpty {
            logger.warning("no tokens are configured: any local process may do everything")
        }
        if backend.configuration.simulatedTime {
            logger.warning("server.simulated_time is on: requests say what time it is; for simulations only")
        }
        let clock = ShutdownClock(seconds: backend.configuration.shutdownSeconds)
        let result: Result<Void, any Error>
        do {
            try await serve(clock)
            result = .success(())
        } catch {
            result = .failure(ListenError(error, backend.configuration) ?? error)
        }
        await finish(clock)
        try result.get()
    }

    /// Serves until the shutdown that has begun is over, or its time for requests is.
    private func serve(_ clock: ShutdownClock) async throws {
        let group = ServiceGroup(configuration: .init(services: [application()], logger: logger))
        // Detached, so that the order to stop reaches the listener only when the drain is over.
        let server = Task.detached { try await group.run() }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await server.value }
                tasks.addTask {
                    try await gracefulShutdown()
                    try await drain()
                    clock.begin()
                    await group.triggerGracefulShutdown()
                    try await Task.sleep(for: .seconds(clock.forRequests))
                    logger.warning("requests were cut off: they did not finish within shutdown_seconds")
                }
                try await tasks.next()
                server.cancel()
                tasks.cancelAll()
            }
        } onCancel: {
            server.cancel()
        }
    }

    /// Goes on answering, so that those who watch readiness can send their traffic elsewhere.
    ///
    /// Each answer ends its connection: a sender learns between two requests that it must connect anew.
    private func drain() async throws {
        backend.stopping.set()
        let seconds = backend.configuration.drainSeconds
        logger.notice("stopping: no longer ready", metadata: ["drain_seconds": .stringConvertible(seconds)])
        try await Task.sleep(for: .seconds(seconds))
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
            logger.error("stopped before everything was flushed: shutdown_seconds is over")
        }
    }
}

extension HTTPService {
    /// Every address that is answered.
    var routes: [Route] { table.routes }

    /// The routes and layers, without a socket.
    func application() -> some ApplicationProtocol {
        let configuration = backend.configuration
        let shared = ConnectionChannel.Shared(
            limits: configuration.limits,
            timeouts: configuration.timeouts,
            slots: slots,
            certificate: live.certificate,
            stopping: backend.stopping
        )
        return Application(
            router: router(),
            server: HTTPServerBuilder { ConnectionChannel(responder: $0, shared: shared) },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port)
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
            CompressionMiddleware(minimum: configuration.compressionMinBytes)
            TracingLayer()
            CORSMiddleware(table: table, settings: configuration.cors)
            ProblemMiddleware(table: table, limits: configuration.limits)
            AuthMiddleware(
                table: table,
                tokens: live.tokens,
                limiter: RateLimiter(configuration.rate),
                slots: slots,
                limits: configuration.limits
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
}
