// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationNetworking
import TestSupport
import Testing

@Suite("cascade simulate live")
struct LiveTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A service of popular items in simulated time, which counts when items come and at no other time.
    ///
    /// No deadline runs, so that a busy machine leaves no stage out.
    private func configuration(_ name: String, server: String = ", simulated_time: true") throws -> String {
        try folder.write(
            """
            store: {path: \(folder.path("\(name).sqlite"))}
            popularity: {refresh_seconds: 86400}
            history: {deadline_ms: 600000}
            recommendation: {deadline_ms: 600000, sources: [{builtin: popular, deadline_ms: 600000}]}
            search: {deadline_ms: 600000, sources: [{builtin: lexical, deadline_ms: 600000}]}
            variants: {newest: {recommendation: {sources: [{builtin: newest, deadline_ms: 600000}]}}}
            ab_tests:
              - name: sources
                arms: [{name: popular, share: 0.5, funnel: default}, {name: newest, share: 0.5, funnel: newest}]
            server: {port: 0, drain_seconds: 0, rate: {requests_per_second: 0},
                     timeouts: {response_seconds: 600}\(server)}
            """,
            to: "\(name).yaml"
        )
    }

    private func start(_ configuration: String) async throws -> (process: RunningProcess, url: String) {
        let process = try await RunningProcess.start(
            cascadeProgram(),
            ["serve", "--config", configuration],
            besideOthers: true
        )
        for _ in 0..<900 {
            if let port = try process.printed().firstMatch(of: /listening on 127\.0\.0\.1:(\d+)/)?.1 {
                return (process, "http://127.0.0.1:\(port)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("the service does not listen: \(try process.printed())")
        throw CancellationError()
    }

    private func document(_ address: String) async throws -> [String: Any] {
        let (data, _) = try await URLSession.shared.data(from: #require(URL(string: address)))
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func live(_ configuration: String, _ further: [String], status: Int32 = 0) async throws
        -> RunningProcess.Outcome
    {
        let size = ["--users", "30", "--items", "200", "--seed", "5"]
        return try await cascade(["simulate", "live", "--config", configuration] + size + further, status: status)
    }

    /// Everything that a service has stored of all people: impressions, and events by action.
    private func stored(_ url: String) async throws -> (impressions: Int, events: [String: Int]) {
        let users = try #require(try await document("\(url)/v1/users?prefix=user-&limit=100")["users"] as? [String])
        var (impressions, events) = (0, [String: Int]())
        for user in users {
            let export = try await document("\(url)/v1/users/\(user)")
            impressions += try #require(export["exposures"] as? [Any]).count
            for event in try #require(export["events"] as? [[String: Any]]) {
                events[try #require(event["action"] as? String), default: 0] += 1
            }
        }
        return (impressions, events)
    }

    @Test("its numbers are the store's, the A/B test stands beside its truth, and the same seed gives the same report")
    func twoDays() async throws {
        let first = try configuration("first")
        let (process, url) = try await start(first)
        let outcome = try await live(first, ["--days", "2", "--url", url, "--json", folder.path("first.json")])
        let report = try #require(
            try JSONSerialization.jsonObject(with: folder.data("first.json")) as? [String: Any]
        )
        let total = try #require(report["total"] as? [String: Any])
        let (impressions, events) = try await stored(url)
        #expect(total["impressions"] as? Int == impressions && impressions > 500)
        #expect(total["clicks"] as? Int == events["click"] && total["purchases"] as? Int == events["purchase"] ?? 0)
        let days = try #require(report["days"] as? [[String: Any]])
        #expect(days.map { $0["day"] as? Int } == [0, 1] && days.allSatisfy { $0["active"] as? Int == 30 })

        let test = try #require((report["ab_tests"] as? [[String: Any]])?.first)
        let arms = try #require(test["arms"] as? [[String: Any]])
        #expect(arms.map { $0["arm"] as? String } == ["popular", "newest"])
        let told = try #require((try await document("\(url)/v1/ab-tests")["ab_tests"] as? [[String: Any]])?.first)
        let toldArms = try #require(told["arms"] as? [[String: Any]])
        #expect(arms.map { $0["requests"] as? Int } == toldArms.map { $0["requests"] as? Int })
        for (arm, told) in zip(arms, toldArms) {
            let rate = ((told["metrics"] as? [String: Any])?["click_rate"] as? [String: Double])?["value"]
            #expect(abs(try #require(arm["clicked_request_rate"] as? Double) - (try #require(rate))) < 1e-9)
        }
        let effect = try #require((test["effects"] as? [[String: Any]])?.first)
        #expect(effect["reported"] != nil && effect["covers"] is Bool && effect["true_effect"] is Double)
        #expect(outcome.output.contains("true effect") && outcome.output.contains("new items first shown within"))
        process.send(SIGTERM)
        _ = try await process.outcome()

        // The same seed night after night, the service starting anew in between.
        let second = try configuration("second")
        let state = folder.path("state.json")
        for _ in 0..<2 {
            let (process, url) = try await start(second)
            let further = ["--days", "1", "--url", url, "--state", state, "--json", folder.path("second.json")]
            _ = try await live(second, further)
            process.send(SIGTERM)
            _ = try await process.outcome()
        }
        #expect(try folder.data("second.json") == folder.data("first.json"))
        let refused = try await live(second, ["--days", "1", "--state", state, "--from-day", "1"], status: 78)
        #expect(refused.errors.contains("expected 2"))
    }

    @Test("a service in real time, one that is not there, and mistakes are refused with what to do")
    func refuses() async throws {
        let real = try configuration("real", server: "")
        #expect(try await live(real, ["--days", "1"], status: 78).errors.contains("server.simulated_time"))
        let simulated = try configuration("simulated")
        #expect(try await live(simulated, ["--days", "1"], status: 78).errors.contains("Give --url"))
        let nobody = try await live(simulated, ["--days", "1", "--url", "http://127.0.0.1:1"], status: 1).errors
        #expect(nobody.contains("found nothing that listens") && nobody.contains("cascade serve --config"))
        #expect(try await live(simulated, ["--days", "1", "--url", "https://a"], status: 78).errors.contains("--url"))
        let world = try await live(simulated, ["--days", "1", "--world", "shopp"], status: 64).errors
        #expect(world.contains("Did you mean 'shop'?"))
    }
}
