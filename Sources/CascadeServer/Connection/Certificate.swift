// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import NIOCore
import Synchronization

#if TLS
    import NIOSSL

    /// The certificate that new connections are answered with; it can be replaced while the server runs.
    final class Certificate: Sendable {
        private let current: Mutex<NIOSSLContext?>

        /// Reads the files that the settings name; nothing for plain HTTP.
        ///
        /// - Throws: `ConfigurationError` for a certificate or a key that cannot be used.
        init(_ settings: TLSSettings) throws { current = Mutex(try Self.load(settings)) }

        /// Reads the files again, for the connections to come; when they cannot be used, the old certificate stays.
        ///
        /// - Throws: `ConfigurationError` for a certificate or a key that cannot be used.
        func replace(_ settings: TLSSettings) throws {
            let new = try Self.load(settings)
            current.withLock { $0 = new }
        }

        /// Puts TLS in front of a connection, when there is a certificate.
        func secure(_ pipeline: ChannelPipeline.SynchronousOperations) throws {
            guard let context = current.withLock({ $0 }) else { return }
            try pipeline.addHandler(NIOSSLServerHandler(context: context))
        }

        /// TLS 1.2 and later.
        private static func load(_ settings: TLSSettings) throws -> NIOSSLContext? {
            guard !settings.certificate.isEmpty else { return nil }
            let chain = Result {
                let chain = try read("certificate", settings.certificate) { try NIOSSLCertificate.fromPEMFile($0) }
                guard !chain.isEmpty else {
                    throw ConfigurationError(
                        "tls.certificate: found no certificate in \(settings.certificate), expected PEM"
                    )
                }
                return chain
            }
            let secret = Result { try read("key", settings.key) { try NIOSSLPrivateKey(file: $0, format: .pem) } }
            try ConfigurationError.requireAll({ _ = try chain.get() }, { _ = try secret.get() })
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try chain.get().map { .certificate($0) },
                privateKey: .privateKey(try secret.get())
            )
            configuration.minimumTLSVersion = .tlsv12
            do {
                return try NIOSSLContext(configuration: configuration)
            } catch {
                throw ConfigurationError(
                    """
                    tls.key: \(settings.key) does not fit \(settings.certificate) (\(error)), expected the private key of \
                    that certificate
                    """
                )
            }
        }

        private static func read<Value>(
            _ name: String,
            _ path: String,
            _ load: (String) throws -> Value
        ) throws -> Value {
            do {
                return try load(path)
            } catch {
                throw ConfigurationError(
                    "tls.\(name): \(path) could not be read (\(error)), expected a file in PEM that this user may read"
                )
            }
        }
    }
#else
    /// The certificate of a build without TLS: none.
    final class Certificate: Sendable {
        /// Plain HTTP.
        ///
        /// - Throws: `ConfigurationError` when a certificate is configured.
        init(_ settings: TLSSettings) throws { try replace(settings) }

        /// Still plain HTTP.
        ///
        /// - Throws: `ConfigurationError` when a certificate is configured.
        func replace(_ settings: TLSSettings) throws {
            guard settings.certificate.isEmpty else {
                throw ConfigurationError(
                    """
                    tls.certificate: found \(settings.certificate), but this build answers plain HTTP only. Build with \
                    'make build TRAITS=TLS', or let a reverse proxy in front of the server terminate TLS.
                    """
                )
            }
        }

        /// Nothing.
        func secure(_ pipeline: ChannelPipeline.SynchronousOperations) throws {}
    }
#endif
