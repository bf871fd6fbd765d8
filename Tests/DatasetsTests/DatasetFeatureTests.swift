// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Testing

@Suite("Item features")
struct DatasetFeatureTests {
    @Test("are numbers for every item; an unknown name is refused with the nearest, with all, or with none to name")
    func categories() throws {
        func builder() -> DatasetBuilder {
            var builder = DatasetBuilder(name: "features")
            for item in ["a", "b", "c"] { builder.add(Event(user: "u", item: ItemID(item), time: 1)) }
            return builder
        }
        func message(_ data: TemporaryDataset, _ name: String) throws -> String {
            let error = #expect(throws: DatasetError.self) { try data.dataset.itemCategories(name) }
            #expect(error?.reason == .unknownFeature)
            return try #require(error).description
        }
        var rich = builder()
        rich.setItemFeature("genre", ["drama", "comedy"], for: "a")
        rich.setItemFeature("genre", ["comedy"], for: "c")
        rich.setItemFeature("brand", ["x"], for: "b")
        rich.setUserFeature("city", ["y"], for: "u")
        let data = try TemporaryDataset(rich)
        #expect(data.dataset.itemFeatureNames == ["brand", "genre"])
        let values = try data.dataset.itemCategories("genre")
        let names = data.dataset.itemFeature("genre")?.vocabulary ?? []
        #expect(values.map { $0.map { names[$0] } } == [["drama", "comedy"], [], ["comedy"]])
        #expect(try message(data, "gnere").contains("'gnere'. Did you mean 'genre'?"))
        #expect(try message(data, "manufacturer").contains("There are: brand, genre."))
        #expect(try message(TemporaryDataset(builder()), "genre").contains("no features at all"))
    }
}
