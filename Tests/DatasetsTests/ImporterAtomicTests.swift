// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing recbole")
struct ImporterAtomicTests {
    let sources: TemporarySources
    let expected = [
        Event(user: "7", item: "a", action: .rating, time: 881_250_949, value: 3.5),
        Event(user: "7", item: "b", action: .rating, time: 881_250_950),
    ]

    init() throws {
        sources = try TemporarySources()
        _ = try sources.file(
            "toy.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\tb\t\t881250950.0\n7\ta\t3.5\t8.81250949e8\n"
        )
        let items =
            "item_id:token\tmovie_title:token_seq\tclass:token_seq\tprice:float\na\tToy \"Story\tX Y\t1.5\nb\t\t\t\n"
        _ = try sources.file("toy.item.gz", gzip(Array(items.utf8)))
        _ = try sources.file("toy.user", "user_id:token\tage:token\tvector:float_seq\n7\t24\t0.1 0.2\n")
    }

    @Test("reads events and side information from a folder, a file or a prefix", arguments: ["", "toy.inter", "toy"])
    func reads(_ path: String) throws {
        let url = path.isEmpty ? sources.folder.url : sources.folder.file(path)
        let dataset = try sources.importing("recbole", url).dataset
        #expect(dataset.allEvents() == expected)
        let (a, b) = (try dataset.itemIndex("a"), try dataset.itemIndex("b"))
        #expect(dataset.title(a) == "Toy \"Story")
        #expect(dataset.title(b) == "b")
        #expect(dataset.itemFeature("class")?.values(of: a.rawValue) == ["X", "Y"])
        #expect(dataset.itemFeature("class")?.values(of: b.rawValue) == [])
        #expect(dataset.userFeature("age")?.values(of: 0) == ["24"])
        #expect(dataset.itemFeature("price") == nil)
        #expect(dataset.manifest.provenance["left-out.toy.item.gz"] == "float fields: price")
        #expect(dataset.manifest.provenance["left-out.toy.user"] == "float fields: vector")
    }

    @Test("reads fields with other names when told which")
    func readsRenamedFields() throws {
        let file = try sources.file(
            "other.inter",
            "session_id:token\tmovie:token\twhen:float\tq:token\ns\tm\t9\tcats\n"
        )
        let dataset = try sources.importing("recbole", file) { options in
            (options.columns.user, options.columns.item) = ("session_id", "movie")
            (options.columns.time, options.columns.query) = ("when", "q")
            options.action = .purchase
        }.dataset
        #expect(dataset.allEvents() == [Event(user: "s", item: "m", action: .purchase, time: 9, query: "cats")])
    }

    @Test("refuses a header without types, and a folder with several sets of files")
    func refusesOthers() throws {
        let plain = try sources.file("plain.inter", "user_id\titem_id\n1\t2\n")
        let header = #expect(throws: DatasetError.self) { _ = try sources.importing("recbole", plain) }
        #expect(header?.reason == .badRow)
        #expect(
            header?.description.contains("plain.inter:1: found 'user_id' in the header, expected name:type") == true
        )
        let several = #expect(throws: DatasetError.self) { _ = try sources.importing("recbole", sources.folder.url) }
        #expect(several?.description.contains("found 2 files .inter[.gz]") == true)
    }

    @Test("names the field without its type when a row is bad")
    func explainsBadRow() throws {
        let file = try sources.file("bad.inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\tlate\n")
        let error = #expect(throws: DatasetError.self) { _ = try sources.importing("recbole", file) }
        #expect(error?.description.contains("bad.inter:2: found 'late' in column 'timestamp'") == true)
    }
}
