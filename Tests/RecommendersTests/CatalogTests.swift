// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import CascadeRecommenders

@Suite("Catalog")
struct CatalogTests {
    @Test("has an entry for every model in the folder, and no other")
    func complete() throws {
        let folder = Repository.root.appendingPathComponent("Sources/CascadeRecommenders")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            .map { folder.appendingPathComponent($0) }.filter { $0.pathExtension == "swift" }
        var names: [String] = []
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            let cards = text.matches(of: /static let card = ModelCard\(\s*name: "([^"]+)"/).map { String($0.1) }
            let declared = text.matches(of: /static let card\b/).count
            #expect(cards.count == declared, "\(file.lastPathComponent): write `static let card = ModelCard(name: …`")
            names += cards
        }
        #expect(names.sorted() == ModelRegistry.builtin.entries.map(\.card.name).sorted())
    }

    @Test("names are unique, lower case, and every card is filled in")
    func cards() {
        #expect(Set(ModelRegistry.builtin.entries.map(\.card.name)).count == ModelRegistry.builtin.entries.count)
        for card in ModelRegistry.builtin.entries.map(\.card) {
            #expect(card.name.wholeMatch(of: /[a-z0-9-]+/) != nil, "\(card.name)")
            #expect(!card.summary.isEmpty && !card.paper.isEmpty, "\(card.name)")
        }
    }

    @Test("finds by name, and suggests the nearest or lists all")
    func lookup() throws {
        #expect(try ModelRegistry.builtin.entry("t2diff").card == T2Diff.card)
        let near = #expect(throws: ConfigurationError.self) { try ModelRegistry.builtin.entry("sasrek") }
        #expect(try #require(near).description == "unknown model 'sasrek'. Did you mean 'sasrec'?")
        let far = #expect(throws: ConfigurationError.self) { try ModelRegistry.builtin.entry("matrix-factorisation") }
        #expect(try #require(far).description.contains("There are: popularity, recent-popularity, item-knn, ease, "))
    }
}

@Suite("The guide to adding a model")
struct GuideTests {
    @Test("shows the model that these tests compile and hold to the contract")
    func example() throws {
        let guide = try String(
            contentsOf: Repository.root.appendingPathComponent("Documentation/adding-a-model.md"),
            encoding: .utf8
        )
        let code = try String(
            contentsOf: Repository.tests.appendingPathComponent("RecommendersTests/ExampleModel.swift"),
            encoding: .utf8
        )
        #expect(guide.contains("```swift\n\(code)```\n"), "copy ExampleModel.swift into the guide")
    }

    @Test("shows the example's golden list")
    func golden() throws {
        let guide = try String(
            contentsOf: Repository.root.appendingPathComponent("Documentation/adding-a-model.md"),
            encoding: .utf8
        )
        let list = try String(
            contentsOf: Repository.tests.appendingPathComponent("Fixtures/parameters/average-of-embeddings.txt"),
            encoding: .utf8
        )
        #expect(guide.contains("```text\n\(list)```\n"), "copy the golden list into the guide")
    }
}
