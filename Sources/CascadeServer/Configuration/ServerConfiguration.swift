// Part of Cascade. SPDX-License-Identifier: Apache-2.0

public import CascadeConfigurations
public import Logging

/// The HTTP server: its address, its callers, and its limits.
public struct ServerConfiguration: Settings {
    /// The address to listen on.
    ///
    /// Without tokens only `127.0.0.1` and `::1` are accepted.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 takes a free one.
    public var port = 8080
    /// The certificate; none by default, which is plain HTTP.
    public var tls = TLSSettings()
    /// Who may call; when there are none, everybody on this machine may do everything.
    public var tokens: [CallerSettings] = []
    /// A file with further callers, one a line: name, role, hash; empty for none.
    public var tokensFile = ""
    /// Which web pages may call from a browser; none by default.
    public var cors = CORSSettings()
    /// Who may read `/metrics` and `/v1/status`.
    public var metrics = MetricsAccess.admin
    /// What a request may be.
    public var limits = Limits()
    /// How often one caller may call.
    public var rate = RateSettings()
    /// How long things may take.
    public var timeouts = Timeouts()
    /// The shortest answer that is compressed when its reader can take it, in bytes; 0 for none.
    public var compressionMinBytes = 1_024
    /// For how long the service goes on answering after it was told to stop, and says that it is not ready.
    public var drainSeconds = 1.0
    /// How long the service may then take to stop.
    public var shutdownSeconds = 20.0
    /// Whether requests may say what time it is, with the header `X-Cascade-Time`; for simulations only.
    ///
    /// Never in production: every caller could then date impressions and events as it likes.
    public var simulatedTime = false
    /// What is logged, and how.
    public var logs = LogSettings()

    /// The defaults.
    public init() {}

    private enum CodingKeys: String, CodingKey {
        case host, port, tls, tokens
        case tokensFile = "tokens_file"
        case cors, metrics, limits, rate, timeouts
        case compressionMinBytes = "compression_min_bytes"
        case drainSeconds = "drain_seconds"
        case shutdownSeconds = "shutdown_seconds"
        case simulatedTime = "simulated_time"
        case logs
    }

    /// Refuses values outside of their ranges, half a certificate, and other addresses than loopback without tokens.
    public func validate() throws {
        try check("port", port, in: 0...65_535)
        try check("drain_seconds", drainSeconds, in: 0...3_600)
        try check("shutdown_seconds", shutdownSeconds, in: 0.1...3_600)
        try check("compression_min_bytes", compressionMinBytes, in: 0...(1 << 30))
        try cors.validate()
        try limits.validate()
        try rate.validate()
        try timeouts.validate()
        try CallerSettings.refuseRepetitions(tokens)
        guard tls.certificate.isEmpty == tls.key.isEmpty else {
            let missing = tls.key.isEmpty ? "key" : "certificate"
            throw ConfigurationError("tls.\(missing): found nothing, expected a path; certificate and key go together")
        }
        guard !tokens.isEmpty || !tokensFile.isEmpty || Self.loopback.contains(host) else {
            throw ConfigurationError(
                """
                host: found '\(host)' without tokens, expected 127.0.0.1 or ::1, because every caller that reaches the port \
                could then do everything. Add tokens ('cascade token' makes one), or listen on 127.0.0.1
                """
            )
        }
    }

    /// Addresses that only this machine reaches.
    static let loopback: Set<String> = ["127.0.0.1", "::1"]
}

/// Who may read what an operator watches.
public enum MetricsAccess: String, Sendable, Codable, CaseIterable {
    /// Callers whose token has the role `metrics` or `admin`.
    case admin
    /// All callers that reach the port.
    case open
}

/// The files of a certificate, in PEM; both paths empty for plain HTTP.
public struct TLSSettings: Codable, Sendable {
    /// The certificate, followed by those that vouch for it.
    public var certificate = ""
    /// Its private key.
    public var key = ""

    /// Plain HTTP.
    public init() {}
}

/// What is logged, and how.
public struct LogSettings: Codable, Sendable {
    /// The least serious level that is written.
    public var level = Logger.Level.info
    /// How a line looks.
    public var format = LogFormat.json

    /// One JSON object a line, from `info` up.
    public init() {}
}

/// How a line of the log looks.
public enum LogFormat: String, Sendable, Codable, CaseIterable {
    /// One JSON object.
    case json
    /// Words, for a terminal.
    case text
}

/// Refuses a value outside of its range.
func check<Value: Comparable>(_ key: String, _ value: Value, in range: ClosedRange<Value>) throws {
    guard range.contains(value) else {
        throw ConfigurationError("\(key): found \(value), expected \(range.lowerBound) to \(range.upperBound)")
    }
}
