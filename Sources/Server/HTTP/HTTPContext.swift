// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Hummingbird
import NIOCore

/// What goes along with one request.
///
/// Not a `RemoteAddressRequestContext`, so that traces do not carry addresses of people.
struct HTTPContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Where the connection comes from, which the rate limit goes by.
    let remoteAddress: SocketAddress?
    /// Names the request in the answer's `X-Request-Id`, in problems and in the log.
    var requestID = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}
