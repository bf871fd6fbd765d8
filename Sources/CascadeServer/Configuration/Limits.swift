// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// Limits of requests and connections; anything beyond is refused before it is parsed.
public struct Limits: Codable, Sendable {
    /// The longest body.
    public var bodyBytes = 1 << 20
    /// The maximum number of events or items in one request.
    public var batch = 1_000
    /// The longest query of a search.
    public var queryBytes = 512
    /// The maximum number of items on a page.
    public var k = 100
    /// The longest id of a user, an item, an event or a request.
    public var idBytes = IdentifierLimits.usual
    /// The maximum nesting of lists and objects.
    public var depth = 16
    /// The longest request line and headers together.
    public var headersBytes = 16_384
    /// The maximum number of connections; further ones get only health checks.
    public var connections = 1_024
    /// The maximum number of connections from one address (IPv6: from one /64 network).
    public var connectionsPerAddress = 512

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case batch, k, depth, connections
        case bodyBytes = "body_bytes"
        case queryBytes = "query_bytes"
        case idBytes = "id_bytes"
        case headersBytes = "headers_bytes"
        case connectionsPerAddress = "connections_per_address"
    }

    func validate() throws {
        try check("limits.body_bytes", bodyBytes, in: 1_024...(1 << 30))
        try check("limits.batch", batch, in: 1...100_000)
        try check("limits.query_bytes", queryBytes, in: 1...8_192)
        try check("limits.k", k, in: 1...10_000)
        try check("limits.id_bytes", idBytes, in: 1...IdentifierLimits.highest)
        try check("limits.depth", depth, in: 4...128)
        try check("limits.headers_bytes", headersBytes, in: 1_024...(1 << 20))
        try check("limits.connections", connections, in: 1...100_000)
        try check("limits.connections_per_address", connectionsPerAddress, in: 1...100_000)
    }
}

/// The rate limit of one caller: a bucket of `burst` requests that refills at `requestsPerSecond`.
///
/// A caller is a token or, without one, the address that the connection comes from.
public struct RateSettings: Codable, Sendable {
    /// Requests per second in the long run; 0 for no limit.
    public var requestsPerSecond = 1_000.0
    /// The size of the bucket.
    public var burst = 2_000
    /// Callers tracked separately; further concurrent ones share one bucket.
    public var callers = 10_000

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case burst, callers
        case requestsPerSecond = "requests_per_second"
    }

    func validate() throws {
        try check("rate.requests_per_second", requestsPerSecond, in: 0...1_000_000)
        try check("rate.burst", burst, in: 1...10_000_000)
        try check("rate.callers", callers, in: 16...1_000_000)
    }
}

/// Time limits.
public struct Timeouts: Codable, Sendable {
    /// From a request's head to its last byte.
    public var readSeconds = 10.0
    /// From a request's last byte to the response.
    public var responseSeconds = 10.0
    /// The same for replacing a model, which includes loading and warming up.
    public var replaceSeconds = 600.0
    /// How long a connection may be idle.
    public var idleSeconds = 60.0
    /// From the start of a connection to the end of its first request's head; later from a head's first byte to its end.
    public var headersSeconds = 10.0

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case readSeconds = "read_seconds"
        case responseSeconds = "response_seconds"
        case replaceSeconds = "replace_seconds"
        case idleSeconds = "idle_seconds"
        case headersSeconds = "headers_seconds"
    }

    func validate() throws {
        let values = [
            ("read_seconds", readSeconds), ("response_seconds", responseSeconds),
            ("replace_seconds", replaceSeconds), ("idle_seconds", idleSeconds), ("headers_seconds", headersSeconds),
        ]
        for (key, value) in values {
            try check("timeouts.\(key)", value, in: 0.05...86_400)
        }
    }
}
