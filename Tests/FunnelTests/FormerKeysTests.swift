// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Testing

@Suite("Former keys of a configuration")
struct FormerKeysTests {
    private let keys = FormerKeys(["a": "b", "group.x": "group.y", "list.*.old": "list.*.new"])

    private func object(_ fields: [String: JSONValue]) -> JSONValue { .object(fields) }

    @Test("are read under today's names, each with a notice")
    func renew() throws {
        let tree = object([
            "a": .integer(1), "group": object(["x": .integer(2), "z": .integer(3)]),
            "list": object(["one": object(["old": .integer(4)]), "two": object(["new": .integer(5)])]),
        ])
        let renewed = try keys.renew(tree)
        #expect(
            renewed.tree
                == object([
                    "b": .integer(1), "group": object(["y": .integer(2), "z": .integer(3)]),
                    "list": object(["one": object(["new": .integer(4)]), "two": object(["new": .integer(5)])]),
                ])
        )
        #expect(renewed.notices.count == 3)
        #expect(renewed.notices.contains("list.one.old is now called list.one.new; the old name still works."))
    }

    @Test("today's keys, other kinds of values and nothing at all are left alone")
    func leavesAlone() throws {
        for tree in [object(["b": .integer(1), "group": .integer(3)]), .null, .array([.integer(1)]), object([:])] {
            let renewed = try keys.renew(tree)
            #expect(renewed.tree == tree && renewed.notices.isEmpty)
        }
    }

    @Test("entries of lists are named by their numbers, and groups by the path to them")
    func paths() throws {
        let tree = object(["list": .array([object(["old": .bool(true)])])])
        let renewed = try keys.under("outer").renew(object(["outer": tree]), path: "file")
        #expect(
            renewed.notices == [
                "file.outer.list[1].old is now called file.outer.list[1].new; the old name still works."
            ]
        )
    }

    @Test("a setting under both names is refused")
    func refusesBoth() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try keys.renew(object(["a": .integer(1), "b": .integer(2)]))
        }
        #expect(error?.description.contains("keep b alone") == true)
    }
}
