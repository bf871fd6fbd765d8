// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import Foundation
import TestSupport
import Testing

@Suite("Importing yoochoose, kuairec and sequences")
struct ImporterSequenceTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func failure(_ format: String, _ path: URL) throws -> DatasetError {
        let error = #expect(throws: DatasetError.self) { _ = try sources.importing(format, path) }
        return try #require(error)
    }

    @Test("reads YooChoose's own clicks, with times and without a header")
    func yooChooseOriginal() throws {
        _ = try sources.file(
            "yoochoose-clicks.dat",
            "2,2014-04-07T13:56:37.614Z,214662742,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n"
                + "1,2014-04-07T10:51:09.277Z,214536502,0\n"
        )
        let dataset = try sources.importing("yoochoose", sources.folder.url).dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "2", item: "214662742", time: 1_396_878_997),
                Event(user: "1", item: "214536502", time: 1_396_867_869),
                Event(user: "1", item: "214536500", time: 1_396_868_049),
            ]
        )
    }

    @Test("reads YooChoose by day, keeping the order of the rows within a day")
    func yooChooseDays() throws {
        let text = "day,session_id,item_id\n0,7,10\n0,7,30\n0,8,10\n1,7,20\n"
        let file = try sources.file("clicks.csv.gz", gzip(Array(text.utf8)))
        let dataset = try sources.importing("yoochoose", file).dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "7", item: "10", time: 0), Event(user: "7", item: "30", time: 0),
                Event(user: "7", item: "20", time: 86_400), Event(user: "8", item: "10", time: 0),
            ]
        )
        #expect(dataset.hasTimes)
    }

    @Test(
        "names file, line and column of a bad row",
        arguments: [
            (
                "yoochoose", "clicks.csv", "day,session_id,item_id\n0,7,10\nfirst,7,10\n",
                "clicks.csv:3: found 'first' in column 'day', expected a whole number of days"
            ),
            (
                "yoochoose", "yoochoose-clicks.dat", "1,2014-04-07T10:51:09.277Z,214536502\n",
                "yoochoose-clicks.dat:1: found 3 columns, expected 4"
            ),
            (
                "sequences", "sequences.csv", "split,session_id,item_id\ntrain,1,\n",
                "sequences.csv:2: found '' in column 'item_id', expected an id on one line"
            ),
            (
                "sequences", "sequences.csv", "split,session_id,item_id\na:b,1,2\n",
                "sequences.csv:2: found 'a:b' in column 'split', expected the name of a part, without ':'"
            ),
            (
                "kuairec", "big_matrix.csv", "user_id,video_id,timestamp,watch_ratio\n0,1,,3\n",
                "big_matrix.csv:2: found '' in column 'timestamp', expected a number of seconds since 1970"
            ),
            (
                "kuairec", "big_matrix.csv", "user_id,video_id,timestamp,watch_ratio\n0,1,5,much\n",
                "big_matrix.csv:2: found 'much' in column 'watch_ratio', expected a number"
            ),
        ]
    )
    func badRows(_ format: String, _ name: String, _ text: String, _ message: String) throws {
        let error = try failure(format, sources.file(name, text))
        #expect(error.reason == .badRow)
        #expect(error.description.contains(message), "\(error)")
        let good = text.split(separator: "\n").count > 2  // a row before the bad one
        guard good else { return }
        let report = try sources.importing(format, sources.folder.file(name)) { $0.onError = .skip }
        #expect((report.rowsRead, report.rowsSkipped, report.dataset.eventCount) == (2, 1, 1))
    }

    @Test("makes each sequence of a part a user, and the part their feature")
    func sequences() throws {
        let file = try sources.file(
            "sequences.csv",
            "split,session_id,item_id\ntrain,1,b\ntrain,1,a\nval,1,a\ntest,2,b\ntrain,1,b\n"
        )
        let dataset = try sources.importing("sequences", file).dataset
        #expect(
            dataset.allEvents() == [
                Event(user: "train:1", item: "b"), Event(user: "train:1", item: "a"), Event(user: "train:1", item: "b"),
                Event(user: "val:1", item: "a"), Event(user: "test:2", item: "b"),
            ]
        )
        #expect(!dataset.hasTimes)
        let parts = (0..<3).map { dataset.userFeature("split")?.values(of: $0) }
        #expect(parts == [["train"], ["val"], ["test"]])
    }

    @Test("reads sequences of KuaiRec, with times or without, and leaves out what was not watched twice")
    func kuaiRecSequences() throws {
        let file = try sources.file(
            "interactions.csv",
            "split,session_id,user_id,item_id,time,watch_ratio\nb,1,0,9,100.25,2.5\nb,1,0,8,90.5,2\n"
                + "b,1,0,7,95,1.99\na,1,,9,,\na,1,,5,,\n"
        )
        let expected = [
            Event(user: "b:1", item: "8", action: .view, time: 90, value: 2),
            Event(user: "b:1", item: "9", action: .view, time: 100, value: 2.5),
            Event(user: "a:1", item: "9", action: .view), Event(user: "a:1", item: "5", action: .view),
        ]
        let dataset = try sources.importing("kuairec", file).dataset
        #expect(dataset.allEvents() == expected)
        #expect(dataset.manifest.provenance["min-value"] == "2.0")
        #expect(dataset.manifest.provenance["rows.below-min-value"] == "1")
    }

    @Test(
        "reads KuaiRec's own matrix, its positives by the watch ratio that is asked for",
        arguments: [0, 2, 3] as [Float]
    )
    func kuaiRecMatrix(_ least: Float) throws {
        _ = try sources.file(
            "big_matrix.csv",
            "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n"
                + "0,3649,13838,10867,2020-07-05 00:08:23.438,20200705,1593878903.438,1.27\n"
                + "0,9598,13665,10984,2020-07-05 00:13:41.297,20200705,1593879221.297,2.0\n"
                + "1,3649,851,7908,2020-07-05 00:16:06.687,20200705,1593879366.687,3.5\n"
        )
        let all = [
            Event(user: "0", item: "3649", action: .view, time: 1_593_878_903, value: 1.27 as Float),
            Event(user: "0", item: "9598", action: .view, time: 1_593_879_221, value: 2),
            Event(user: "1", item: "3649", action: .view, time: 1_593_879_366, value: 3.5),
        ]
        let dataset = try sources.importing("kuairec", sources.folder.url) { $0.minValue = least == 2 ? nil : least }
            .dataset
        #expect(dataset.allEvents() == all.filter { $0.value ?? 0 >= Double(least) })
    }

    @Test("says what is missing: a column, a file, a value that is high enough")
    func missing() throws {
        let file = try sources.file("table.csv", "split,session,item_id\ntrain,1,2\n")
        #expect(
            try failure("sequences", file).description.contains("no column 'session_id' for the user. Did you mean")
        )
        let days = try sources.file("days.csv", "day,session_id,item\n0,1,2\n")
        #expect(try failure("yoochoose", days).description.contains("no column 'item_id'"))
        let folder = try failure("kuairec", sources.folder.url)
        #expect(folder.reason == .notFound && folder.description.contains("big_matrix.csv, small_matrix.csv"))
        let matrix = try sources.file("m.csv", "user_id,video_id,timestamp,watch_ratio\n0,1,5,1\n")
        let low = try failure("kuairec", matrix)
        #expect(low.reason == .empty && low.description.contains("lower --min-value"))
    }
}

@Suite("Choosing events and users while importing")
struct ImporterFilterTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    @Test("leaves out events with a lower value; those without one stay, in every format")
    func leastValue() throws {
        let csv = try sources.file("events.csv", "user_id,item_id,rating\n1,a,3\n1,b,4\n1,c,\n2,a,4.5\n2,b,3.9\n")
        let dataset = try sources.importing("csv", csv) { $0.minValue = 4 }.dataset
        #expect(dataset.allEvents().map(\.item) == ["b", "c", "a"])
        #expect(dataset.manifest.provenance["rows.below-min-value"] == "2")
    }

    @Test("keeps the users whose last event is latest, ties by the later row, whatever the order of the rows")
    func latestUsers() throws {
        let rows = "u,i,9\nv,i,7\nw,i,9\nx,i,8\nu,i,1\nx,i,9\nv,i,2\n"  // last: u (9, 0), v (7, 1), w (9, 2), x (9, 5)
        let csv = try sources.file("events.csv", "user,item,time\n" + rows)
        for (count, expected) in [(1, ["x"]), (2, ["w", "x"]), (3, ["u", "w", "x"]), (9, ["u", "v", "w", "x"])] {
            let folder = try TemporarySources()
            let copy = try folder.file("events.csv", String(contentsOf: csv, encoding: .utf8))
            let dataset = try folder.importing("csv", copy) { $0.latestUsers = count }.dataset
            #expect((0..<dataset.userCount).map { dataset.userID(UserIndex($0)).rawValue }.sorted() == expected)
            #expect(dataset.manifest.provenance["latest-users"] == String(count))
        }
    }

    @Test("counts only users with enough events, and filters items afterwards, among those who were kept")
    func orderOfFilters() throws {
        // c is latest but has one event; a and b follow, and item 1 is then left with one event, so b falls below two.
        let rows = "d,1,1\nd,2,2\nb,1,3\nb,2,4\na,2,5\na,2,6\nc,2,7\n"
        let csv = try sources.file("events.csv", "user,item,time\n" + rows)
        let dataset = try sources.importing("csv", csv) {
            ($0.latestUsers, $0.minUserEvents, $0.minItemEvents) = (2, 2, 2)
        }.dataset
        #expect(dataset.allEvents() == [Event(user: "a", item: "2", time: 5), Event(user: "a", item: "2", time: 6)])
    }
}
