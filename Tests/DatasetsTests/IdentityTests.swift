// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Identity is bytes")
struct IdentityTests {
    /// The same name to the eye and to `String`: composed, and decomposed.
    static let forms = ("Zo\u{EB}", "Zoe\u{308}")

    @Test("ids and keys in two Unicode forms are two, and their order is that of the bytes")
    func types() {
        let (composed, decomposed) = Self.forms
        #expect(composed == decomposed, "Swift's own comparison, which this must not follow")
        #expect(UserID(composed) != UserID(decomposed))
        #expect(Set([ItemID(composed), ItemID(decomposed), ItemID(composed)]).count == 2)
        #expect(Set([ByteString(composed), ByteString(decomposed), ByteString("")]).count == 3)
        #expect([ItemID("b"), "B", "é", "a", ""].sorted() == ["", "B", "a", "b", "é"])
        #expect(ItemID(decomposed) < ItemID(composed))  // 0x65 before 0xC3, as SQLite has it
    }

    @Test("the comparison does not depend on how a text is stored")
    func storage() {
        let native = String(repeating: "a\u{EB}", count: 30)
        let foreign = native.appendingFormat("%@", "")  // bridged by Foundation
        #expect(UserID(native) == UserID(foreign))
        #expect(native.hasSameBytes(as: foreign) && "".hasSameBytes(as: ""))
        #expect(!native.hasSameBytes(as: native.decomposedStringWithCanonicalMapping))
    }

    @Test("a table of texts keeps both forms, and finds each by itself")
    func stringTable() {
        var table = StringTable()
        let (composed, decomposed) = Self.forms
        #expect((table.insert(composed), table.insert(decomposed)) == (0, 1))
        #expect(table.find(composed) == 0 && table.find(decomposed) == 1)
        #expect(table[1].hasSameBytes(as: decomposed))
    }

    @Test("an import keeps users, items and queries of both forms apart")
    func importing() throws {
        let sources = try TemporarySources()
        let (composed, decomposed) = Self.forms
        let file = try sources.file(
            "log.csv",
            "user,item,query,timestamp\n\(composed),\(composed),\(composed),1\n\(decomposed),\(decomposed),\(decomposed),2\n"
        )
        let dataset = try sources.importing("csv", file).dataset
        #expect(dataset.userCount == 2 && dataset.itemCount == 2 && dataset.manifest.queries == 2)
        #expect(try dataset.userIndex(UserID(composed)) == UserIndex(0))
        #expect(try dataset.userIndex(UserID(decomposed)) == UserIndex(1))
        #expect(try dataset.itemIndex(ItemID(decomposed)) == ItemIndex(1))
    }

    @Test("rows of one request may not change the form of its user")
    func requests() throws {
        let sources = try TemporarySources()
        let (composed, decomposed) = Self.forms
        let rows = "r,\(composed),a,1\nr,\(decomposed),b,0\n"
        let file = try sources.file("lists.csv", "request,user,item,clicked\n" + rows)
        let error = #expect(throws: DatasetError.self) {
            try sources.importing("csv", file) { $0.columns.request = "request" }
        }
        #expect(error?.description.contains("lists.csv:3: ") == true)
    }

    @Test("importers that gather rows by user, item or tag keep both forms apart")
    func gathering() throws {
        let sources = try TemporarySources()
        let (composed, decomposed) = Self.forms
        _ = try sources.file(
            "tag_assignments.csv",
            "date,user_id,artist_id,tag\n2009-01-01,\(composed),\(composed),x\n2009-01-01,\(decomposed),\(decomposed),x\n"
                + "2009-01-01,u,\(composed),x\n2009-01-01,u,\(decomposed),x\n"
        )
        let dataset = try sources.importing("lastfm-tags", sources.folder.url).dataset
        #expect(dataset.userCount == 3 && dataset.itemCount == 2)
        let requests = try #require(dataset.requests)
        #expect(requests.count == 3 && requests.items.count == 4)
    }
}
