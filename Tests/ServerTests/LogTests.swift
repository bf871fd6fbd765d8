// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import Configurations
import Foundation
import Logging
import Testing

@testable import Server

@Suite("Logs")
struct LogTests {
    private func line(_ format: LogFormat, _ write: (Logger) -> Void) -> String {
        let lines = Lines()
        var settings = LogSettings()
        settings.format = format
        write(Logger(label: "test") { LineLogHandler(label: $0, settings: settings, write: lines.add) })
        return lines.all.joined()
    }

    @Test("A JSON line can be read back, whatever is in it")
    func json() throws {
        let nasty = "a\"b\\c\nd\u{0}\u{2028}\u{7F}ü"
        let text = line(.json) {
            $0.warning(
                "\(nasty)",
                metadata: ["level": "mine", "count": .stringConvertible(3), "list": ["x", .stringConvertible(1.5)]]
            )
        }
        #expect(text.hasSuffix("}\n") && text.count { $0.isNewline } == 1)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        #expect(value["message"] == .string(nasty))
        #expect(value["level"] == .string("warning"))
        #expect(value["level_"] == .string("mine"))
        #expect(value["count"] == .integer(3))
        #expect(value["list"] == .array([.string("x"), .number(1.5)]))
        #expect(value["time"].text?.hasSuffix("Z") == true)
    }

    @Test("A line of words is one line")
    func words() {
        let text = line(.text) { $0.info("one\ntwo", metadata: ["key": "a\r\nb"]) }
        #expect(text.hasSuffix(" info one\\ntwo key=a\\nb\n"))
    }

    @Test("What is below the level is not written")
    func level() { #expect(line(.json) { $0.debug("no") }.isEmpty) }
}
