// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// How the bytes of a connection become requests: limits on connections and heads, time limits, TLS.
struct ConnectionChannel: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    /// What all connections share.
    struct Shared: Sendable {
        let limits: Limits
        let timeouts: Timeouts
        let slots: ConnectionSlots
        let certificate: Certificate
        let stopping: Flag
    }

    let responder: HTTPChannelHandler.Responder
    let shared: Shared

    /// How long a connection beyond the limits may take to ask for the state of health.
    private static let reservedPatience = 2.0

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let isOrdinary = shared.slots.enter(channel)
            let (limits, timeouts) = (shared.limits, shared.timeouts)
            let head = isOrdinary ? timeouts.headersSeconds : min(timeouts.headersSeconds, Self.reservedPatience)
            let connection = ConnectionGuard(
                .init(head: .seconds(head), body: .seconds(timeouts.readSeconds)),
                stopping: shared.stopping
            )
            var heads = NIOHTTPDecoderLimitConfiguration()
            heads.maxHeaderFieldSize = limits.headersBytes
            heads.maxHeaderListSize = limits.headersBytes
            heads.maxHeaderFieldCount = 100
            let pipeline = channel.pipeline.syncOperations
            try shared.certificate.secure(pipeline)
            try pipeline.addHandler(ByteWatch(connection))
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false,
                withErrorHandling: false,
                withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: heads
            )
            try pipeline.addHandlers([
                connection, HTTP1ToHTTPServerCodec(secure: false),
                HTTPConnectionStateHandler(idleTimeout: .seconds(timeouts.idleSeconds), logger: logger),
            ])
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel,
                configuration: .init(isOutboundHalfClosureEnabled: true)
            )
        }
    }

    func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

extension TimeAmount {
    /// A fraction of seconds, to the millisecond.
    fileprivate static func seconds(_ seconds: Double) -> TimeAmount { .milliseconds(Int64(seconds * 1_000)) }
}
