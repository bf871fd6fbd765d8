// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationNetworking
import TestSupport
import Testing

@Suite("cascade serve")
struct ServeTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    /// A service that listens, and the way to ask it.
    private struct Service {
        let process: RunningProcess
        let port: Int

        /// Status and document of an answer.
        func ask(_ path: String, _ method: String = "GET", body: String? = nil) async throws -> (Int, [String: Any]) {
            var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
            request.httpMethod = method
            request.httpBody = body.map { Data($0.utf8) }
            request.setValue("application/json", forHTTPHeaderField: "content-type")
            let (data, response) = try await URLSession.shared.data(for: request)
            let document = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            return (try #require(response as? HTTPURLResponse).statusCode, document ?? [:])
        }

        /// The items of a page, in order.
        func page(_ path: String) async throws -> (items: [String], document: [String: Any]) {
            let (status, document) = try await ask(path)
            try #require(status == 200, "\(path): \(document)")
            let items = try #require(document["items"] as? [[String: Any]])
            return (items.compactMap { $0["item"] as? String }, document)
        }

        func stop() async throws -> RunningProcess.Outcome {
            process.send(SIGTERM)
            return try await process.outcome()
        }
    }

    /// Trains a model and builds its index; the configuration's path.
    private func prepare(_ further: String = "") async throws -> String {
        let data = try folder.driftWorld()
        try await Small.train("sasrec", on: data, to: folder.path("run"))
        try await cascade(["index", "build", folder.path("run"), "--to", folder.path("index"), "--kind", "hnsw"])
        return try folder.write(
            """
            store: {path: \(folder.path("store.sqlite")), seed: \(data)}
            slots:
              model: {kind: retriever, path: \(folder.path("run")), index: \(folder.path("index"))}
            recommendation:
              sources:
                - {slot: model, quota: 50}
                - {builtin: popular, quota: 10}
            \(further)
            server: {port: 0}
            """,
            to: "serve.yaml"
        )
    }

    private func start(_ configuration: String) async throws -> Service {
        let process = try await RunningProcess.start(
            cascadeProgram(),
            ["serve", "--config", configuration],
            besideOthers: true
        )
        for _ in 0..<600 {
            try await Task.sleep(for: .milliseconds(100))
            let log = try process.printed()
            guard let port = log.firstMatch(of: /listening on 127\.0\.0\.1:(\d+)/).flatMap({ Int($0.1) }) else {
                continue
            }
            let service = Service(process: process, port: port)
            if try await service.ask("/health/ready").0 == 200 { return service }
        }
        Issue.record("the service is not ready after a minute: \(try process.printed())")
        throw CancellationError()
    }

    @Test("an event in, another page out; what was acknowledged outlives the service; A/B tests count it")
    func serves() async throws {
        let configuration = try await prepare(
            """
            variants: {popular: {recommendation: {sources: [{builtin: popular}]}}}
            ab_tests:
              - name: sources
                arms: [{name: model, share: 0.5, funnel: default}, {name: popular, share: 0.5, funnel: popular}]
            """
        )
        var service = try await start(configuration)
        let (before, document) = try await service.page("/v1/users/1/recommendations?k=8")
        #expect(before.count == 8 && (document["degraded"] as? [Any])?.isEmpty == true)
        let request = try #require(document["request"] as? String)
        let event = """
            {"id": "e-1", "user": "1", "item": "\(before[0])", "action": "click", "time": 4, "request": "\(request)"}
            """
        let (status, receipts) = try await service.ask("/v1/events", "POST", body: event)
        #expect(status == 200 && "\(receipts)".contains("stored"))
        let (after, _) = try await service.page("/v1/users/1/recommendations?k=8")
        #expect(!after.contains(before[0]) && after != before)
        let (explained, _) = try await service.ask("/v1/explain/\(request)")
        #expect(explained == 200)
        #expect(try await service.page("/v1/items/\(before[0])/similar?k=3").items.count == 3)
        #expect(try await service.page("/v1/users/nobody/recommendations?k=3").items.count == 3)
        let stopped = try await service.stop()
        #expect(stopped.status == 0 && !stopped.wasKilled, "\(stopped.errors)")

        service = try await start(configuration)
        #expect("\(try await service.ask("/v1/events", "POST", body: event).1)".contains("duplicate"))
        #expect(try await !service.page("/v1/users/1/recommendations?k=8").items.contains(before[0]))
        #expect(try await service.ask("/v1/users/1", "DELETE").0 == 200)
        #expect(try await service.ask("/v1/users/1").0 == 404)
        _ = try await service.stop()
        let report = try await cascade([
            "ab", "report", "--config", configuration, "--store", folder.path("store.sqlite"), "--json",
        ])
        #expect(report.output.contains("\"sources\"") && report.output.contains("\"popular\""))
    }

    @Test("a service follows the store commands; the erased stay away; a store that is gone takes nothing in")
    func storeCommands() async throws {
        let (data, store) = (try folder.driftWorld(), folder.path("store.sqlite"))
        let configuration = try folder.write(
            "store: {path: \(store), seed: \(data)}\nserver: {port: 0}\n",
            to: "store.yaml"
        )
        let service = try await start(configuration)
        let (before, _) = try await service.page("/v1/users/user-1/recommendations?k=100")
        let user = try folder.write("user_id,item_id,timestamp\nuser-1,\(before[0]),1700000003\n", to: "one.csv")
        try await cascade([
            "data", "import", "--from", "csv", user, "--to", folder.path("one"), "--min-user-events", "1",
            "--min-item-events", "1",
        ])
        let filled = try await cascade(["store", "import", folder.path("one"), "--to", store]).output
        #expect(filled.contains("1 new events (0 already stored)"))
        #expect(try await service.page("/v1/users/user-1/recommendations?k=100").items == Array(before.dropFirst()))

        let erased = try #require(try await service.ask("/v1/users/user-1", "DELETE").1["erased"] as? Int)
        #expect(erased > 1)
        #expect(try await service.ask("/v1/users/user-1/erasure").1["status"] as? String == "done")
        let again = try await cascade(["store", "import", data, "--to", store]).output
        #expect(again.contains(" 0 new events") && again.contains("of 1 erased user"))
        #expect(try await service.ask("/v1/users/user-1").0 == 404)

        let copy = folder.path("copy.sqlite")
        try await cascade(["store", "backup", store, "--to", copy])
        let refused = try await cascade(["store", "restore", copy, "--to", store], status: 1).errors
        #expect(refused.contains("has the store open"))

        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: store + suffix) }
        let event = #"{"id": "g", "user": "g", "item": "3", "action": "click"}"#
        #expect(try await service.ask("/v1/events", "POST", body: event).0 == 503)
        let ready = try await service.ask("/health/ready")
        #expect(ready.0 == 503 && "\(ready.1)".contains("moved, removed or replaced"))
        #expect("\(try await service.ask("/v1/status").1)".contains("moved, removed or replaced"))
        _ = try await service.stop()
        #expect(!folder.holds("store.sqlite"))
        try await cascade(["store", "restore", copy, "--to", store])
        #expect(try await cascade(["store", "verify", store]).output.contains("sound"))
    }

    @Test("a damaged index is said and left out; popular items still answer")
    func damagedIndex() async throws {
        let configuration = try await prepare()
        let files = try folder.names("index").filter { $0 != "index.json" }
        for file in files { _ = try folder.write("damaged", to: "index/\(file)") }
        let check = try await cascade(["serve", "--config", configuration, "--check"], status: 1)
        #expect(check.output.contains(folder.path("index")))
        let service = try await start(configuration)
        let (items, document) = try await service.page("/v1/users/1/recommendations?k=5")
        #expect(items.count == 5 && "\(document["degraded"] ?? "")".contains("missing"))
        #expect(try await service.stop().status == 0)
    }

    /// A data set of two items with leading zeros and one whose id is an address of 300 bytes.
    private func numbered() async throws -> String {
        let long = "https://shop.example/" + String(repeating: "x", count: 279)
        let rows = ["0000000000007", "0000000000013", long].flatMap { item in
            (1...3).map { "u\($0),\(item),\(1_700_000_000 + $0)" }
        }
        let file = try folder.write((["user,item,time"] + rows).joined(separator: "\n") + "\n", to: "rows.csv")
        let data = folder.path("numbered")
        let filters = ["--min-user-events", "1", "--min-item-events", "1"]
        try await cascade(["data", "import", "--from", "csv", file, "--to", data] + filters)
        return data
    }

    @Test("ids of the configuration keep their leading zeros; a check warns of ids that are unknown or too long")
    func ids() async throws {
        let data = try await numbered()
        let store = folder.path("n.sqlite")
        try await cascade(["store", "import", data, "--to", store])
        func config(_ rules: String) throws -> String {
            try folder.write(
                """
                store: {path: \(store)}
                recommendation: {sources: [{builtin: popular}], rerank: {\(rules)}}
                server: {port: 0}
                """,
                to: "ids.yaml"
            )
        }
        let rules = "blocked: [0000000000013, 7], pinned: [0000000000007]"
        let warnings = try await cascade(["serve", "--check", "--config", try config(rules)]).output
        #expect(warnings.contains("recommendation.rerank.blocked: the catalog has no item '7'."))
        #expect(!warnings.contains("0000000000013") && warnings.contains("Set server.limits.id_bytes to 300 or more"))
        #expect(!folder.holds("n.sqlite.slots.json"))
        let service = try await start(config("blocked: [0000000000013], pinned: [0000000000007]"))
        let page = try await service.page("/v1/users/somebody/recommendations?k=10")
        #expect(page.items.first == "0000000000007" && page.items.count == 2)
        #expect(!page.items.contains("0000000000013"))
        _ = try await service.stop()
        let refused = try await cascade(["serve", "--check", "--config", try config("blocked: [1.10]")], status: 78)
        #expect(refused.errors.contains("rerank.blocked[1]") && refused.errors.contains("put it in quotes"))
    }

    /// A service of popular items below a pinned one, whose last positions explore.
    private func exploring() throws -> (configuration: String, store: String) {
        let (data, store) = (try folder.driftWorld(), folder.path("store.sqlite"))
        let configuration = try folder.write(
            """
            store: {path: \(store), seed: \(data)}
            history: {deadline_ms: 600000}
            recommendation:
              deadline_ms: 600000
              sources: [{builtin: popular, deadline_ms: 600000}]
              rerank:
                pinned: [pin]
                exploration: {kind: epsilon, epsilon: 0.5, positions: 3, pool: 10}
            variants:
              plain: {recommendation: {rerank: {exploration: false}}}
            server: {port: 0, timeouts: {response_seconds: 600}}
            """,
            to: "explore.yaml"
        )
        return (configuration, store)
    }

    @Test("a service that explores logs propensities, and policies are evaluated by them while it runs")
    func evaluatePolicy() async throws {
        let (configuration, store) = try exploring()
        let evaluate = ["evaluate-policy", configuration, "--store", store]
        #expect(try await cascade(evaluate, status: 65).errors.contains("there is no such file"))
        let service = try await start(configuration)
        #expect(try await cascade(evaluate, status: 65).errors.contains("found no recommendation or search"))
        // One page for each user, so that clicks change no other page; the pinned item alone is clicked.
        for user in 1...12 {
            let (items, page) = try await service.page("/v1/users/\(user)/recommendations?k=8")
            #expect(items.count == 8 && items.first == "pin")
            guard user <= 6, let request = page["request"] as? String else { continue }
            let click =
                #"{"id": "e\#(user)", "user": "\#(user)", "item": "pin", "action": "click", "request": "\#(request)"}"#
            #expect(try await service.ask("/v1/events", "POST", body: click).0 == 200)
        }
        // Exposures are written behind the answers.
        var own: [String: Any] = [:]
        for _ in 0..<600 {
            own = try await cascade(evaluate + ["--json"]).document()
            if own["requests"] as? Int == 12 { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(own["requests"] as? Int == 12 && own["impressions"] as? Int == 96 && own["users"] as? Int == 12)
        let rate = 6.0 / 96
        #expect(own["logged_value"] as? Double == rate && own["unsupported"] as? Double == 0)
        let estimates = try #require(own["estimates"] as? [[String: Any]])
        #expect(estimates.count == 5)
        // The policy that was logged: every weight is 1. The click model alone says something about other items.
        for estimate in estimates where estimate["estimator"] as? String != "replay" {
            let isModeled = estimate["estimator"] as? String == "doubly-robust"
            let error = abs((estimate["value"] as? Double ?? .infinity) - rate)
            #expect(error < (isModeled ? 0.005 : 1e-9), "\(estimate)")
            #expect(estimate["support"] as? Double == 1 && estimate["largest_weight"] as? Double == 1)
        }
        let files = try folder.names()
        let plain = try await cascade(evaluate + ["--variant", "plain"]).output
        for name in ["replay", "ips", "snips", "sequential", "doubly-robust", "effective size", "support"] {
            #expect(plain.contains(name), "\(plain)")
        }
        #expect(plain.contains("logged policy: click rate 0.0625") && plain.contains("96 impressions of 12 requests"))
        #expect(plain.contains("warning: effective sample size below 100") && plain.contains("clipped at 100"))
        #expect(try folder.names() == files)
        let served = try await service.ask("/v1/users/1/recommendations?k=3")
        #expect(served.0 == 200)
        _ = try await service.stop()

        let wrong = try await cascade(evaluate + ["--variant", "plane"], status: 64).errors
        #expect(wrong.contains("found 'plane', expected plain. Did you mean 'plain'?"))
        #expect(try await cascade(evaluate + ["--since", "soon"], status: 64).errors.contains("--since"))
        #expect(try await cascade(evaluate + ["--limit", "0"], status: 64).errors.contains("--limit"))
        let few = try await cascade(evaluate + ["--limit", "5", "--json"]).document()
        #expect(few["requests"] as? Int == 5)
    }

    @Test("mistakes in the configuration are refused with their key")
    func mistakes() async throws {
        func refused(_ text: String) async throws -> String {
            let path = try folder.write("store: {path: \(folder.path("x.sqlite"))}\n\(text)", to: "bad.yaml")
            return try await cascade(["serve", "--config", path], status: 78).errors
        }
        #expect(try await refused("servre: {port: 1}").contains("server"))
        #expect(try await refused("server: {host: 0.0.0.0}").contains("token"))
        #expect(try await refused("recommendation: {rank: {slot: none}}").contains("none"))
        let arms = "arms: [{name: a, share: 0.5, funnel: default}, {name: b, share: 0.5, funnel: nowhere}]"
        #expect(try await refused("ab_tests: [{name: x, \(arms)}]").contains("nowhere"))
        #expect(!folder.holds("x.sqlite"))
    }

    @Test("a token and its hash")
    func token() async throws {
        let made = try await cascade(["token", "--role", "write", "--name", "shop"])
        #expect(made.output.count > 40 && made.errors.contains("role: write"))
        #expect(!made.errors.contains(made.output.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(try await cascade(["token", "--role", "king"], status: 64).errors.contains("read, write, admin"))
    }
}
