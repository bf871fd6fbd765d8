// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Importing real data, where there is any")
struct ImporterRealDataTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    @Test("MovieLens-1M is whole", .enabled(if: RealData.has("ml-1m") && RealData.isLongTestAllowed))
    func importsMovieLens1M() throws {
        let dataset = try sources.importing("ml-1m", RealData.folder.appendingPathComponent("ml-1m")).dataset
        #expect(dataset.userCount == 6_040)
        #expect(dataset.itemCount == 3_706)
        #expect(dataset.eventCount == 1_000_209)
        #expect(dataset.title(try dataset.itemIndex("1")) == "Toy Story (1995)")
        #expect(dataset.itemFeature("genre")?.vocabulary.count == 18)
        #expect(dataset.userFeature("occupation")?.vocabulary.count == 21)
        let summary = DatasetSummary(dataset)
        #expect(summary.historyLengths.minimum == 20)
        #expect(summary.historyLengths.maximum == 2_314)
        #expect(summary.actions == ["rating": 1_000_209])
    }

    @Test("MovieLens-100K is whole", .enabled(if: RealData.has("ml-100k")))
    func importsMovieLens100K() throws {
        let dataset = try sources.importing("recbole", RealData.folder.appendingPathComponent("ml-100k")).dataset
        #expect(dataset.userCount == 943)
        #expect(dataset.itemCount == 1_682)
        #expect(dataset.eventCount == 100_000)
        #expect(dataset.title(try dataset.itemIndex("2")) == "GoldenEye")
        #expect(dataset.itemFeature("class")?.vocabulary.count == 19)
        #expect(DatasetSummary(dataset).firstTime == 874_724_710)
    }

    @Test("YooChoose's first 17 days are whole", .enabled(if: RealData.has("yoochoose") && RealData.isLongTestAllowed))
    func importsYooChoose() throws {
        let dataset = try sources.importing("yoochoose", RealData.folder.appendingPathComponent("yoochoose")).dataset
        #expect((dataset.userCount, dataset.itemCount, dataset.eventCount) == (816_019, 25_958, 3_370_578))
        #expect((dataset.manifest.firstTime, dataset.manifest.lastTime) == (0, 16 * 86_400))
        let split = try SplitDataset(dataset, .temporal(validation: .lastDays(2), test: .lastDays(1)))
        #expect(split.lastTrainingTime == 14 * 86_400)
        #expect(split.cases(.test).allSatisfy { dataset.times[$0.target] == 16 * 86_400 })
    }

    @Test("KuaiRec's sequences are whole", .enabled(if: RealData.has("kuairec")))
    func importsKuaiRec() throws {
        let dataset = try sources.importing("kuairec", RealData.folder.appendingPathComponent("kuairec")).dataset
        #expect((dataset.userCount, dataset.itemCount, dataset.eventCount) == (18_418, 3_015, 132_341))
        #expect(dataset.userFeature("split")?.vocabulary == ["b", "a"])
        let error = #expect(throws: DatasetError.self) { try SplitDataset(dataset, .given) }
        #expect(error?.description.contains("found 'b', 'a' in the user feature 'split'") == true)
    }

    @Test("Zhihu's sequences are whole, and so is their own division", .enabled(if: RealData.has("zhihu")))
    func importsZhihu() throws {
        let dataset = try sources.importing("sequences", RealData.folder.appendingPathComponent("zhihu")).dataset
        #expect((dataset.userCount, dataset.itemCount, dataset.eventCount) == (11_714, 4_838, 77_712))
        let split = try SplitDataset(dataset, .given)
        #expect(split.training.count == 9_371 && split.trainingEventCount == 61_641)
        #expect((split.cases(.validation).count, split.cases(.test).count) == (1_171, 1_172))
    }

    /// Users, items, events and requests; shown items, clicks, purchases, distinct queries, requests without history.
    private func counts(_ summary: DatasetSummary) throws -> [Int] {
        let requests = try #require(summary.requests)
        return [
            summary.users, summary.items, summary.events, requests.count, requests.shown, requests.clicks,
            requests.purchases, requests.distinctQueries,
            Int((requests.emptyHistoryShare * Double(requests.count)).rounded()),
        ]
    }

    @Test("trivago's two days are whole", .enabled(if: RealData.has("trivago")))
    func importsTrivago() throws {
        let dataset = try sources.importing("trivago", RealData.folder.appendingPathComponent("trivago")).dataset
        let summary = DatasetSummary(dataset)
        #expect(try counts(summary) == [6_593, 107_589, 87_608, 13_596, 312_514, 13_596, 0, 2_525, 3_806])
        #expect(summary.actions == ["click": 13_597, "view": 74_011] && summary.queries == 2_853)
        #expect(summary.requests.map { $0.queryShare * 13_596 }?.rounded() == 6_532)
        #expect(dataset.manifest.provenance["requests.left-out"]?.hasPrefix("1 ") == true)
        #expect(dataset.requestFeature("city")?.vocabulary.count == 260)
        #expect(dataset.requestFeature("device")?.vocabulary.count == 3)
    }

    @Test("Last.fm's tags are whole", .enabled(if: RealData.has("lastfm-tags")))
    func importsTags() throws {
        let dataset = try sources.importing("lastfm-tags", RealData.folder.appendingPathComponent("lastfm-tags"))
            .dataset
        let summary = DatasetSummary(dataset)
        #expect(try counts(summary) == [1_892, 12_523, 186_473, 78_097, 186_473, 186_473, 0, 9_748, 14_354])
        #expect((summary.valueShare * 186_473).rounded() == 73_356)
        #expect(dataset.manifest.provenance["rows.outside-times"] == "0")
    }

    @Test("Amazon's searches are whole, and so is their own division", .enabled(if: RealData.has("amazon-cellphones")))
    func importsAmazonSearch() throws {
        let folder = RealData.folder.appendingPathComponent("amazon-cellphones")
        let dataset = try sources.importing("amazon-search", folder).dataset
        let rows = 174_754
        #expect(try counts(DatasetSummary(dataset)) == [27_879, 10_428, 150_663, rows, rows, rows, rows, 164, 32_844])
        #expect(dataset.manifest.provenance["queries.test"] == "0 of the 30 queries of test occur in train")
        let split = try SplitDataset(requestsOf: dataset, .given)
        #expect((split.requests?.training.count, split.requests?.numbers(.test).count) == (174_087, 667))
    }

    @Test(
        "Amazon's purchases are whole",
        .enabled(if: RealData.has("amazon-beauty") && RealData.has("amazon-toys")),
        arguments: [("amazon-beauty", 198_502, 22_363, 12_101, 637), ("amazon-toys", 167_597, 19_412, 11_924, 1_020)]
    )
    func importsAmazonAttributes(_ name: String, _ rows: Int, _ users: Int, _ items: Int, _ queries: Int) throws {
        let dataset = try sources.importing("amazon-attributes", RealData.folder.appendingPathComponent(name)).dataset
        #expect(try counts(DatasetSummary(dataset)) == [users, items, rows, rows, rows, rows, rows, queries, users])
        #expect(dataset.manifest.provenance["events.without-request"]?.hasPrefix("0 ") == true)
    }
}
