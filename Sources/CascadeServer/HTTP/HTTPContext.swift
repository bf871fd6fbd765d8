// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// What goes along with one request.
///
/// Not a `RemoteAddressRequestContext`, so that traces do not carry addresses of people.
struct HTTPContext: Hummingbird.RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The connection that the request came on.
    let channel: any Channel
    /// Names the request in the answer's `X-Request-Id`, in problems and in the log.
    var requestID = ""

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
