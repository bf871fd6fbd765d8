// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@testable import CascadeDatasets

@Suite("Times of a source")
struct ImporterTimeTests {
    private func read(_ unit: TimeUnit, _ text: String) -> Timestamp? {
        Array(text.utf8).withUnsafeBufferPointer { unit.timestamp($0) }
    }

    @Test(
        "are numbers of seconds or of a part of one, to the nanosecond",
        arguments: [
            (.seconds, "978300760", 978_300_760, 0), (.seconds, "978300760.9", 978_300_760, 900_000_000),
            (.seconds, "1600002996.257896123", 1_600_002_996, 257_896_123), (.seconds, "-1.5", -2, 500_000_000),
            (.seconds, "-0.0000000001", -1, 999_999_999), (.seconds, "-3.0", -3, 0), (.seconds, "0e300", 0, 0),
            (.seconds, "8.8125e+08", 881_250_000, 0), (.seconds, "1.600002996257896E9", 1_600_002_996, 257_896_000),
            (.seconds, "0.000000000000000000000000000001", 0, 0), (.seconds, "1e-25", 0, 0),
            (.milliseconds, "978300760999", 978_300_760, 999_000_000), (.milliseconds, "-1", -1, 999_000_000),
            (.milliseconds, "-1000", -1, 0), (.milliseconds, "1.600002996257e12", 1_600_002_996, 257_000_000),
            (.milliseconds, "1600002996257.25", 1_600_002_996, 257_250_000),
            (.microseconds, "1600002996257896", 1_600_002_996, 257_896_000),
            (.nanoseconds, "1600002996257896123", 1_600_002_996, 257_896_123), (.nanoseconds, "-1", -1, 999_999_999),
            (.days, "2", 172_800, 0),
        ] as [(TimeUnit, String, Int64, UInt32)]
    )
    func readsNumbers(_ unit: TimeUnit, _ text: String, _ seconds: Int64, _ nanoseconds: UInt32) {
        #expect(read(unit, text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test(
        "are dates and times as databases and programs write them",
        arguments: [
            ("1970-01-01", 0, 0), ("2000-02-29", 951_782_400, 0), ("1969-12-31T23:59:59Z", -1, 0),
            ("0001-01-01", -62_135_596_800, 0), ("20200913", 1_599_955_200, 0), ("2020/09/13", 1_599_955_200, 0),
            ("2020/9/3 1:02", 1_599_094_920, 0), ("2014-04-07T10:51:09.277Z", 1_396_867_869, 277_000_000),
            ("2014-04-07 10:51", 1_396_867_860, 0), ("2014-04-07T12:51:09+02:00", 1_396_867_869, 0),
            ("2014-04-07T05:21:09-0530", 1_396_867_869, 0), ("2014-04-07T12:51:09+02", 1_396_867_869, 0),
            ("2020-09-13 13:16:36 UTC", 1_600_002_996, 0), ("2020-09-13 13:16:36 utc", 1_600_002_996, 0),
            ("2020-09-13 13:16:36.5 GMT", 1_600_002_996, 500_000_000), ("2020-09-13 13:16:36UTC", 1_600_002_996, 0),
            ("2020-09-13 13:16:36 +0000", 1_600_002_996, 0), ("2020-09-13 15:16:36 GMT+0200", 1_600_002_996, 0),
            ("2020-09-13 13:16:36+00", 1_600_002_996, 0), ("2020-09-13 13:16:36 Z", 1_600_002_996, 0),
            ("2020/09/13 13:16:36", 1_600_002_996, 0), ("2020/09/13T13:16:36", 1_600_002_996, 0),
            ("20200913T131636Z", 1_600_002_996, 0), ("20200913131636", 1_600_002_996, 0),
            ("20200913 131636.25", 1_600_002_996, 250_000_000), ("20200913T1316", 1_600_002_960, 0),
            ("20200913T13:16:36+0000", 1_600_002_996, 0), ("2020-09-13  13:16:36", 1_600_002_996, 0),
            ("2020-09-13T13:16:36,123456789Z", 1_600_002_996, 123_456_789),
            ("2020-09-13T13:16:36.1234567899999 UTC", 1_600_002_996, 123_456_789),
        ] as [(String, Int64, UInt32)]
    )
    func readsDates(_ text: String, _ seconds: Int64, _ nanoseconds: UInt32) {
        #expect(read(.iso8601, text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test(
        "are nothing else",
        arguments: [
            (.seconds, "978300760000000"), (.seconds, "yesterday"), (.seconds, ""), (.seconds, "1e300"),
            (.seconds, "1.5.2"), (.seconds, "1e"), (.seconds, "."), (.seconds, "nan"),
            (.seconds, "99999999999999999999"),
            (.nanoseconds, "1e30"), (.days, "1.5"), (.iso8601, "1900-02-29"), (.iso8601, "2014-13-01"),
            (.iso8601, "2014-04-31"), (.iso8601, "2014-04-07T24:00"), (.iso8601, "2014-04-07T10:51:09Zz"),
            (.iso8601, "2014-04-07T10:51:09."), (.iso8601, "978300760"), (.iso8601, "0000-01-01"),
            (.iso8601, "13/09/2020"), (.iso8601, "2020-09/13"), (.iso8601, "2020-09-13131636"),
            (.iso8601, "1512121056"), (.iso8601, "2020-09-13 13:16:36 PST"), (.iso8601, "2020-09-13 13"),
            (.iso8601, "2020-09-13 13:16:36 +"), (.iso8601, "2020-09-13T13:16:3"), (.iso8601, "1600002996257"),
        ] as [(TimeUnit, String)]
    )
    func refuses(_ unit: TimeUnit, _ text: String) { #expect(read(unit, text) == nil) }

    @Test(
        "tell their likely unit",
        arguments: [
            ("1600002996", .seconds), ("1600002996.5", .seconds), ("1600002996257", .milliseconds),
            ("1600002996257896", .microseconds), ("1600002996257896123", .nanoseconds), ("2020-09-13", .iso8601),
            ("20200913", .iso8601), ("18518", nil), ("noon", nil), ("", nil),
        ] as [(String, TimeUnit?)]
    )
    func findsUnit(_ text: String, _ unit: TimeUnit?) {
        #expect(Array(text.utf8).withUnsafeBufferPointer { TimeUnit.likely($0) } == unit)
    }

    @Test("hold dates that agree with the system's calendar")
    func agreesWithFoundation() {
        var generator = SplitMix64(seed: 5)
        for _ in 0..<500 {
            let seconds = Int64.random(in: -2_000_000_000...20_000_000_000, using: &generator)
            let text = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
            #expect(read(.iso8601, text)?.seconds == seconds, "\(text)")
        }
    }

    @Test(
        "order the events of a second, whatever the unit, and are stored as whole seconds",
        arguments: [
            (.seconds, ["1600002996.75", "1600002996.250", "1600002995"]),
            (.milliseconds, ["1600002996750", "1600002996250", "1600002995000"]),
            (.microseconds, ["1600002996000002", "1600002996000001", "1600002995000000"]),
            (.nanoseconds, ["1600002996000000002", "1600002996000000001", "1600002995999999999"]),
            (.iso8601, ["2020-09-13 13:16:36.75", "2020-09-13T13:16:36.5Z", "2020-09-13 13:16:35.9 UTC"]),
        ] as [(TimeUnit, [String])]
    )
    func orders(_ unit: TimeUnit, _ times: [String]) throws {
        let sources = try TemporarySources()
        let rows = zip(["c", "b", "a"], times).map { "u,\($0),\($1)\n" }.joined()
        let file = try sources.file("log.csv", "user,item,timestamp\n" + rows)
        let dataset = try sources.importing("csv", file) { $0.timeUnit = unit }.dataset
        #expect(dataset.allEvents().map(\.item) == ["a", "b", "c"])
        #expect(dataset.allEvents().map(\.time) == [1_600_002_995, 1_600_002_996, 1_600_002_996])
    }

    @Test("decide within a second who was there last, and what a request had before it")
    func decidesWithinSecond() {
        var builder = DatasetBuilder(name: "fractions")
        builder.add(Event(user: "late", item: "a", time: 10), nanoseconds: 900)
        builder.add(Event(user: "early", item: "a", time: 10), nanoseconds: 100)
        let core = KCore(
            builder.columns,
            userCount: 2,
            itemCount: 1,
            minUserEvents: 1,
            minItemEvents: 1,
            latestUsers: 1
        )
        #expect(core.users == [true, false])
    }

    @Test("put the events of a request's second before it or after it")
    func ordersRequests() throws {
        let sources = try TemporarySources()
        var builder = DatasetBuilder(name: "requests")
        let shown = [SearchRequest.Shown("a", isClicked: true)]
        builder.add(SearchRequest(user: "u", query: "second", time: 10, shown: shown), nanoseconds: 700)
        builder.add(SearchRequest(user: "u", query: "first", time: 10, shown: shown), nanoseconds: 300)
        builder.add(Event(user: "u", item: "c", time: 10), nanoseconds: 900)
        builder.add(Event(user: "u", item: "b", time: 10), nanoseconds: 500)
        builder.add(Event(user: "u", item: "a", time: 10), nanoseconds: 100)
        let dataset = try builder.write(to: sources.target, minUserEvents: 1, minItemEvents: 1)
        #expect(dataset.allEvents().map(\.item) == ["a", "b", "c"])
        let requests = try #require(dataset.requests)
        #expect((0..<2).map { dataset.queryText(Int(requests.queries[$0])) } == ["first", "second"])
        #expect((0..<2).map { requests.ends[$0] } == [1, 2])
    }
}
