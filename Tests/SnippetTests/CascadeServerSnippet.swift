// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeServer
import ServerTestSupport
import Testing

@Suite("Snippet: CascadeServer")
struct CascadeServerSnippet {
    @Test("Serves over HTTP to callers with a token", .timeLimit(.minutes(1)))
    func shows() async throws {
        let service = FakeService()
        // snippet.show
        let token = AccessToken()  // the caller keeps its text, the configuration has its hash
        let file: JSONValue = [
            "port": 0,
            "tokens": [["name": "shop", "role": "write", "sha256": .string(token.sha256)]],
            "rate": ["requests_per_second": 200],
            "logs": ["level": "warning"],
        ]
        let configuration = try ServerConfiguration(overriding: file, path: "server")

        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let server = try HTTPService(service, configuration: configuration, onRunning: { announce.yield($0) })
        let serving = Task { try await server.run() }
        let port = await ports.first { _ in true }
        // snippet.hide
        serving.cancel()
        _ = await serving.result
        let bound = try #require(port)
        #expect(bound > 0)
        #expect(token.text.hasPrefix("cascade_"))
        #expect(configuration.tokens == [CallerSettings(name: "shop", role: .write, sha256: token.sha256)])
        #expect(configuration.rate.requestsPerSecond == 200)
    }
}
