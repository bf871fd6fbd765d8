// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Testing

@Suite("Plain scalars of a configuration")
struct ScalarTests {
    @Test("a number stays one only where its text loses nothing that text could need")
    func scalars() {
        for (text, expected) in [
            ("13", .integer(13)), ("-7", .integer(-7)), ("0", .integer(0)), ("0000000000013", .string("0000000000013")),
            ("12345678901234567890", .string("12345678901234567890")), ("0.5", .number(0.5)), ("1e-3", .number(0.001)),
            ("+5", .number(5)), ("1.10", .number(1.1)), ("true", .bool(true)), ("~", .null), ("", .null),
            ("no", .string("no")),
            ("nan", .string("nan")), ("2026-01-02", .string("2026-01-02")), ("1e999", .string("1e999")),
        ] as [(String, JSONValue)] {
            #expect(JSONValue(plain: text) == expected, "\(text)")
        }
    }

    private struct Names: Settings {
        var name = "none"
        var words: [String] = []
        var size = 1
    }

    @Test("ids keep their digits wherever text is expected")
    func texts() throws {
        let ids = ["0000000000013", "42", "x"].map { JSONValue(plain: $0) }
        var group = try SettingsGroup(
            .object(["ids": .array(ids), "name": JSONValue(plain: "007"), "whole": JSONValue(plain: "2026")]),
            path: "file"
        )
        #expect(try group.texts("ids") == ["0000000000013", "42", "x"])
        #expect(try group.text("name") == "007")
        #expect(try group.text("whole") == "2026")
        let tree = JSONValue.object(["name": JSONValue(plain: "0815"), "words": .array(ids), "size": .integer(3)])
        let names = try Names(overriding: tree, path: "names")
        #expect(names.name == "0815" && names.words == ["0000000000013", "42", "x"] && names.size == 3)
        #expect(try Names(overriding: .object(["name": .integer(7)]), path: "names").name == "7")
    }

    @Test("what would not survive as text is refused with advice", arguments: ["1.10", "1e5", "+49", "true", "~"])
    func refused(_ scalar: String) throws {
        let value = JSONValue(plain: scalar)
        var group = try SettingsGroup(.object(["ids": .array([.string("a"), value])]), path: "rerank")
        let list = #expect(throws: ConfigurationError.self) { try group.texts("ids") }
        #expect(list?.description.hasPrefix("rerank.ids[2]: found ") == true)
        #expect(list?.description.contains("put it in quotes") == true)
        guard value != .null else { return }
        let single = #expect(throws: ConfigurationError.self) {
            try Names(overriding: .object(["name": value]), path: "names")
        }
        #expect(single?.description.contains("names.name: found ") == true)
        #expect(single?.description.contains("put it in quotes") == true)
    }

    @Test("a number with leading zeros is no number, and the message shows it as it was written")
    func numbers() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try Names(overriding: .object(["size": JSONValue(plain: "010")]), path: "names")
        }
        #expect(error?.description == "names.size: found '010', expected a whole number")
    }
}
