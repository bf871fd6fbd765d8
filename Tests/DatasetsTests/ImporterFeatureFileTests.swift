// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Feature files")
struct ImporterFeatureFileTests {
    let sources: TemporarySources
    let log: URL
    init() throws {
        sources = try TemporarySources()
        log = try sources.file("log.csv", "user_id,item_id,time\nu,a,1\nu,b,2\nv,c,3\n")
    }

    private func importing(
        items: String...,
        users: String...,
        configure: (inout ImportOptions) -> Void = { _ in }
    ) throws -> ImportReport {
        let itemFiles = try items.enumerated().map { try sources.file("items\($0).csv", $1).path }
        let userFiles = try users.enumerated().map { try sources.file("users\($0).tsv", $1).path }
        return try sources.importing("csv", log) { options in
            (options.itemFeatures, options.userFeatures) = (itemFiles, userFiles)
            configure(&options)
        }
    }

    @Test("give items titles and categories, several with | between, and users theirs")
    func reads() throws {
        let report = try importing(
            items: "id,title,genre,brand\na,Shoe,x|y|x,n\nb,\"Hat, red\",,\nz,No,x,n\n",
            users: "customer_id\tage\nu\t24\n"
        )
        let dataset = report.dataset
        let (a, b) = (try dataset.itemIndex("a"), try dataset.itemIndex("b"))
        #expect(dataset.itemFeatureNames == ["brand", "genre"] && dataset.userFeatureNames == ["age"])
        #expect(dataset.title(a) == "Shoe" && dataset.title(b) == "Hat, red")
        #expect(dataset.itemFeature("genre")?.values(of: a.rawValue) == ["x", "y"])
        #expect(dataset.itemFeature("genre")?.values(of: b.rawValue) == [])
        #expect(dataset.itemFeature("brand")?.values(of: a.rawValue) == ["n"])
        #expect(dataset.userFeature("age")?.values(of: 0) == ["24"])
        let said = report.remarks.map(\.text)
        #expect(said.contains("items0.csv: columns: item = 'id', title = 'title'; features: 'genre', 'brand'"))
        #expect(said.contains("items0.csv: left out 1 rows of items without events"))
        #expect(said.contains("items0.csv: 1 items with events have no row; their features are unknown"))
        #expect(said.contains("users0.tsv: 1 users with events have no row; their features are unknown"))
    }

    @Test("several files of items each add their features; the same name twice is refused")
    func several() throws {
        let dataset = try importing(items: "item_id,x\na,1\n", "asin,y\na,2\n").dataset
        #expect(dataset.itemFeatureNames == ["x", "y"])
        try FileManager.default.removeItem(at: sources.target)
        let error = #expect(throws: DatasetError.self) { try importing(items: "item_id,x\na,1\n", "item_id,x\na,2\n") }
        #expect(error?.reason == .badOption && error?.description.contains("have a feature 'x' already") == true)
    }

    @Test("many numbers become buckets of equal size, which are said; codes and few numbers stay")
    func buckets() throws {
        let rows = (0..<100).map { "u,i\($0),\($0 + 1)\n" }.joined()
        let log = try sources.file("many.csv", "user_id,item_id,time\n" + rows)
        let features = (0..<100).map { "i\($0),\($0).5,\($0),\($0 % 5),\($0)\n" }.joined()
        let items = try sources.file("items.csv", "item_id,price,brand_id,stars,year\n" + features)
        let report = try sources.importing("csv", log) { options in
            options.itemFeatures = [items.path]
            options.columns.categorical = ["year"]
        }
        let dataset = report.dataset
        func values(_ name: String) throws -> [String] {
            let feature = try #require(dataset.itemFeature(name))
            return (0..<100).map { feature.values(of: $0).joined() }
        }
        #expect(try Set(values("price")).count == 10)
        #expect(try values("price")[0] == "0.5..9.5" && values("price")[99] == "90.5..99.5")
        #expect(try Set(values("brand_id")).count == 100 && Set(values("stars")).count == 5)
        #expect(try Set(values("year")).count == 100)
        let said = try #require(report.remarks.first { $0.text.contains("different numbers") }?.text)
        #expect(said.hasPrefix("items.csv: feature 'price' has 100 different numbers: cut into 10 buckets"))
        #expect(said.contains("0.5..9.5") && said.contains("--categorical-column price"))
        #expect(dataset.manifest.provenance["buckets.item.price"]?.hasPrefix("0.5..9.5, ") == true)
    }

    @Test("buckets hold equal numbers together, and can be asked for")
    func equalNumbers() throws {
        var feature = FeatureCollector()
        for (index, number) in ["1", "1", "1", "1", "1", "1", "2", "3", "10", "1e3"].enumerated() {
            feature.set([number], of: Int32(index))
        }
        let buckets = try #require(NumberBuckets(feature, count: 4))
        #expect(buckets.labels == ["1", "2", "3..1000"])
        #expect(["1", "2", "3", "10", "1e3"].map(buckets.label) == ["1", "2", "3..1000", "3..1000", "3..1000"])
        feature.set(["x"], of: 3)
        #expect(NumberBuckets(feature, count: 4) == nil)
        let report = try importing(items: "item_id,price\na,1\nb,2\nc,3\n") { $0.columns.numeric = ["price"] }
        #expect(report.remarks.contains { $0.text.contains("cut into 3 buckets of about equal size, 1, 2, 3.") })
    }

    @Test("a repeated id is a warning, and its last row counts")
    func repeated() throws {
        let report = try importing(items: "item_id,x\na,1\na,2\n")
        #expect(report.dataset.itemFeature("x")?.values(of: 0) == ["2"])
        #expect(
            report.remarks.contains { $0.kind == .warning && $0.text.contains("1 rows have the id of a row before") }
        )
    }

    @Test("a bad row stops the import, and columns can be ignored")
    func badRow() throws {
        let error = #expect(throws: DatasetError.self) { try importing(items: "item_id,x\na,1\nb\n") }
        #expect(error?.description.contains("items0.csv:3: found 1 columns, expected 2") == true)
        let dataset = try importing(items: "item_id,x,words\na,1,long text\n") { $0.columns.ignored = ["words"] }
            .dataset
        #expect(dataset.itemFeatureNames == ["x"])
    }

    @Test("a column of nearly unique texts is kept with a warning")
    func texts() throws {
        let rows = (0..<1_200).map { "u,i\($0),\($0 + 1)\n" }.joined()
        let log = try sources.file("many.csv", "user_id,item_id,time\n" + rows)
        let items = try sources.file("i.csv", "item_id,words\n" + (0..<1_200).map { "i\($0),text \($0)\n" }.joined())
        let report = try sources.importing("csv", log) { $0.itemFeatures = [items.path] }
        #expect(report.remarks.contains { $0.kind == .warning && $0.text.contains("--ignore-column words") })
        #expect(report.dataset.itemFeature("words")?.vocabulary.count == 1_200)
    }

    @Test("a file without an id, or that is not there, is refused")
    func refused() throws {
        let error = #expect(throws: DatasetError.self) { try importing(items: "price,brand\n1,x\n") }
        #expect(
            error?.description.contains("items0.csv: found the columns 'price', 'brand', expected one of item_id")
                == true
        )
        let missing = #expect(throws: DatasetError.self) { try importing { $0.userFeatures = ["/nowhere/users.csv"] } }
        #expect(missing?.reason == .notFound)
    }
}
