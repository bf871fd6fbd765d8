// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHTTP1

/// Asks the guard of a connection to send `100 Continue`, when the sender waits for it.
struct ContinueEvent: Sendable {}

/// What a connection does besides carrying requests: when it ends, what HTTP/1.0 and `Expect` mean, how long heads may take.
///
/// It closes connections that the layers above would keep: whose answer or request says `close`, or whose request goes on
/// when it has long been answered. Then the answer is followed by the end of our side, and a second later by the end of the
/// connection: an immediate end could destroy the answer under way. While the server stops, every answer says `close`.
///
/// A sender that expects `100 Continue` gets it when somebody wants the body (``ContinueEvent``). If the answer comes
/// first, the sender keeps its body back, and the connection must end.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// How long things may take on a connection.
    struct Patience {
        /// For a head, from the start of the connection or from its first byte.
        var head: TimeAmount
        /// For what is left of a request when it has been answered.
        var body: TimeAmount
        /// For the sender to take the last answer and close.
        var linger = TimeAmount.seconds(1)
    }

    /// A request whose answer has not ended.
    private struct Exchange {
        let keepsAlive: Bool
        let isVersion10: Bool
        /// Whether the sender waits for `100 Continue`.
        var waits: Bool

        init(_ head: HTTPRequestHead) {
            keepsAlive = head.isKeepAlive
            isVersion10 = head.version == .http1_0
            waits = !isVersion10 && head.headers.first(name: "expect")?.lowercased() == "100-continue"
        }
    }

    private let patience: Patience
    private let stopping: Flag
    private var exchanges: [Exchange] = []
    private var context: ChannelHandlerContext?
    private var headDeadline: Scheduled<Void>?
    private var endDeadline: Scheduled<Void>?
    private var closes = false  // the answer says so
    private var isWhole = true  // the request has come to its end

    /// Guards one connection.
    ///
    /// - Parameters:
    ///   - patience: How long things may take.
    ///   - stopping: Set when the server stops.
    init(_ patience: Patience, stopping: Flag) {
        self.patience = patience
        self.stopping = stopping
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        awaitHead(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { forget() }

    func channelInactive(context: ChannelHandlerContext) {
        forget()
        context.fireChannelInactive()
    }

    /// Bytes have come, and what they completed has passed.
    func bytesRead() {
        guard let context, isWhole, exchanges.isEmpty, headDeadline == nil, !closes else { return }
        awaitHead(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch part {
        case .head(let head):
            // What comes behind an answer that ends the connection is nobody's.
            guard !closes else { return }
            headDeadline?.cancel()
            headDeadline = nil
            isWhole = false
            exchanges.append(Exchange(head))
        case .body: break
        case .end:
            isWhole = true
            if !closes { endDeadline?.cancel() }
        }
        context.fireChannelRead(data)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is ContinueEvent else { return context.triggerUserOutboundEvent(event, promise: promise) }
        if exchanges.first?.waits == true {
            exchanges[0].waits = false
            let head = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        }
        promise?.succeed()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            decideEnd(&head)
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            answerEnded(context)
        }
    }

    /// Decides whether the connection ends after an answer, and has the answer say so.
    private func decideEnd(_ head: inout HTTPResponseHead) {
        let exchange = exchanges.first
        let isHeldBack = exchange?.waits == true && !isWhole
        closes = exchange?.keepsAlive != true || isHeldBack || stopping.isSet || !head.isKeepAlive
        if closes {
            head.headers.replaceOrAdd(name: "connection", value: "close")
        } else if exchange?.isVersion10 == true {
            head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
        }
    }

    private func answerEnded(_ context: ChannelHandlerContext) {
        if !exchanges.isEmpty { exchanges.removeFirst() }
        if closes {
            context.flush()
            context.close(mode: .output, promise: nil)
            close(after: patience.linger, context)
        } else if !isWhole, exchanges.isEmpty {
            close(after: patience.body, context)
        }
    }

    private func awaitHead(_ context: ChannelHandlerContext) {
        headDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: patience.head) {
            context.close(promise: nil)
        }
    }

    private func close(after time: TimeAmount, _ context: ChannelHandlerContext) {
        endDeadline?.cancel()
        endDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }

    private func forget() {
        headDeadline?.cancel()
        endDeadline?.cancel()
        context = nil
    }
}

/// Tells a guard of bytes that came, once they have been made into parts of requests.
final class ByteWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: ConnectionGuard

    init(_ connection: ConnectionGuard) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(data)
        connection.bytesRead()
    }
}
