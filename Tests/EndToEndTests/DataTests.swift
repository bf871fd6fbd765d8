// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Data for CTR models")
struct DataTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("a world with long histories says how well the best model could do")
    func lifelong() async throws {
        let data = folder.path("lifelong")
        let arguments = ["--users", "60", "--items", "400", "--categories", "8", "--mean-events", "40"]
        let made = try await cascade(["data", "simulate", "--simulator", "lifelong", "--to", data] + arguments)
        #expect(made.output.contains("60 users"))
        let area = try #require(made.output.firstMatch(of: #/by popularity is (0\.\d{4})\./#)?.1)
        #expect((0.6..<1).contains(try #require(Double(area))))
        let summary = try await cascade(["data", "describe", data, "--json"]).document()
        let features = try #require(summary["features"] as? [[String: Any]])
        #expect(features.map { $0["name"] as? String } == ["category"])
        #expect(features.first?["values"] as? Int == 8 && features.first?["coverage"] as? Double == 1)
        let refused = try await cascade(
            [
                "data", "simulate", "--simulator", "lifelong", "--to", folder.path("no"), "--items", "20",
                "--categories",
                "21",
            ],
            status: 65
        )
        #expect(refused.errors.contains("categories is 21, expected 1 to 20") && !folder.holds("no"))
    }

    @Test("Taobao's form is written, imported with some actions, and described; a bad row leaves nothing behind")
    func taobao() async throws {
        let (file, data) = (folder.path("UserBehavior.csv"), folder.path("taobao"))
        let world = ["--users", "30", "--items", "400", "--categories", "8", "--mean-events", "40"]
        let written = try await cascade(
            ["data", "simulate", "--simulator", "lifelong", "--as", "taobao", "--to", file] + world
        )
        let rows = try #require(written.output.firstMatch(of: #/: (\d+) rows/#)?.1)
        let filters = ["--actions", "view,cart", "--min-user-events", "20", "--min-item-events", "1"]
        let imported = try await cascade(["data", "import", "--from", "taobao", file, "--to", data] + filters)
        #expect(imported.output.contains("30 users") && imported.output.contains("from \(rows) rows (0 skipped)"))
        let summary = try await cascade(["data", "describe", data, "--json"]).document()
        #expect(Set((summary["actions"] as? [String: Int] ?? [:]).keys) == ["view", "cart"])

        let text = String(decoding: try folder.data("UserBehavior.csv"), as: UTF8.self)
        let bad = try folder.write(text + "1,2,3,stare,1511600000\n", to: "bad.csv")
        let arguments = ["data", "import", "--from", "taobao", bad, "--to", folder.path("none")]
        let refused = try await cascade(arguments, status: 65)
        #expect(refused.errors.contains("bad.csv:\((Int(rows) ?? 0) + 1): found 'stare' in column 'behavior'"))
        #expect(!folder.holds("none"))
        #expect(try await cascade(arguments + ["--on-error", "skip"]).errors.contains("skipped: bad.csv:"))
        let unknown = try await cascade(arguments + ["--actions", "stare"], status: 64)
        #expect(unknown.errors.contains("expected some of view, click, purchase, rating, cart, favourite"))
    }

    @Test("an import says which columns it took, what words meant and what looks odd; doubtful columns stop it")
    func columns() async throws {
        let rows = "1,8,order,2024-01-08,x\n 1,7,pv,2024-01-07,x\n1,6,ping,2024-01-06,x\n"
        let source = try folder.write("customer_id,asin,event_type,date,note\n" + rows, to: "log.csv")
        let items = try folder.write("asin,name,genre\n8,Hat,a|b\n", to: "items.csv")
        let (data, minimum) = (folder.path("data"), ["--min-user-events", "1", "--min-item-events", "1"])
        let arguments = ["data", "import", "--from", "csv", source, "--to", data] + minimum
        let refused = try await cascade(arguments, status: 65)
        #expect(refused.errors.contains("log.csv:4: found 'ping' in column 'event_type'") && !folder.holds("data"))
        let imported = try await cascade(arguments + ["--action", "drop=ping", "--item-features", items])
        #expect(imported.output.contains("2 users, 2 items, 2 events"))
        let said = imported.errors
        #expect(said.contains("user = 'customer_id', item = 'asin', time = 'date' (dates), action = 'event_type'"))
        #expect(said.contains("left out: 'note'") && said.contains("purchase 1 ('order' 1); dropped 1 ('ping' 1)"))
        #expect(said.contains("warning: 1 user id with spaces around, such as ' 1'"))
        #expect(said.contains("items.csv: columns: item = 'asin', title = 'name'; features: 'genre'"))
        let summary = try await cascade(["data", "describe", data, "--json"]).document()
        #expect(summary["lastTime"] as? Int == 1_704_672_000)

        let hidden = try folder.write("user,item,arrival\nu,a,2024-01-08\n", to: "hidden.csv")
        let missed = ["data", "import", "--from", "csv", hidden, "--to", folder.path("none")] + minimum
        let stopped = try await cascade(missed, status: 65).errors
        #expect(stopped.contains("--time-column arrival, or leave it out with --ignore-column arrival"))
        #expect(
            try await cascade(missed + ["--ignore-column", "arrival"]).errors.contains("warning: there are no times")
        )
        for wrong in ["stare", "stare=x"] {
            let unknown = try await cascade(missed + ["--action", wrong], status: 64)
            #expect(unknown.errors.contains("--action: 'stare' is not an action"))
        }
    }

    @Test("a table of requests is imported with what it showed, and described")
    func requests() async throws {
        let text = "list,user_id,item_id,clicked,price,device\nr1,u,a,0,5,phone\nr1,u,b,1,6,phone\nr2,u,a,1,5,desk\n"
        let source = try folder.write(text, to: "lists.csv")
        let arguments = ["data", "import", "--from", "csv", source, "--to", folder.path("lists"), "--request-column"]
        let columns = ["--shown-columns", "price", "--context-columns", "device"]
        let imported = try await cascade(arguments + ["list"] + columns)
        #expect(imported.output.contains("1 users, 2 items, 2 events, 2 requests from 3 rows (0 skipped)"))
        let summary = try await cascade(["data", "describe", folder.path("lists"), "--json"]).document()
        let requests = try #require(summary["requests"] as? [String: Any])
        #expect(requests["shown"] as? Int == 3 && requests["clicks"] as? Int == 2)
        #expect(requests["shownFeatures"] as? [String] == ["price"])
        let described = try await cascade(["data", "describe", folder.path("lists")])
        #expect(described.output.contains("request feature device"))
        let refused = try await cascade(
            ["data", "import", "--from", "csv", source, "--to", folder.path("no")] + columns,
            status: 65
        )
        #expect(
            refused.errors.contains("Say with --request-column which column holds the request") && !folder.holds("no")
        )
        // Lines are broken where the terminal ends.
        let help = try await cascade(["data", "import", "--help"]).output.split { $0.isWhitespace }.joined(
            separator: " "
        )
        #expect(help.contains("default 5, or 1 for formats with requests") && help.contains("amazon-attributes"))
    }

    @Test("an import reads files as its options say they are written, and names a file that is no table")
    func writing() async throws {
        let rows =
            "# made by hand\nuser;item;title;timestamp\nu;a;The \\\"Best\\\";1600000001.5\nu;b;caf~;1600000001.25\n"
        let file = folder.url.appending(path: "log.txt")
        try Data(rows.utf8.map { $0 == UInt8(ascii: "~") ? 0xE9 : $0 }).write(to: file)
        let (data, minimum) = (folder.path("data"), ["--min-user-events", "1", "--min-item-events", "1"])
        let arguments = ["data", "import", "--from", "csv", file.path, "--to", data] + minimum
        let hint = try await cascade(arguments + ["--comment", "#"], status: 65)
        #expect(hint.errors.contains("Pass --delimiter semicolon, which makes 4 columns.") && !folder.holds("data"))
        let writing = ["--comment", "#", "--delimiter", "semicolon", "--escape", "backslash"]
        let bytes = try await cascade(arguments + writing, status: 65)
        #expect(bytes.errors.contains("log.txt:4: found bytes that are not UTF-8 in column 'title'"))
        let imported = try await cascade(arguments + writing + ["--encoding", "latin1", "--quote", "none"])
        #expect(imported.output.contains("1 users, 2 items, 2 events from 2 rows (0 skipped)"))
        #expect(imported.errors.contains("log.txt: 1 lines are comments and were passed over"))
        #expect(String(decoding: try folder.data("data/titles.txt"), as: UTF8.self) == "The \"Best\"\ncafé\n")

        let archive = folder.url.appending(path: "log.csv")
        try Data([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0, 4]).write(to: archive)
        let stopped = ["data", "import", "--from", "csv", archive.path, "--to", folder.path("none")]
        let refused = try await cascade(stopped, status: 65).errors
        #expect(refused.contains("log.csv: found a file compressed with xz") && !folder.holds("none"))
        #expect(try await cascade(stopped + ["--quote", "single"], status: 64).errors.contains("'--quote <quote>'"))
    }
}
