// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeRetrieval

@Suite("Index directories")
struct IndexDirectoryTests {
    let folder: TemporaryFolder
    private let count = 400
    private var ids: [ItemID] { (0..<count).map { ItemID("item \($0)") } }
    private let origin = IndexDescription.Origin(source: "runs/a", model: "sasrec", commit: "tested")

    init() throws { folder = try TemporaryFolder() }

    private func write(_ recipe: IndexRecipe, to name: String = "index") throws -> (any VectorIndex, [Float]) {
        let (items, draw) = clustered(count)
        let index = try recipe.build(items)
        let quality = try IndexQuality.measure(index, QueryVectors(draw(5), dimension: 16), "test")
        try IndexDirectory.write(index, items: ids, origin: origin, quality: quality, to: folder.file(name))
        return (index, draw(10))
    }

    @Test("an opened index answers as the one that was written", arguments: Small.recipes)
    func roundTrip(_ recipe: IndexRecipe) throws {
        let (index, values) = try write(recipe)
        let opened = try IndexDirectory(folder.file("index"))
        let users = try QueryVectors(values, interests: 2, dimension: 16)
        let filter = randomFilter(count, share: 0.6, seed: 1)
        for filters in [[], [filter]] {
            #expect(
                try opened.index.search(users, limit: 30, allowing: filters)
                    == index.search(users, limit: 30, allowing: filters)
            )
        }
        #expect(opened.index.recipe == index.recipe && opened.items == ids)
        #expect(opened.description.origin == origin && opened.description.quality?.depth == 100)
        #expect(opened.description.vectors == index.vectors.fingerprint)
        #expect(try opened.itemIndex("item 7") == ItemIndex(7))
        let error = #expect(throws: DatasetError.self) { _ = try opened.itemIndex("itm 7") }
        #expect(error?.description.contains("Did you mean 'item 7'?") ?? false)
    }

    @Test("an opened index answers on when its files are cut to nothing", arguments: Small.recipes)
    func emptied(_ recipe: IndexRecipe) throws {
        let (index, values) = try write(recipe)
        let opened = try IndexDirectory(folder.file("index"))
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("index").path) {
            #expect(truncate(folder.file("index/\(name)").path, 0) == 0)
        }
        let users = try QueryVectors(values, dimension: 16)
        #expect(
            try opened.index.search(users, limit: 30, allowing: []) == index.search(users, limit: 30, allowing: [])
        )
    }

    @Test("equal indexes are equal files", arguments: Small.recipes)
    func sameBytes(_ recipe: IndexRecipe) throws {
        let items = clustered(count).items
        for name in ["a", "b"] {
            try IndexDirectory.write(recipe.build(items), items: ids, origin: origin, to: folder.file(name))
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("a").path) {
            #expect(try Data(contentsOf: folder.file("a/\(name)")) == Data(contentsOf: folder.file("b/\(name)")))
        }
    }

    @Test("a file cut short at any place is an error", arguments: Small.recipes)
    func truncation(_ recipe: IndexRecipe) throws {
        _ = try write(recipe)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("index").path) {
            let file = folder.file("index/\(name)")
            let whole = try Data(contentsOf: file)
            let places = Set((0..<24).map { whole.count * $0 / 24 } + [0, 1, 7, 8, 95, 96, 100, whole.count - 1])
            for place in places where place < whole.count {
                try whole.prefix(place).write(to: file)
                #expect(throws: (any Error).self, "\(name) cut at \(place)") {
                    _ = try IndexDirectory(folder.file("index"))
                }
            }
            try (whole + [0]).write(to: file)
            #expect(throws: (any Error).self, "\(name) with one more byte") {
                _ = try IndexDirectory(folder.file("index"))
            }
            try FileManager.default.removeItem(at: file)
            #expect(throws: (any Error).self, "without \(name)") { _ = try IndexDirectory(folder.file("index")) }
            try whole.write(to: file)
        }
        _ = try IndexDirectory(folder.file("index"))
    }

    @Test("a changed byte anywhere is an error", arguments: Small.recipes)
    func flippedBytes(_ recipe: IndexRecipe) throws {
        _ = try write(recipe)
        var generator = SplitMix64(seed: 3)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("index").path) {
            let file = folder.file("index/\(name)")
            let whole = try Data(contentsOf: file)
            for _ in 0..<20 {
                let place = Int.random(in: 0..<whole.count, using: &generator)
                // A blank between two fields of index.json means nothing.
                if name == "index.json", [0x20, 0x0A].contains(whole[place]) { continue }
                var changed = whole
                changed[place] ^= 1 << UInt8.random(in: 0..<7, using: &generator)
                try changed.write(to: file)
                #expect(throws: (any Error).self, "\(name) at \(place)") {
                    _ = try IndexDirectory(folder.file("index"))
                }
            }
            try whole.write(to: file)
        }
    }

    /// Beside the fingerprint, which a forger can make anew, the libraries' files are checked for sense.
    @Test("a forged library file does not end the process", arguments: Small.approximate)
    func forgery(_ recipe: IndexRecipe) throws {
        let (items, draw) = clustered(count)
        let index = try recipe.build(items)
        let file = folder.file("structure")
        try index.writeStructure(to: file)
        let whole = try Data(contentsOf: file)
        let user = draw(1)
        func open() throws {
            let opened: any VectorIndex =
                switch index.recipe {
                case .flat: FlatIndex(items)
                case .hnsw(let parameters): try HNSWIndex(items, parameters, structure: file)
                case .ivf(let parameters): try IVFIndex(items, parameters, structure: file)
                }
            _ = try opened.search(user, limit: 20)
        }
        try open()
        for place in Set((0..<40).map { whole.count * $0 / 40 } + [3, 8, 50, 95, 97, whole.count - 1]) {
            try whole.prefix(place).write(to: file)
            #expect(throws: IndexError.self, "cut at \(place)") { try open() }
        }
        var generator = SplitMix64(seed: 4)
        // A graph's numbers are all checked. Faiss trusts its sizes, so a forged list of it is left to the fingerprint.
        guard index.kind == .hnsw else { return }
        for _ in 0..<200 {
            var changed = whole
            let place = Int.random(in: 0..<whole.count, using: &generator)
            changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            try changed.write(to: file)
            try? open()  // an error, or a vector that differs; nothing else
        }
    }

    @Test("what is no index, of another version, or in the way, is said")
    func refusals() throws {
        _ = try write(.flat)
        let error = #expect(throws: IndexError.self) { _ = try IndexDirectory(folder.file("none")) }
        #expect(error?.reason == .notAnIndex)
        #expect(throws: FileError.self) { _ = try write(.flat) }
        let file = folder.file("index/index.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        try text.replacing("\"format\" : 2", with: "\"format\" : 3").write(to: file, atomically: true, encoding: .utf8)
        let version = #expect(throws: IndexError.self) { _ = try IndexDirectory.describe(folder.file("index")) }
        #expect(version?.reason == .otherVersion)
        let items = clustered(count).items
        for ids in [Array(ids.dropLast()), ids.dropLast() + [ItemID("two\nlines")]] {
            #expect(throws: IndexError.self) {
                try IndexDirectory.write(FlatIndex(items), items: ids, origin: origin, to: folder.file("other"))
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["index"])
    }
}
