// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Datasets
import Foundation
import TensorFiles
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
}
