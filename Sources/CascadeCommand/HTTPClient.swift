// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeSimulation
import CascadeTensorFiles
import Foundation
import NIOCore
import NIOHTTP1

/// Requests to one service, over connections that stay open; as many as are asked at once.
actor HTTPClient {
    /// What came back.
    struct Reply: Sendable {
        let path: String
        let status: Int
        let body: Data
        /// How often the request was sent.
        let attempts: Int

        /// What a problem document says; the beginning of any other body.
        var detail: String {
            struct Problem: Decodable { let detail: String }
            let text = String(decoding: body.prefix(200), as: UTF8.self)
            return (try? JSONDecoder().decode(Problem.self, from: body).detail) ?? text
        }
    }

    /// How often a request is sent again when the service is busy or its connection broke.
    private static let mostRetries = 8
    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(5)

    private let host: String
    private let port: Int
    private let hostHeader: String
    private let token: String?
    private var idle: [HTTPConnection] = []

    /// Prepares requests; nothing is connected yet.
    ///
    /// - Throws: ``LiveError`` for an address that is none.
    init(_ address: String, token: String?) throws {
        guard let parts = URLComponents(string: address), parts.scheme == "http", let host = parts.host, !host.isEmpty,
            ["", "/"].contains(parts.path), parts.query == nil, parts.user == nil
        else {
            throw LiveError(
                .badConfiguration,
                "--url: found '\(address)', expected http://HOST:PORT without a path. Correct it; a service with TLS can be "
                    + "reached by another port without."
            )
        }
        self.host = host.trimmingCharacters(in: ["[", "]"])
        port = parts.port ?? 80
        hostHeader = "\(host):\(port)"
        self.token = token
    }

    /// Sends a request, again after a pause when the service is busy (429, 503).
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - path: The path with its query.
    ///   - time: The time of the simulation; nil for none.
    ///   - body: JSON; nil for none.
    ///   - isPreview: Whether a page is only looked at.
    ///   - retries: How often it is sent again.
    /// - Returns: The last answer, whatever its status.
    func send(
        _ method: HTTPMethod,
        _ path: String,
        at time: Int64? = nil,
        body: Data? = nil,
        isPreview: Bool = false,
        retries: Int = HTTPClient.mostRetries
    ) async throws -> Reply {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: path)
        head.headers.add(name: "Host", value: hostHeader)
        if let token { head.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let time { head.headers.add(name: "X-Cascade-Time", value: "\(time)") }
        if isPreview { head.headers.add(name: "X-Cascade-Preview", value: "1") }
        if let body {
            head.headers.add(name: "Content-Type", value: "application/json")
            head.headers.add(name: "Content-Length", value: "\(body.count)")
        }
        var pause = Self.firstPause
        for attempt in 1... {
            do {
                let answer = try await exchange(head, body)
                guard [429, 503].contains(answer.status), attempt <= retries else {
                    return Reply(path: path, status: answer.status, body: answer.body, attempts: attempt)
                }
                // A service that says when is asked no earlier.
                if let seconds = answer.retryAfter { pause = max(pause, .seconds(seconds)) }
            } catch  where error is HTTPConnection.Broken || error is HTTPConnection.Unreachable {
                // A service that starts anew is there again in a moment.
                guard attempt <= retries else { throw error }
            }
            try await Task.sleep(for: min(pause, Self.longestPause))
            pause = min(pause * 2, Self.longestPause)
        }
        preconditionFailure("attempts are counted without end")
    }

    private func exchange(_ head: HTTPRequestHead, _ body: Data?) async throws -> HTTPConnection.Answer {
        idle.removeAll { !$0.isOpen }
        let connection: HTTPConnection
        if let waiting = idle.popLast() {
            connection = waiting
        } else {
            connection = try await HTTPConnection.open(host: host, port: port)
        }
        let answer = try await connection.send(head, body)
        if connection.isOpen { idle.append(connection) }
        return answer
    }
}
