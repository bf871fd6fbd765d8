// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Damaged data set directories")
struct DatasetCorruptionTests {
    static let files = ["columns.safetensors", "users.txt", "items.txt", "queries.txt", "titles.txt"]
    private let data: TemporaryDataset

    init() throws {
        var builder = DatasetBuilder(name: "whole")
        for (row, event) in randomEvents(seed: 5, users: 10, items: 12, events: 120, times: 90).enumerated() {
            var event = event
            event.query = row % 3 == 0 ? "query \(row % 7)" : nil
            event.value = Double(row)
            builder.add(event)
            builder.setTitle("The \(event.item)", for: event.item)
            builder.setItemFeature("genre", ["g\(row % 4)"], for: event.item)
        }
        data = try TemporaryDataset(builder)
    }

    @Test("a copied data set stays readable when its files are cut to nothing")
    func copied() throws {
        let opened = try Dataset(at: data.url, loading: .copied)
        let before = Array(opened.items)
        let titles = (0..<opened.itemCount).map { opened.title(ItemIndex($0)) }
        for name in try FileManager.default.contentsOfDirectory(atPath: data.url.path) {
            #expect(truncate(data.url.appendingPathComponent(name).path, 0) == 0)
        }
        #expect(Array(opened.items) == before && before.count == opened.eventCount)
        #expect((0..<opened.itemCount).map { opened.title(ItemIndex($0)) } == titles)
    }

    private func change(_ file: String, _ edit: (inout [UInt8]) -> Void) throws {
        let url = data.url.appendingPathComponent(file)
        var bytes = [UInt8](try Data(contentsOf: url))
        edit(&bytes)
        try Data(bytes).write(to: url)
    }

    private func replace(_ old: String, with new: String, in file: String) throws {
        let url = data.url.appendingPathComponent(file)
        let text = try String(contentsOf: url, encoding: .utf8)
        try #require(text.contains(old))
        try Data(text.replacingOccurrences(of: old, with: new).utf8).write(to: url)
    }

    private func reason(checkingContents: Bool = true) -> DatasetError.Reason? {
        let error = #expect(throws: DatasetError.self) {
            try Dataset(at: data.url, checkingContents: checkingContents)
        }
        return error?.reason
    }

    @Test("one changed bit anywhere in a file is noticed", arguments: files)
    func flippedBit(_ file: String) throws {
        let size = try Data(contentsOf: data.url.appendingPathComponent(file)).count
        for position in stride(from: 0, to: size, by: max(1, size / 13)) {
            try change(file) { $0[position] ^= 1 }
            #expect(reason() == .corrupt, "byte \(position)")
            try change(file) { $0[position] ^= 1 }
        }
        #expect(throws: Never.self) { try Dataset(at: data.url) }
    }

    @Test("a cut or missing file is noticed, without reading the contents too", arguments: files)
    func cut(_ file: String) throws {
        try change(file) { $0.removeLast(3) }
        #expect(reason(checkingContents: false) == .corrupt)
        if file != "titles.txt" {
            try FileManager.default.removeItem(at: data.url.appendingPathComponent(file))
            #expect(reason(checkingContents: false) == .corrupt)
        }
    }

    @Test("a missing titles file is noticed by the fingerprint")
    func missingTitles() throws {
        try FileManager.default.removeItem(at: data.url.appendingPathComponent("titles.txt"))
        #expect(reason() == .corrupt)
    }

    @Test("a manifest that is no JSON, has another count or another version")
    func manifest() throws {
        try replace("\"events\" : 120", with: "\"events\" : 121", in: "manifest.json")
        #expect(reason(checkingContents: false) == .corrupt)
        try replace("\"events\" : 121", with: "\"events\" : 120", in: "manifest.json")
        try replace("\"g2\"", with: "\"g9\"", in: "manifest.json")
        #expect(reason() == .corrupt)
        try replace("\"formatVersion\" : 1", with: "\"formatVersion\" : 7", in: "manifest.json")
        #expect(reason() == .unknownFormat)
        try change("manifest.json") { $0.removeLast(2) }
        #expect(reason() == .corrupt)
        try FileManager.default.removeItem(at: data.url.appendingPathComponent("manifest.json"))
        #expect(reason() == .notADataset)
        try FileManager.default.removeItem(at: data.url)
        #expect(reason() == .notFound)
    }

    @Test("two users of the same id")
    func duplicateID() throws {
        try replace("u1\n", with: "u0\n", in: "users.txt")
        #expect(reason(checkingContents: false) == .corrupt)
    }

    /// Writes the columns again with one of them changed.
    private func rewrite(_ name: String, _ edit: (inout [Int64]) -> Void) throws {
        let url = data.url.appendingPathComponent("columns.safetensors")
        let file = try SafetensorsFile(url)
        var writer = SafetensorsWriter()
        for column in file.names {
            let entry = try file.entry(column)
            switch entry.type {
            case .int64:
                var values = try file.array(column, as: Int64.self)
                if column == name { edit(&values) }
                writer.add(column, shape: [values.count], values)
            case .int32:
                var values = try file.array(column, as: Int32.self).map(Int64.init)
                if column == name { edit(&values) }
                writer.add(column, shape: [values.count], values.map { Int32($0) })
            case .uint8:
                var values = try file.array(column, as: UInt8.self).map(Int64.init)
                if column == name { edit(&values) }
                writer.add(column, shape: [values.count], values.map { UInt8($0) })
            default:
                writer.add(column, shape: entry.shape, try file.array(column, as: Float.self))
            }
        }
        try writer.write(to: url)
    }

    @Test(
        "indices, offsets and times out of range, without reading the contents",
        arguments: [
            ("items", 3, 99), ("items", 3, -1), ("queries", 0, 50), ("queries", 0, -2), ("actions", 9, 6),
            ("offsets", 1, 1000), ("offsets", 0, 1), ("offsets", 2, -5), ("times", 0, 91), ("times", 119, 0),
            ("item.genre.values", 0, 4), ("item.genre.offsets", 1, 100),
        ]
    )
    func structure(_ column: String, _ position: Int, _ value: Int64) throws {
        try rewrite(column) { $0[position] = value }
        let error = #expect(throws: DatasetError.self) { try Dataset(at: data.url, checkingContents: false) }
        #expect(error?.reason == .corrupt)
        #expect(try #require(error).description.contains("'\(column)'"))
    }

    @Test("a column that is too short or of another type")
    func columnShape() throws {
        try rewrite("times") { $0.removeLast() }
        #expect(reason(checkingContents: false) == .corrupt)
    }
}
