// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeDatasets
import CascadeTensorFiles
import Foundation
import TestSupport
import Testing

@Suite("Imports that fail")
struct ImporterFailureTests {
    let sources: TemporarySources
    init() throws { sources = try TemporarySources() }

    private func failure(_ format: String, _ url: URL, _ configure: (inout ImportOptions) -> Void = { _ in }) throws
        -> DatasetError
    {
        let before = try sources.names()
        let error = #expect(throws: DatasetError.self) {
            _ = try sources.importing(format, url, options: configure)
        }
        #expect(try sources.names() == before, "nothing is left behind")
        return try #require(error)
    }

    @Test("name the nearest format and list all")
    func suggestsFormat() throws {
        let error = try failure("ml1m", sources.folder.url)
        #expect(error.reason == .unknownFormat)
        #expect(
            error.description
                == "'ml1m' is not a format that can be imported. Did you mean 'ml-1m'? Known: ml-1m, ml-10m, ml-20m, ml-25m, ml-32m, ml-latest, recbole, yoochoose, kuairec, kuairand, sequences, taobao, tmall, trivago, lastfm-tags, amazon-search, amazon-attributes, kuaisar, csv."
        )
        #expect(try !failure("parquet", sources.folder.url).description.contains("Did you mean"))
    }

    @Test("say file, line, value, column, what was expected and what to do")
    func explainsBadRow() throws {
        let file = try sources.file("r.csv", "user,item,timestamp\nu,a,1\nu,b,noon\n")
        let error = try failure("csv", file)
        #expect(error.reason == .badRow)
        #expect(
            error.description == """
                \(file.path):3: found 'noon' in column 'timestamp', expected a number of seconds since 1970; \
                fix the line or pass --on-error skip
                """
        )
    }

    @Test(
        "give the reason for each kind of bad row",
        arguments: [
            ("u,a", "found 2 columns, expected 5 (the file ends here: was it cut off?)"),
            ("u,a,1,2,click,9", "found 6 columns, expected 5"),
            (",a,1,2,click", "found '' in column 'user', expected an id on one line"),
            ("u,\"a\nb\",1,2,click", "expected an id on one line"),
            ("u,a,978300760000,2,click", "(it reads as milliseconds: see --time-unit)"),
            ("u,a,1,two,click", "found 'two' in column 'value', expected a number"),
            (
                "u,a,1,2,stare",
                "found 'stare' in column 'action', expected view, click, purchase, rating, cart, favourite"
            ),
            ("u,a,1,2,\"click", "a quote that is not closed"),
            ("u,a,1,2,\"click\"s", "text after a closing quote"),
        ]
    )
    func explains(_ row: String, _ reason: String) throws {
        let file = try sources.file("r.csv", "user,item,time,value,action\nu,a,1,2,click\n" + row)
        let error = try failure("csv", file)
        #expect(error.reason == .badRow)
        #expect(error.description.contains("r.csv:3: "))
        #expect(error.description.contains(reason))
    }

    @Test("cut a long value to 40 characters and keep control characters out of the message")
    func cutsValues() throws {
        let file = try sources.file("r.csv", "user,item,time\nu,a,\u{1B}[31m\(String(repeating: "x", count: 500))\n")
        let description = try failure("csv", file).description
        #expect(description.contains("'\u{FFFD}[31m\(String(repeating: "x", count: 35))…'"))
        #expect(!description.contains("\u{1B}"))
    }

    @Test("refuse text that is not UTF-8 without showing it")
    func refusesLatin1() throws {
        let file = try sources.file("r.csv", Array("user,item\nu,caf".utf8) + [0xE9, 0x0A])
        #expect(
            try failure("csv", file).description.contains("r.csv:2: found bytes that are not UTF-8 in column 'item'")
        )
    }

    @Test("leave bad rows out when told to, and record how many and why")
    func skips() throws {
        let bad = (0..<12).map { "u,b\($0),never\n" }.joined()
        let text = "user,item,time\nu,a,1\n\(bad)\nu,\"open,5\nu,c,7\nu,d"
        let report = try sources.importing("csv", sources.file("r.csv", text)) { $0.onError = .skip }
        #expect(report.dataset.allEvents().map(\.item) == ["a", "c"])
        #expect(report.rowsRead == 16)
        #expect(report.rowsSkipped == 14)
        #expect(report.skippedReasons.count == 10)
        #expect(
            report.skippedReasons.first
                == "r.csv:3: found 'never' in column 'time', expected a number of seconds since 1970"
        )
        let provenance = report.dataset.manifest.provenance
        #expect(provenance["rows.skipped"] == "14")
        #expect(provenance["rows.skipped.10"]?.hasPrefix("r.csv:12: ") == true)
        #expect(provenance["on-error"] == "skip")
    }

    @Test("stop at a truncated gzip file even when bad rows may be left out")
    func refusesTruncation() throws {
        let rows = (0..<20_000).map { "u,\($0),\($0)\n" }.joined()
        let whole = gzip(Array(("user,item,time\n" + rows).utf8))
        let file = try sources.file("r.csv.gz", Array(whole[..<(whole.count / 2)]))
        for policy in ImportOptions.ErrorPolicy.allCases {
            let error = #expect(throws: FileError.self) {
                _ = try sources.importing("csv", file) { $0.onError = policy }
            }
            #expect(error?.reason == .truncated)
            #expect(try sources.names() == ["r.csv.gz"])
        }
    }

    @Test("say when every row was left out")
    func explainsNothingLeft() throws {
        let file = try sources.file("r.csv", "user,item,time\nu,a,x\n")
        let error = try failure("csv", file) { $0.onError = .skip }
        #expect(error.reason == .empty)
        #expect(error.description.contains("1 were skipped, the first because of r.csv:2: found 'x'"))
    }

    @Test("say which column is missing and which there are")
    func explainsMissingColumn() throws {
        let file = try sources.file("r.csv", "person,item_id,when\nu,a,1\n")
        let missing = try failure("csv", file)
        #expect(missing.reason == .badOption)
        #expect(missing.description.contains("'person', 'item_id', 'when', expected one of user_id"))
        let misspelt = try failure("csv", file) { ($0.columns.user, $0.columns.time) = ("person", "wen") }
        #expect(misspelt.description.contains("no column 'wen' for the time. Did you mean 'when'?"))
    }

    @Test("refuse a target that exists, before anything is read")
    func refusesExistingTarget() throws {
        try FileManager.default.createDirectory(at: sources.target, withIntermediateDirectories: false)
        #expect(try failure("csv", sources.folder.file("missing.csv")).reason == .alreadyExists)
    }

    @Test("refuse empty files, missing paths and useless delimiters")
    func refusesNothing() throws {
        #expect(try failure("csv", sources.file("empty.csv", "")).reason == .empty)
        #expect(try failure("csv", sources.file("header.csv", "user,item\n")).reason == .empty)
        #expect(
            try failure("csv", sources.file("r.csv", "user,item\nu,a\n")) { $0.delimiter = "" }.reason == .badOption
        )
        #expect(try failure("ml-1m", sources.folder.file("nowhere")).reason == .notFound)
        #expect(try failure("recbole", sources.folder.file("nowhere")).reason == .notFound)
        #expect(throws: DatasetError.self) { _ = try importDataset(from: "csv", paths: [], to: sources.target) }
    }

    @Test("survive any damage to the bytes of a source", arguments: ["csv", "ml-1m", "recbole"])
    func survivesDamage(_ format: String) throws {
        let (name, text) =
            switch format {
            case "csv": ("r.csv", "user,item,time,query\nu,a,1,\"red, \"\"new\"\" shoes\"\nu,b,2,\n")
            case "ml-1m": ("ratings.dat", "1::10::5::200\n1::20::3::100\n2::10::1::50\n")
            default: ("r.inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t3\n4\t5\t6e1\n")
            }
        var generator = SplitMix64(seed: 11)
        let marks = Array("\",:\t\r\n\0é-9".utf8) + [0xFF]
        for round in 0..<60 {
            var bytes = Array(text.utf8)
            for _ in 0...(round % 4) {
                let place = bytes.indices.randomElement(using: &generator) ?? 0
                switch round % 3 {
                case 0: bytes[place] = marks.randomElement(using: &generator) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(marks.randomElement(using: &generator) ?? 0, at: place)
                }
            }
            let file = try sources.file(name, bytes)
            do {
                let report = try sources.importing(format, file) { $0.onError = round % 2 == 0 ? .skip : .fail }
                #expect(report.dataset.eventCount <= report.rowsRead - report.rowsSkipped)
                try FileManager.default.removeItem(at: sources.target)
            } catch {
                #expect(error is DatasetError || error is FileError, "\(error)")
                #expect(try sources.names() == [name])
            }
        }
    }
}
