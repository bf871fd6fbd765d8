// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import Testing

@testable import CascadeServer

@Suite("Former keys of the server")
struct FormerKeysTests {
    @Test("every key of before 0.2 sets what it set")
    func before() throws {
        let text = """
            {"limits": {"body": 4096, "query": 256, "id": 64, "headers": 8192}, "rate": {"perSecond": 50},
             "timeouts": {"read": 5, "answer": 9, "replace": 60, "idle": 30, "headers_seconds": 4}, "shutdown": 7}
            """
        let tree = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        let renewed = try ServerConfiguration.formerKeys.renew(tree, path: "server")
        #expect(renewed.notices.count == 10)
        #expect(
            renewed.notices.contains(
                "server.rate.perSecond is now called server.rate.requests_per_second; the old name still works."
            )
        )
        let found = try ServerConfiguration(overriding: renewed.tree, path: "server")
        #expect(found.limits.bodyBytes == 4_096 && found.limits.queryBytes == 256)
        #expect(found.limits.idBytes == 64 && found.limits.headersBytes == 8_192)
        #expect(found.rate.requestsPerSecond == 50 && found.shutdownSeconds == 7)
        #expect(found.timeouts.readSeconds == 5 && found.timeouts.responseSeconds == 9)
        #expect(found.timeouts.replaceSeconds == 60 && found.timeouts.idleSeconds == 30)
        #expect(found.timeouts.headersSeconds == 4)
    }
}
