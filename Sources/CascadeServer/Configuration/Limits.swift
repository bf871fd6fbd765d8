// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets

/// What a request may be; anything beyond is refused before it is understood.
///
/// Lengths in bytes.
public struct Limits: Codable, Sendable {
    /// The longest body.
    public var body = 1 << 20
    /// The most events or items of one request.
    public var batch = 1_000
    /// The longest search text.
    public var query = 512
    /// The most items of one page.
    public var k = 100
    /// The longest id of a user, an item, an event or a request.
    public var id = IdentifierLimits.usual
    /// How deep lists and objects may lie in one another.
    public var depth = 16
    /// The longest request line and headers together.
    public var headers = 16_384
    /// The most connections at once; on further ones only health is answered.
    public var connections = 1_024
    /// The most connections from one address (of IPv6: from one /64 network).
    public var connectionsPerAddress = 512

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case body, batch, query, k, id, depth, headers, connections
        case connectionsPerAddress = "connections_per_address"
    }

    func validate() throws {
        try check("limits.body", body, in: 1_024...(1 << 30))
        try check("limits.batch", batch, in: 1...100_000)
        try check("limits.query", query, in: 1...8_192)
        try check("limits.k", k, in: 1...10_000)
        try check("limits.id", id, in: 1...IdentifierLimits.highest)
        try check("limits.depth", depth, in: 4...128)
        try check("limits.headers", headers, in: 1_024...(1 << 20))
        try check("limits.connections", connections, in: 1...100_000)
        try check("limits.connections_per_address", connectionsPerAddress, in: 1...100_000)
    }
}

/// How often one caller may call: a bucket of `burst` requests that refills at `perSecond`.
///
/// A caller is a token or, without one, the address that the connection comes from.
public struct RateSettings: Codable, Sendable {
    /// Requests a second in the long run; 0 for as many as come.
    public var perSecond = 1_000.0
    /// Requests at once.
    public var burst = 2_000
    /// How many callers are told apart; more of them at the same time share one bucket.
    public var callers = 10_000

    /// The defaults.
    public init() {}

    func validate() throws {
        try check("rate.perSecond", perSecond, in: 0...1_000_000)
        try check("rate.burst", burst, in: 1...10_000_000)
        try check("rate.callers", callers, in: 16...1_000_000)
    }
}

/// How long things may take, in seconds.
public struct Timeouts: Codable, Sendable {
    /// From a request's head to its last byte.
    public var read = 10.0
    /// From its last byte to the answer.
    public var answer = 10.0
    /// The same for replacing a model, which is loaded and warmed up meanwhile.
    public var replace = 600.0
    /// For which a connection may do nothing.
    public var idle = 60.0
    /// From the start of a connection to the end of its first request's head; later from a head's first byte to its end.
    public var headersSeconds = 10.0

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case read, answer, replace, idle
        case headersSeconds = "headers_seconds"
    }

    func validate() throws {
        let values = [
            ("read", read), ("answer", answer), ("replace", replace), ("idle", idle),
            ("headers_seconds", headersSeconds),
        ]
        for (key, value) in values {
            try check("timeouts.\(key)", value, in: 0.05...86_400)
        }
    }
}
