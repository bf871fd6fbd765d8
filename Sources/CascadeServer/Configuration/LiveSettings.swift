// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations

extension ServerConfiguration {
    /// Reads the files that the configuration names: tokens, certificate and key.
    ///
    /// - Throws: `ConfigurationError` for files that cannot be used.
    public func validateFiles() throws {
        try ConfigurationError.requireAll({ _ = try allTokens() }, { _ = try Certificate(tls) })
    }
}

/// What can change while the server runs: who may call, the certificate, the level of the log.
final class LiveSettings: Sendable {
    let tokens: LiveTokens
    let certificate: Certificate
    private let running: ServerConfiguration
    private let reread: @Sendable () throws -> ServerConfiguration

    /// Reads the files that a configuration names.
    ///
    /// - Parameters:
    ///   - running: What the server starts with.
    ///   - reread: Reads the configuration again.
    /// - Throws: `ConfigurationError` for files that cannot be used.
    init(_ running: ServerConfiguration, reread: @escaping @Sendable () throws -> ServerConfiguration) throws {
        self.running = running
        self.reread = reread
        tokens = LiveTokens(try running.allTokens())
        certificate = try Certificate(running.tls)
    }

    /// Takes over what has changed, all of it or nothing.
    ///
    /// - Returns: The keys that have changed and need a new start.
    /// - Throws: `ConfigurationError` for a configuration or files that cannot be used.
    func reload() throws -> [String] {
        let new = try reread()
        var next = running
        (next.tokens, next.tokensFile, next.tls, next.logs.level) = (
            new.tokens, new.tokensFile, new.tls, new.logs.level
        )
        // With the address that the server listens on: without tokens that must be this machine's own.
        try next.validate()
        guard next.tls.certificate.isEmpty == running.tls.certificate.isEmpty else {
            throw ConfigurationError(
                "tls: found a change between HTTP and HTTPS, expected that at a new start only. Start the server anew"
            )
        }
        let callers = try next.allTokens()
        try certificate.replace(next.tls)
        tokens.replace(callers)
        LogOutput.standardError.level = next.logs.level
        return try Self.differences(next, new)
    }

    private static func differences(_ one: ServerConfiguration, _ other: ServerConfiguration) throws -> [String] {
        guard case .object(let one) = try JSONValue(encoding: one),
            case .object(let other) = try JSONValue(encoding: other)
        else { return [] }
        return one.keys.filter { one[$0] != other[$0] }.sorted()
    }
}
