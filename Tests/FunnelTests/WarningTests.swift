// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeStore
import Testing

@testable import CascadeFunnel

@Suite("Warnings about a configuration")
struct WarningTests {
    @Test("configured ids that the catalog lacks are named with their key, once for what a variant inherits")
    func unknownIDs() async throws {
        let json = """
            {"recommendation": {"rerank": {"blocked": ["a", "0013"], "pinned": ["b"]}},
             "search": {"rerank": {"pinned": ["s"]}},
             "variants": {"v": {"recommendation": {"rerank": {"pinned": ["p"]}}}}}
            """
        let store = MemoryStore(items: [ItemRecord(id: "a"), ItemRecord(id: "b")])
        let warnings = try await service(json, store: store).warnings(idLimit: 200)
        #expect(warnings.count == 3)
        #expect(warnings[0].hasPrefix("recommendation.rerank.blocked: the catalog has no item '0013'."))
        #expect(warnings[1].hasPrefix("search.rerank.pinned: the catalog has no item 's'."))
        #expect(warnings[2].hasPrefix("variants.v.recommendation.rerank.pinned: the catalog has no item 'p'."))
    }

    @Test("many unknown ids are counted, not all named")
    func many() async throws {
        let ids = (10..<40).map { "\"x\($0)\"" }.joined(separator: ",")
        let warnings = try await service(#"{"recommendation": {"rerank": {"blocked": [\#(ids)]}}}"#)
            .warnings(idLimit: 200)
        #expect(warnings.count == 1 && warnings[0].contains("'x19' and 20 more"))
    }

    @Test("ids longer than the limit are counted, with the value to configure")
    func longIDs() async throws {
        let store = MemoryStore(
            items: [
                ItemRecord(id: .init(String(repeating: "é", count: 150))), ItemRecord(id: "short"),
                ItemRecord(id: .init(String(repeating: "x", count: 250))),
            ]
        )
        let service = try await service("{}", store: store)
        let warnings = service.warnings(idLimit: 200)
        #expect(warnings.count == 1 && warnings[0].contains("2 items"))
        #expect(warnings[0].contains("Set server.limits.id_bytes to 300 or more"))
        #expect(service.warnings(idLimit: 300).isEmpty)
        let hopeless = FunnelService.idWarning("users", nil, longest: String(repeating: "u", count: 2_000), limit: 200)
        #expect(hopeless.contains("import the data with shorter ids"))
    }
}
