// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import ServerTestSupport
import ServiceLifecycle
import TestSupport
import Testing

@testable import CascadeServer
@testable import struct CascadeServer.ServerConfiguration

@Suite("Server over a socket")
struct SocketTests {
    private let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"

    @Test("Requests in one packet are answered in order, on one connection")
    func pipelining() async throws {
        try await RunningServer.run { server in
            let connection = try RawConnection(port: server.port)
            let second = "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            connection.send(live + live + second)
            let answers = await connection.receive().components(separatedBy: "HTTP/1.1 ").dropFirst().map {
                $0.prefix(3)
            }
            #expect(answers == ["200", "200", "404"])
        }
    }

    @Test("Headers that do not end are waited for only so long")
    func slowHeaders() async throws {
        try await RunningServer.run({ $0.timeouts.idleSeconds = 0.4 }) { server in
            let connection = try RawConnection(port: server.port)
            connection.send("GET /health/live HTTP/1.1\r\nHost: local")
            async let rest = connection.receive()
            for _ in 0..<4 {
                try await Task.sleep(for: .milliseconds(100))
                connection.send("h")
            }
            #expect(await rest.isEmpty)
        }
    }

    @Test("A body that trickles is answered with 408, and its connection closed", arguments: [true, false])
    func slowBody(_ chunked: Bool) async throws {
        try await RunningServer.run({ $0.timeouts.readSeconds = 0.3 }) { server in
            let connection = try RawConnection(port: server.port)
            let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 1000"
            connection.send(
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(framing)\r\n\r\n"
            )
            let answer = connection.listen()
            #expect(try await connection.trickle(chunked ? "1\r\n \r\n" : " "))
            #expect(await answer.value.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("A body that nobody asked for is not read for ever")
    func unwantedBody() async throws {
        try await RunningServer.run({ $0.timeouts.readSeconds = 0.2 }) { server in
            let connection = try RawConnection(port: server.port)
            connection.send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(try await connection.trickle("1\r\n \r\n"))
        }
    }

    @Test("Too long a body is refused without being read", arguments: [true, false])
    func oversize(_ chunked: Bool) async throws {
        try await RunningServer.run { server in
            let connection = try RawConnection(port: server.port)
            let framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 100000000"
            connection.send(
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(framing)\r\n\r\n"
            )
            let answer = connection.listen { $0.contains("\r\n\r\n") }
            let megabyte = String(repeating: " ", count: 1 << 20)
            for _ in 0..<(chunked ? 3 : 0) where !connection.send("100000\r\n\(megabyte)\r\n") { break }
            #expect(await answer.value.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test(
        "What is no HTTP, or too much of it, is a bad request",
        arguments: [
            "\u{16}\u{3}\u{1} hello\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "GET /" + String(repeating: "a", count: 100_000) + " HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 100_000) + "\r\n\r\n",
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ]
    )
    func malformed(_ text: String) async throws {
        try await RunningServer.run { server in
            let connection = try RawConnection(port: server.port)
            connection.send(text)
            #expect(await connection.receive().hasPrefix("HTTP/1.1 4"))
            let other = try RawConnection(port: server.port)
            other.send(live)
            #expect(await other.receive { $0.contains("live") }.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("Without tokens a foreign host is not answered")
    func rebinding() async throws {
        try await RunningServer.run { server in
            let connection = try RawConnection(port: server.port)
            connection.send("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            #expect(await connection.receive().hasPrefix("HTTP/1.1 421 "))
        }
    }

    @Test("Stopping finishes what runs, and closes what idles")
    func gracefulShutdown() async throws {
        try await RunningServer.run { server in
            let idle = try RawConnection(port: server.port)
            idle.send(live)
            _ = await idle.receive { $0.contains("live") }
            let busy = try RawConnection(port: server.port)
            busy.send(
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 49\r\n\r\n{"
            )
            try await server.hasRequest()
            await server.group.triggerGracefulShutdown()
            #expect(await idle.receive().isEmpty)
            #expect(!server.flushed.isSet)
            busy.send(#""id":"1","user":"1","item":"1","action":"click"}"#)
            #expect(await busy.receive().hasPrefix("HTTP/1.1 200 "))
            #expect(throws: (any Error).self) { try RawConnection(port: server.port) }
        }
    }

    @Test("Stopping does not wait for ever")
    func shutdownDeadline() async throws {
        try await RunningServer.run({ $0.shutdownSeconds = 0.8 }) { server in
            await server.service.set(fault: .hangForever)
            let connection = try RawConnection(port: server.port)
            connection.send("GET /v1/ab-tests HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await server.hasRequest()
            await server.group.triggerGracefulShutdown()
            #expect(await connection.receive().isEmpty)
        }
    }

    #if TLS
        @Test("With a certificate the server answers HTTPS, TLS 1.2 and later")
        func https() async throws {
            let folder = try TemporaryFolder()
            let (certificate, key) = (folder.file("certificate.pem").path, folder.file("key.pem").path)
            let make =
                "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
            let made = try await shell("\(make) -out \(certificate) -keyout \(key) 2>/dev/null")
            #expect(made.status == 0)
            try await RunningServer.run({ ($0.tls.certificate, $0.tls.key) = (certificate, key) }) { server in
                let script = """
                    import ssl, urllib.request
                    context = ssl.create_default_context(cafile="\(certificate)")
                    print(urllib.request.urlopen("https://127.0.0.1:\(server.port)/health/live", context=context).status)
                    context.maximum_version = ssl.TLSVersion.TLSv1_1
                    try:
                        urllib.request.urlopen("https://127.0.0.1:\(server.port)/health/live", context=context)
                    except OSError:
                        print("refused")
                    """
                let asked = try await shell("python3 -W ignore -c '\(script)'")
                #expect(asked.output == "200\nrefused\n")
            }
        }

        @Test("A renewed certificate is answered with after a reload; one that does not fit leaves the old one")
        func renewedCertificate() async throws {
            let folder = try TemporaryFolder()
            let (certificate, key) = (folder.file("certificate.pem").path, folder.file("key.pem").path)
            @Sendable func renew(_ name: String) async throws {
                let made = try await shell(
                    """
                    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=\(name) -out \(certificate) -keyout \(key) \
                    2>/dev/null
                    """
                )
                try #require(made.status == 0)
            }
            try await renew("first")
            try await RunningServer.run({ ($0.tls.certificate, $0.tls.key) = (certificate, key) }) { server in
                let subject = """
                    openssl s_client -connect 127.0.0.1:\(server.port) </dev/null 2>/dev/null | openssl x509 -noout -subject
                    """
                let before = try await shell(subject)
                #expect(before.output.contains("first"))
                try await renew("second")
                server.server.reload()
                #expect(try await shell(subject).output.contains("second"))
                try Data("no key".utf8).write(to: folder.file("key.pem"))
                server.server.reload()
                #expect(try await shell(subject).output.contains("second"))
            }
        }

        /// Runs a command on a thread of its own.
        private func shell(_ command: String) async throws -> (status: Int32, output: String) {
            try await withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            let (process, pipe) = (Process(), Pipe())
                            process.executableURL = URL(fileURLWithPath: "/bin/sh")
                            (process.arguments, process.standardOutput) = (["-c", command], pipe)
                            try process.run()
                            let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
                            process.waitUntilExit()
                            return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
                        }
                    )
                }
            }
        }
    #endif
}
