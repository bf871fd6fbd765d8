// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// One connection to a service, for one request after another.
struct HTTPConnection: Sendable {
    /// What came back.
    struct Answer: Sendable {
        var status = 0
        var body = Data()
        /// The seconds of `Retry-After`.
        var retryAfter: Int?
    }

    /// Nothing listens, or it does not answer.
    struct Unreachable: CascadeError {
        let host: String
        let port: Int
        let reason: String
        var category: ErrorCategory { .failed }
        var description: String {
            "\(host):\(port): cannot connect (\(reason)), expected a service that listens. Start it, or check --url."
        }
    }

    /// The connection closed before the answer, or the answer took too long.
    struct Broken: CascadeError {
        let reason: String
        var category: ErrorCategory { .failed }
        var description: String {
            "the connection to the service broke: \(reason), expected an answer. Check that the service still runs."
        }
    }

    /// How long a connection and an answer may take; the service itself gives up earlier.
    private static let connectSeconds: Int64 = 5
    private static let answerSeconds: Int64 = 60

    private let channel: any Channel

    /// Whether another request can be sent.
    var isOpen: Bool { channel.isActive }

    /// Connects.
    ///
    /// - Throws: ``Unreachable``.
    static func open(host: String, port: Int) async throws -> HTTPConnection {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(connectSeconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(ExchangeHandler())
                }
            }
        do {
            return HTTPConnection(channel: try await bootstrap.connect(host: host, port: port).get())
        } catch {
            throw Unreachable(host: host, port: port, reason: Self.reason(error))
        }
    }

    /// What the system said, of the first address that a name has.
    private static func reason(_ error: any Error) -> String {
        let first = (error as? NIOConnectionError)?.connectionErrors.first?.error ?? error
        return (first as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(first)"
    }

    /// Sends a request and waits for its answer; one at a time.
    ///
    /// - Throws: ``Broken``.
    func send(_ head: HTTPRequestHead, _ body: Data?) async throws -> Answer {
        let promise = channel.eventLoop.makePromise(of: Answer.self)
        let (channel, seconds) = (channel, Self.answerSeconds)
        let timer = channel.eventLoop.scheduleTask(in: .seconds(seconds)) {
            promise.fail(Broken(reason: "no answer within \(seconds) seconds"))
            channel.close(promise: nil)
        }
        defer { timer.cancel() }
        let exchange = Exchange(head: head, body: body.map { ByteBuffer(bytes: $0) }, promise: promise)
        channel.writeAndFlush(exchange).whenFailure { promise.fail(Broken(reason: "\($0)")) }
        return try await promise.futureResult.get()
    }
}

/// A request, and who waits for its answer.
private struct Exchange: Sendable {
    let head: HTTPRequestHead
    let body: ByteBuffer?
    let promise: EventLoopPromise<HTTPConnection.Answer>
}

/// Writes requests and gathers their answers.
private final class ExchangeHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    private var waiting: EventLoopPromise<HTTPConnection.Answer>?
    private var answer = HTTPConnection.Answer()
    private var closes = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        (waiting, answer) = (exchange.promise, HTTPConnection.Answer())
        context.write(wrapOutboundOut(.head(exchange.head)), promise: nil)
        if let body = exchange.body { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            answer.status = Int(head.status.code)
            answer.retryAfter = head.headers["Retry-After"].first.flatMap { Int($0) }
            closes = !head.isKeepAlive
        case .body(let part): answer.body.append(contentsOf: part.readableBytesView)
        case .end:
            if closes { context.close(promise: nil) }
            waiting?.succeed(answer)
            waiting = nil
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        waiting?.fail(HTTPConnection.Broken(reason: "it was closed"))
        waiting = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        waiting?.fail(HTTPConnection.Broken(reason: "\(error)"))
        waiting = nil
        context.close(promise: nil)
    }
}
