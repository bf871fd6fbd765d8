// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import Synchronization

/// Who may be connected: so many at once, so many of them from one address, and some more for health checks alone.
///
/// A connection beyond the limits is taken in on one of the reserved places, where only `/health/live` and `/health/ready`
/// are answered. When these are taken as well, the oldest of them ends: a health check asks at once, and does not need to
/// stay.
final class ConnectionSlots: Sendable {
    /// How many connections there may be beyond the limits.
    static let reserve = 16

    private struct State {
        var ordinary = 0
        var byPeer: [String: Int] = [:]
        var reserved: [any Channel] = []
    }

    private let limits: Limits
    private let metrics: ServerMetrics
    private let state = Mutex(State())

    init(_ limits: Limits, metrics: ServerMetrics) {
        self.limits = limits
        self.metrics = metrics
    }

    /// Takes a new connection in until it closes.
    ///
    /// - Returns: Whether it is within the limits.
    func enter(_ channel: any Channel) -> Bool {
        let peer = Peer.name(of: channel.remoteAddress)
        let (isOrdinary, oldest): (Bool, (any Channel)?) = state.withLock { state in
            let others = state.byPeer[peer] ?? 0
            if state.ordinary < limits.connections, others < limits.connectionsPerAddress {
                state.ordinary += 1
                state.byPeer[peer] = others + 1
                return (true, nil)
            }
            state.reserved.append(channel)
            return (false, state.reserved.count > Self.reserve ? state.reserved.removeFirst() : nil)
        }
        oldest?.close(promise: nil)
        metrics.connectionOpened(isOrdinary: isOrdinary)
        channel.closeFuture.whenComplete { _ in self.leave(channel, peer, isOrdinary) }
        return isOrdinary
    }

    /// Whether a connection is on one of the reserved places.
    func isReserved(_ channel: any Channel) -> Bool {
        state.withLock { state in state.reserved.contains { $0 === channel } }
    }

    private func leave(_ channel: any Channel, _ peer: String, _ isOrdinary: Bool) {
        state.withLock { state in
            guard isOrdinary else { return state.reserved.removeAll { $0 === channel } }
            state.ordinary -= 1
            let others = (state.byPeer[peer] ?? 1) - 1
            state.byPeer[peer] = others > 0 ? others : nil
        }
        metrics.connectionClosed()
    }
}

/// Where connections come from.
enum Peer {
    /// What the limits go by: an address of IPv4, or the first half of one of IPv6, which is one customer's as a rule.
    static func name(of address: SocketAddress?) -> String {
        guard case .v6(let six) = address else { return address?.ipAddress ?? "unknown" }
        // `sin6_addr`, by its place (RFC 3493, section 3.3): which module has the member depends on the order of a build.
        let bytes = withUnsafeBytes(of: six.address) { Array($0[8..<24]) }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        guard !isMapped else { return bytes[12...].map(String.init).joined(separator: ".") }
        return bytes[..<8].map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}
