// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Hummingbird
import NIOCore

/// What goes along with one request.
struct HTTPContext: RequestContext, RemoteAddressRequestContext {
    var coreContext: CoreRequestContextStorage
    let remoteAddress: SocketAddress?
    /// Names the request in the answer's `X-Request-Id`, in problems and in the log.
    var requestID = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}
