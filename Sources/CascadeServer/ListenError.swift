// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix

/// The server cannot listen: its port is in use, or this user may not have it, or the address is not this machine's.
public struct ListenError: Error, CustomStringConvertible {
    /// Why it cannot.
    public enum Reason: Sendable {
        /// Another process listens there.
        case inUse
        /// Ports below 1,024 are the system's.
        case notAllowed
        /// The host has no address, or none of this machine.
        case noSuchAddress
    }

    /// Why it cannot.
    public let reason: Reason
    /// The whole sentence.
    public let description: String

    /// What an error of the network means; nil when it has nothing to do with listening.
    init?(_ error: any Error, _ configuration: ServerConfiguration) {
        let (host, port) = (configuration.host, configuration.port)
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE:
            reason = .inUse
            description = """
                server.port: \(place) is in use by another process, expected a free port. End that process ('ss -ltnp' \
                names it), or choose another port in the configuration or with --port
                """
        case let error as IOError where error.errnoCode == EACCES:
            reason = .notAllowed
            description = """
                server.port: this user may not listen on \(place), expected a port from 1024. Choose one, or give the \
                program the right to it (CAP_NET_BIND_SERVICE; AmbientCapabilities= in a systemd unit)
                """
        case let error as IOError where [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode):
            reason = .noSuchAddress
            description = """
                server.host: found '\(host)', which is no address of this machine, expected one of its own ('ip address' \
                lists them), 0.0.0.0 or :: for all, 127.0.0.1 for this machine alone
                """
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            reason = .noSuchAddress
            description = """
                server.host: found '\(host)', which has no address, expected an address of this machine, or a name for one; \
                check the spelling
                """
        default: return nil
        }
    }
}

extension ServerConfiguration {
    /// Listens for a moment, to see whether it would work.
    ///
    /// - Throws: ``ListenError`` when it would not.
    public func tryListening() async throws {
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            try await channel.close()
        } catch {
            throw ListenError(error, self) ?? error
        }
    }
}
