// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes connections that the layers above would keep: whose request never ends, and whose answer says `close`.
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
    private var closes = false

    /// Gives each request so long from its head to its last byte.
    init(read: TimeAmount) { self.read = read }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        // The layers above answer when time is up; this is for those whom that does not impress.
        case .head: if !closes { close(after: read + linger, context) }
        case .body: break
        case .end: if !closes { deadline?.cancel() }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var ends = false
        switch unwrapOutboundIn(data) {
        case .head(let head): closes = head.headerFields[.connection]?.lowercased() == "close"
        case .body: break
        case .end: ends = closes
        }
        context.write(data, promise: promise)
        guard ends else { return }
        context.flush()
        context.close(mode: .output, promise: nil)
        close(after: linger, context)
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
