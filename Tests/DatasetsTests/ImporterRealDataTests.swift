// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Datasets
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
}
