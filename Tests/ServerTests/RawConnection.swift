// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// A TCP connection on which a test says exactly what it wants, and waits for the answer on a thread of its own.
final class RawConnection: Sendable {
    private let socket: Int32

    init(port: Int) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        var limit = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(socket) }

    /// Sends; false when the other side has closed.
    @discardableResult
    func send(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Sends the text again and again until the other side closes; false when it does not.
    func trickle(_ text: String) async throws -> Bool {
        for _ in 0..<900 {
            guard send(text) else { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    /// Everything until the other side closes, or until `enough` says so; ends with a remark when nothing comes for long.
    func receive(until enough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
        await listen(until: enough).value
    }

    /// The same, from now on, whoever waits for it and when: what is not read in time, a broken connection destroys.
    func listen(until enough: @escaping @Sendable (String) -> Bool = { _ in false }) -> Task<String, Never> {
        let (answers, answer) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread { [self] in
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while !enough(String(decoding: bytes, as: UTF8.self)) {
                let count = recv(socket, &buffer, buffer.count, 0)
                if count < 0, errno == EAGAIN { bytes += Array("(nothing more comes)".utf8) }
                guard count > 0 else { break }
                bytes += buffer[..<count]
            }
            answer.yield(String(decoding: bytes, as: UTF8.self))
        }
        return Task { await answers.first { _ in true } ?? "" }
    }
}
