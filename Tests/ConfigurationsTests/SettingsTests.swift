// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import Foundation
import Testing

/// Settings of every kind, with a history of names.
private struct Kitchen: Settings, Equatable {
    enum Style: String, Codable, CaseIterable {
        case plain
        case slowCooked = "slow-cooked"
    }

    struct Staff: InlinedSettings, Equatable {
        var numCooks = 2
        var numHelpers = 4

        static var bounds: [Bound<Self>] { [.atLeast(1, \.numCooks), .multiple(\.numHelpers, of: \.numCooks)] }
        static var formerNames: [String: String] { ["people.cooks": "numCooks", "people.helpers": "numHelpers"] }
    }

    struct Oven: Settings, Equatable {
        var heatDegrees = 180
        var share = 0.5

        static var bounds: [Bound<Self>] { [.within(50...300, \.heatDegrees), .unit(\.share)] }
        static var formerNames: [String: String] { ["degrees": "heatDegrees"] }
        static var meanings: [String: String] { ["heatDegrees": "Degrees Celsius."] }
    }

    var staff = Staff()
    var oven = Oven()
    var style = Style.plain
    var seats = 10
    var tableSizes = [4, 6]
    var userIDs = false

    static var bounds: [Bound<Self>] {
        [
            .atLeast(1, \.seats).when("{style}: plain") { $0.style == .plain }, .layers(\.tableSizes),
            .atMost(\.staff.numCooks, \.seats),
        ]
    }
    static var formerNames: [String: String] { ["chairs": "seats", "slow": "style"] }
    static var formerValues: [String: [String: String]] {
        ["style": ["french": "slow-cooked"], "slow": ["true": "slow-cooked", "false": "plain"]]
    }
    static var meanings: [String: String] { ["seats": "Guests at a time."] }
}

private func json(_ text: String) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
}

@Suite("Settings: spellings")
struct SettingSpellingTests {
    @Test("are written in snake_case, inlined groups among the keys of their owner, and read as they were written")
    func written() throws {
        let tree = try JSONValue(encoding: Kitchen())
        guard case .object(let fields) = tree else { throw ConfigurationError("no group") }
        #expect(
            fields.keys.sorted()
                == ["num_cooks", "num_helpers", "oven", "seats", "style", "table_sizes", "user_ids"]
        )
        #expect(tree["oven"] == .object(["heat_degrees": .integer(180), "share": .number(0.5)]))
        #expect(try Kitchen(overriding: tree, path: "") == Kitchen())
        #expect(try Kitchen.respelled(tree, path: "kitchen").renamed.isEmpty)
    }

    @Test(
        "are read in snake_case, in camelCase and by former names",
        arguments: [
            #"{"num_cooks": 3, "num_helpers": 6, "oven": {"heat_degrees": 90}, "seats": 9, "style": "slow-cooked"}"#,
            #"{"numCooks": 3, "numHelpers": 6, "oven": {"heatDegrees": 90}, "seats": 9, "style": "french"}"#,
            #"{"people": {"cooks": 3, "helpers": 6}, "oven": {"degrees": 90}, "chairs": 9, "slow": true}"#,
        ]
    )
    func read(_ text: String) throws {
        var expected = Kitchen()
        (expected.staff.numCooks, expected.staff.numHelpers, expected.oven.heatDegrees) = (3, 6, 90)
        (expected.seats, expected.style) = (9, .slowCooked)
        #expect(try Kitchen(overriding: json(text), path: "kitchen") == expected)
    }

    @Test("each other spelling is told with the present one")
    func told() throws {
        let text = #"{"people": {"cooks": 3}, "oven": {"degrees": 90}, "slow": false, "userIDs": true, "seats": 3}"#
        let renamed = try Kitchen.respelled(json(text), path: "kitchen").renamed
        #expect(
            Set(renamed.map(\.description)) == [
                "kitchen.people.cooks is kitchen.num_cooks", "kitchen.oven.degrees is kitchen.oven.heat_degrees",
                "kitchen.slow: false is kitchen.style: plain", "kitchen.userIDs is kitchen.user_ids",
            ]
        )
    }

    @Test(
        "a setting under two names is refused; unknown keys name the nearest",
        arguments: [
            (
                #"{"chairs": 3, "seats": 4}"#,
                "kitchen.seats: 'kitchen.chairs' is the same setting; keep one of them, kitchen.seats"
            ),
            (#"{"num_coks": 3}"#, "unknown key 'num_coks' in 'kitchen'. Did you mean 'num_cooks'?"),
            (#"{"numCoks": 3}"#, "unknown key 'numCoks' in 'kitchen'. Did you mean 'num_cooks'?"),
            (#"{"oven": {"sharp": 3}}"#, "unknown key 'sharp' in 'kitchen.oven'. Did you mean 'share'?"),
            (#"{"people": {"coks": 3}}"#, "unknown key 'coks' in 'kitchen.people'. Did you mean 'cooks'?"),
        ]
    )
    func refused(_ text: String, _ expected: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try Kitchen(overriding: json(text), path: "kitchen") }
        #expect(try #require(error).description == expected)
    }
}

@Suite("Settings: bounds")
struct SettingBoundTests {
    @Test(
        "refuse with key, what was found and what was expected",
        arguments: [
            (#"{"num_cooks": 0}"#, "kitchen.num_cooks: found 0, expected at least 1"),
            (
                #"{"num_helpers": 5}"#,
                "kitchen.num_helpers: found 5, expected a multiple of num_cooks; kitchen.num_cooks is 2"
            ),
            (
                #"{"oven": {"heat_degrees": 20}}"#,
                "kitchen.oven.heat_degrees: found 20, expected a whole number from 50 to 300"
            ),
            (#"{"oven": {"share": 1}}"#, "kitchen.oven.share: found 1.0, expected a number from 0 to below 1"),
            (#"{"seats": 0, "num_cooks": 1}"#, "kitchen.seats: found 0, expected at least 1, for style: plain"),
            (
                #"{"table_sizes": []}"#,
                "kitchen.table_sizes: found [], expected one layer or more, each of at least 1 feature"
            ),
            (
                #"{"num_cooks": 4, "seats": 3}"#,
                "kitchen.num_cooks: found 4, expected at most seats; kitchen.seats is 3"
            ),
        ]
    )
    func refuse(_ text: String, _ expected: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try Kitchen(overriding: json(text), path: "kitchen") }
        #expect(try #require(error).description == expected)
    }

    @Test("document what they refuse, in the order of the source, with defaults, choices, meanings and former keys")
    func descriptions() throws {
        let found = try Kitchen.descriptions()
        #expect(
            found.map(\.key)
                == [
                    "num_cooks", "num_helpers", "oven.heat_degrees", "oven.share", "style", "seats", "table_sizes",
                    "user_ids",
                ]
        )
        #expect(Set(found[0].bounds) == ["at most seats", "at least 1"] && found[0].formerKeys == ["people.cooks"])
        #expect(found[1].bounds == ["a multiple of num_cooks"] && found[1].type == "whole number")
        #expect(found[2].bounds == ["a whole number from 50 to 300"] && found[2].meaning == "Degrees Celsius.")
        #expect(found[4].choices == ["plain", "slow-cooked"] && found[4].standard == .string("plain"))
        #expect(found[5].bounds == ["at least 1 (for style: plain)"] && found[5].meaning == "Guests at a time.")
        #expect(found[7].type == "true or false" && found[7].bounds.isEmpty && found[7].meaning.isEmpty)
    }
}
