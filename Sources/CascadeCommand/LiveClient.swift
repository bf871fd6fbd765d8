// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeFunnel
import CascadeServer
import CascadeSimulation
import CascadeTensorFiles
import Foundation
import NIOHTTP1

/// A running service, as a live population uses it over HTTP.
struct LiveClient: LiveService {
    /// Items and events of one request at most, so that its body stays far below `limits.body_bytes`.
    private static let mostPerRequest = 500
    /// How long to wait for new words to be found, and for impressions to be stored.
    private static let patience = Duration.seconds(15)
    private static let pause = Duration.milliseconds(100)
    private static let secondCount = Duration.seconds(2)

    private let client: HTTPClient
    private let address: String
    private let configuration: String
    private let batch: Int

    /// Prepares the client; it connects with the first request.
    ///
    /// - Parameters:
    ///   - address: `http://HOST:PORT`.
    ///   - token: The token; nil for a service without.
    ///   - settings: The configuration of the service.
    ///   - configuration: Its file.
    init(_ address: String, token: String?, settings: ServiceSettings, configuration: String) throws {
        client = try HTTPClient(address, token: token)
        self.address = address
        self.configuration = configuration
        batch = min(Self.mostPerRequest, settings.server.limits.batch)
    }

    /// Where a service of this configuration listens.
    static func address(of server: ServerConfiguration, in path: String) throws -> String {
        guard server.port != 0 else {
            throw LiveError(
                .badConfiguration,
                "\(path): server.port: found 0, a free port that only the service knows; expected its number. Give --url."
            )
        }
        let host = ["0.0.0.0", "::"].contains(server.host) ? "127.0.0.1" : server.host
        return "http://\(host.contains(":") ? "[\(host)]" : host):\(server.port)"
    }

    /// Waits until the service has loaded.
    ///
    /// - Throws: ``LiveError`` when nothing listens, or what listens does not become ready.
    func requireReady() async throws {
        var reply: HTTPClient.Reply
        let end = ContinuousClock.now + .seconds(60)
        repeat {
            do {
                reply = try await client.send(.GET, "/health/ready", retries: 0)
            } catch is HTTPConnection.Unreachable {
                throw LiveError(
                    .failed,
                    "\(address): found nothing that listens, expected the service of \(configuration). Start it with "
                        + "'cascade serve --config \(configuration)', or give its address with --url."
                )
            }
            if reply.status == 200 { return }
            try await Task.sleep(for: Self.pause)
        } while ContinuousClock.now < end
        throw LiveError(
            .failed,
            "\(address): found a service that is not ready after a minute, expected one that is. Its log says why: "
                + "\(reply.detail)"
        )
    }

    func add(_ items: [LiveItem], at time: Int64) async throws {
        for first in stride(from: 0, to: items.count, by: batch) {
            let part = Array(items[first..<min(first + batch, items.count)])
            try await check(client.send(.PUT, "/v1/items", at: time, body: JSONEncoder.compact.encode(["items": part])))
        }
        guard let last = items.last else { return }
        // Words are indexed after popularity was counted: who finds the last title has both.
        let query = "/v1/search?k=20&q=\(Self.escaped(last.title))"
        let end = ContinuousClock.now + Self.patience
        while ContinuousClock.now < end {
            let reply = try await check(client.send(.GET, query, at: time, isPreview: true))
            let page = try Self.decode(LivePage.self, reply)
            if page.items.contains(last.id) { break }
            try await Task.sleep(for: Self.pause)
        }
        // Items of several requests may have it counted twice.
        if items.count > batch { try await Task.sleep(for: Self.secondCount) }
    }

    func page(for user: UserID, query: String?, count: Int, at time: Int64) async throws -> LivePage {
        let name = Self.escaped(user.rawValue)
        let path =
            query.map { "/v1/search?user=\(name)&k=\(count)&q=\(Self.escaped($0))" }
            ?? "/v1/users/\(name)/recommendations?k=\(count)"
        return try Self.decode(LivePage.self, await check(client.send(.GET, path, at: time)))
    }

    func record(_ events: [LiveEvent], at time: Int64) async throws -> Int {
        var known = 0
        for first in stride(from: 0, to: events.count, by: batch) {
            let part = events[first..<min(first + batch, events.count)].map(SentEvent.init)
            let body = try JSONEncoder.compact.encode(["events": part])
            let reply = try await check(client.send(.POST, "/v1/events", at: time, body: body))
            // What was sent again may have been stored the first time.
            guard reply.attempts == 1 else { continue }
            known += try Self.decode(Receipts.self, reply).receipts.count { $0.status != "stored" }
        }
        return known
    }

    func abTests() async throws -> [LiveReportedTest]? {
        let reply = try await client.send(.GET, "/v1/ab-tests")
        if [401, 403].contains(reply.status) { return nil }
        return try Self.decode(Tests.self, check(reply)).abTests.map(LiveReportedTest.init)
    }

    /// The A/B tests, when their reports count as many requests as there were, or after some seconds.
    ///
    /// Impressions are stored behind the answers. A service that keeps a sample of them never counts as many.
    func abTests(counting requests: [String: Int]) async throws -> [LiveReportedTest]? {
        let end = ContinuousClock.now + Self.patience
        while true {
            guard let tests = try await abTests() else { return nil }
            let isComplete = tests.allSatisfy { $0.requests >= requests[$0.name] ?? 0 }
            if isComplete || ContinuousClock.now > end { return tests }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Refuses an answer that is none.
    @discardableResult
    private func check(_ reply: HTTPClient.Reply) throws -> HTTPClient.Reply {
        guard reply.status != 200 else { return reply }
        let advice =
            [401, 403].contains(reply.status)
            ? "Give a token of the role write or admin with --token."
            : "The service's log has more; it must run with the configuration that --config names."
        throw LiveError(
            .failed,
            "\(address)\(reply.path): found status \(reply.status) (\(reply.detail)), expected 200. \(advice)"
        )
    }

    private static func decode<Value: Decodable>(_ type: Value.Type, _ reply: HTTPClient.Reply) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: reply.body)
        } catch {
            throw LiveError(
                .failed,
                "\(reply.path): found an answer of another form, expected that of Documentation/http-api.md. Check that "
                    + "--url is the address of a Cascade service of this version."
            )
        }
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~")))
            ?? ""
    }
}

/// An event as `/v1/events` takes it.
private struct SentEvent: Encodable {
    let id, action, request: String
    let user: UserID
    let item: ItemID
    let time: Int64
    let query: String?
    let value: Double?

    init(_ sent: LiveEvent) {
        (id, request, action) = (sent.id, sent.request, sent.event.action.name)
        (user, item, time) = (sent.event.user, sent.event.item, sent.event.time)
        (query, value) = (sent.event.query, sent.event.value)
    }
}

/// What `/v1/events` answers.
private struct Receipts: Decodable {
    struct One: Decodable { let status: String }
    let receipts: [One]
}

/// What `/v1/ab-tests` answers.
private struct Tests: Decodable {
    private enum CodingKeys: String, CodingKey { case abTests = "ab_tests" }
    let abTests: [ABTestReport]
}

extension LiveReportedTest {
    fileprivate init(_ report: ABTestReport) {
        self.init(
            name: report.name,
            arms: report.arms.map(\.arm),
            requests: report.arms.reduce(0) { $0 + $1.requests },
            effects: report.differences.compactMap { difference in
                difference.metrics["click_rate"].map {
                    LiveReportedEffect(
                        arm: difference.arm,
                        baseline: difference.baseline,
                        effect: $0.value,
                        low: $0.low,
                        high: $0.high
                    )
                }
            }
        )
    }
}
