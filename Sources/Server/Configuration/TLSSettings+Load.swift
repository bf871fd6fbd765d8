// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Configurations
import HummingbirdCore

#if TLS
    import HummingbirdTLS
    import NIOSSL

    extension TLSSettings {
        /// The server with TLS on top, when a certificate is configured.
        ///
        /// - Throws: `ConfigurationError` for a certificate or a key that cannot be used.
        func secure(_ plain: HTTPServerBuilder) throws -> HTTPServerBuilder {
            certificate.isEmpty ? plain : try .tls(plain, tlsConfiguration: load())
        }

        /// Reads the files; TLS 1.2 and later.
        func load() throws -> TLSConfiguration {
            let chain = try read("certificate", certificate) { try NIOSSLCertificate.fromPEMFile($0) }
            guard !chain.isEmpty else {
                throw ConfigurationError("tls.certificate: found no certificate in \(certificate), expected PEM")
            }
            let secret = try read("key", key) { try NIOSSLPrivateKey(file: $0, format: .pem) }
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(secret)
            )
            configuration.minimumTLSVersion = .tlsv12
            return configuration
        }

        private func read<Value>(_ name: String, _ path: String, _ load: (String) throws -> Value) throws -> Value {
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
    extension TLSSettings {
        /// The plain server; this build has no TLS.
        ///
        /// - Throws: `ConfigurationError` when a certificate is configured.
        func secure(_ plain: HTTPServerBuilder) throws -> HTTPServerBuilder {
            guard certificate.isEmpty else {
                throw ConfigurationError(
                    """
                    tls.certificate: found \(certificate), but this build answers plain HTTP only. Build with \
                    'make build TRAITS=TLS', or let a reverse proxy in front of the server terminate TLS.
                    """
                )
            }
            return plain
        }
    }
#endif
