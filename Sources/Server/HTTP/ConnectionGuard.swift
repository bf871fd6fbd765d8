// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes connections that the layers above would keep: whose answer says `close`, and whose request goes on when it has
/// long been answered.
///
/// An error answered before the whole body has come leaves a caller who goes on sending. The answer is followed by the end
/// of our side, and a second later by the end of the connection: an immediate end could destroy the answer under way.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let read: TimeAmount
    private let linger = TimeAmount.seconds(1)
    private var deadline: Scheduled<Void>?
    private var closes = false  // the answer says so
    private var isWhole = true  // the request has come to its end

    /// Gives what is left of a request so long from its answer.
    init(read: TimeAmount) { self.read = read }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: isWhole = false
        case .body: break
        case .end:
            isWhole = true
            if !closes { deadline?.cancel() }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var ends = false
        switch unwrapOutboundIn(data) {
        case .head(let head): closes = head.headerFields[.connection]?.lowercased() == "close"
        case .body: break
        case .end: ends = true
        }
        context.write(data, promise: promise)
        guard ends else { return }
        if closes {
            context.flush()
            context.close(mode: .output, promise: nil)
            close(after: linger, context)
        } else if !isWhole {
            close(after: read, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    private func close(after time: TimeAmount, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: time) { context.close(promise: nil) }
    }
}
