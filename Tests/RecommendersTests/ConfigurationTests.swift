// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTensorFiles
import Foundation
import Testing

@testable import CascadeRecommenders

private struct Kitchen: Settings, Equatable {
    enum Style: String, Codable, CaseIterable {
        case plain, french
        case slowCooked = "slow-cooked"
    }
    struct Oven: Codable, Equatable {
        var degrees = 180
        var isOn = false
    }
    var name = "home"
    var cooks = 2
    var share = 1.0
    var seed: UInt64 = 7
    var style = Style.plain
    var oven = Oven()
    var courses = ["soup", "fruit"]

    func validate() throws {
        guard cooks > 0 else { throw ConfigurationError("kitchen.cooks: found \(cooks), expected at least 1") }
    }
}

/// Reads JSON.
func json(_ text: String) throws -> JSONValue { try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }

@Suite("Configuration")
struct ConfigurationTests {
    private func kitchen(_ text: String) throws -> Kitchen { try Kitchen(overriding: json(text), path: "kitchen") }

    private func message(_ text: String) throws -> String {
        try #require(#expect(throws: ConfigurationError.self) { try kitchen(text) }).description
    }

    @Test(
        "no values and empty groups leave the defaults",
        arguments: ["{}", "null", #"{"oven": {}}"#, #"{"oven": null}"#]
    )
    func defaults(_ text: String) throws {
        #expect(try kitchen(text) == Kitchen())
    }

    @Test("replaces what is named, at any depth, and leaves the rest")
    func overlay() throws {
        var expected = Kitchen()
        (expected.cooks, expected.share, expected.style) = (3, 0.5, .slowCooked)
        (expected.oven.isOn, expected.courses) = (true, ["cake"])
        let text = #"{"cooks": 3, "share": 0.5, "style": "slow-cooked", "oven": {"isOn": true}, "courses": ["cake"]}"#
        #expect(try kitchen(text) == expected)
    }

    @Test("a whole number does for a number, and one without a fraction for a whole number")
    func numbers() throws {
        let kitchen = try Kitchen(
            overriding: .object(["share": .integer(3), "cooks": .number(4), "seed": .number(9)]),
            path: "kitchen"
        )
        #expect(kitchen.share == 3 && kitchen.cooks == 4 && kitchen.seed == 9)
    }

    @Test(
        "an unknown key is named with its place and the nearest known one",
        arguments: [
            (#"{"coks": 3}"#, "unknown key 'coks' in 'kitchen'. Did you mean 'cooks'?"),
            (#"{"COOKS": 3}"#, "unknown key 'COOKS' in 'kitchen'. Did you mean 'cooks'?"),
            (#"{"oven": {"degree": 3}}"#, "unknown key 'degree' in 'kitchen.oven'. Did you mean 'degrees'?"),
            (
                #"{"refrigerator": 3}"#,
                "unknown key 'refrigerator' in 'kitchen'; there are: cooks, courses, name, oven, seed, share, style"
            ),
        ]
    )
    func unknownKeys(_ text: String, _ expected: String) throws {
        #expect(try message(text) == expected)
    }

    @Test(
        "a value of the wrong type is shown with its key and what is expected",
        arguments: [
            (#"{"cooks": "three"}"#, "kitchen.cooks: found 'three', expected a whole number"),
            (#"{"cooks": 2.5}"#, "kitchen.cooks: found 2.5, expected a whole number"),
            (#"{"cooks": null}"#, "kitchen.cooks: found nothing, expected a whole number"),
            (#"{"cooks": true}"#, "kitchen.cooks: found true, expected a whole number"),
            (#"{"seed": -1}"#, "kitchen.seed: found -1, expected a whole number from 0"),
            (#"{"share": "half"}"#, "kitchen.share: found 'half', expected a number"),
            (#"{"share": [1]}"#, "kitchen.share: found a list, expected a number"),
            (#"{"name": 3.5}"#, "kitchen.name: found 3.5, expected text; put it in quotes if it is text"),
            (#"{"courses": [true]}"#, "kitchen.courses[1]: found true, expected text; put it in quotes if it is text"),
            (#"{"oven": {"isOn": 1}}"#, "kitchen.oven.is_on: found 1, expected true or false"),
            (#"{"oven": 3}"#, "kitchen.oven: found 3, expected a group of settings: degrees, is_on"),
            (#"{"style": "greek"}"#, "kitchen.style: found 'greek', expected one of plain, french, slow-cooked"),
            (
                #"{"style": "slow-coked"}"#,
                "kitchen.style: found 'slow-coked', expected one of plain, french, slow-cooked. Did you mean 'slow-cooked'?"
            ),
            (#"{"style": 1}"#, "kitchen.style: found 1, expected one of plain, french, slow-cooked"),
        ]
    )
    func wrongTypes(_ text: String, _ expected: String) throws {
        #expect(try message(text) == expected)
    }

    @Test("what only the decoder can tell is passed on with its key")
    func decoderErrors() throws {
        #expect(try message(#"{"courses": "one"}"#).hasPrefix("kitchen.courses: "))
    }

    @Test("values that cannot work are refused by the settings themselves")
    func validation() throws {
        #expect(try message(#"{"cooks": 0}"#) == "kitchen.cooks: found 0, expected at least 1")
        #expect(throws: ConfigurationError.self) { try Kitchen(overriding: .string("x"), path: "kitchen") }
    }

    @Test("choices of other modules are listed too")
    func foreignChoices() throws {
        let error = #expect(throws: ConfigurationError.self) {
            try T2Diff.Configuration(overriding: json(#"{"sampler": {"kind": "dim"}}"#), path: "model")
        }
        #expect(
            try #require(error).description
                == "model.sampler.kind: found 'dim', expected one of ddpm, ddim, dpm-solver, one-step. Did you mean 'ddim'?"
        )
    }

    @Test(
        "finds the name that was meant, or none",
        arguments: [
            ("sasrek", "sasrec"), ("SASRec", "sasrec"), ("t2dif", "t2diff"), ("popularty", "popularity"),
            ("gru4rec", nil), ("", nil), ("recent-populrity", "recent-popularity"),
        ]
    )
    func nearest(_ name: String, _ expected: String?) {
        #expect(nearestName(to: name, among: ["popularity", "recent-popularity", "sasrec", "t2diff"]) == expected)
        #expect(nearestName(to: name, among: []) == nil)
    }

    @Test("every model's defaults are valid, and resolving them changes nothing", arguments: Subject.all)
    func models(_ subject: Subject) throws {
        let defaults = try subject.entry.specification().settings
        #expect(try subject.entry.specification(.object([:])).settings == defaults)
        #expect(try subject.entry.specification(defaults).settings == defaults)
    }

    @Test(
        "models refuse what cannot work, naming it",
        arguments: [
            ("sasrec", #"{"heads": 3}"#, "model.embedding_size"),
            ("sasrec", #"{"length": 0}"#, "model.max_sequence_length"),
            ("sasrec", #"{"dropout": 1}"#, "dropout"), ("t2diff", #"{"window": 6}"#, "model.window"),
            ("t2diff", #"{"window": 52}"#, "max_sequence_length"),
            ("t2diff", #"{"session": 0}"#, "model.max_session_length"),
            ("t2diff", #"{"channels": 7}"#, "model.channels"), ("t2diff", #"{"steps": 0}"#, "steps"),
            ("t2diff", #"{"firstBeta": 0.5}"#, "beta_end"),
            ("t2diff", #"{"predictionDropout": 1}"#, "model.prediction_dropout"),
            ("t2diff", #"{"depth": 0, "backbone": "mamba"}"#, "model.backbone_layers"),
            ("t2diff", #"{"stateSize": 0}"#, "model.state_size"),
            ("t2diff", #"{"heads": 4, "channels": 6, "backbone": "transformer"}"#, "model.channels"),
            ("t2diff", #"{"window": 0, "backbone": "mamba"}"#, "model.window"),
            ("t2diff", #"{"heads": 3}"#, "model.num_heads is 3"),
            ("t2diff", #"{"sampler": {"steps": -1}}"#, "sampler.steps"),
            ("t2diff", #"{"ranking": -1}"#, "model.ranking_loss_weight"),
            ("t2diff", #"{"unit": 0}"#, "model.attention_hidden_size"),
            ("recent-popularity", #"{"halfLifeDays": 0}"#, "model.half_life_days"),
        ]
    )
    func impossible(_ model: String, _ text: String, _ named: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ModelRegistry.builtin.entry(model).specification(json(text))
        }
        #expect(try #require(error).description.contains(named))
    }
}

@Suite("JSONValue")
struct JSONValueTests {
    private static let tree: JSONValue = .object([
        "nothing": .null, "yes": .bool(true), "no": .bool(false), "count": .integer(-3), "big": .integer(1 << 53),
        "share": .number(0.1), "tiny": .number(1e-300), "text": .string("a \"quoted\" ü\n"), "empty": .string(""),
        "list": .array([.integer(1), .array([]), .object([:])]),
        "group": .object(["inner": .object(["x": .number(1.5)])]),
    ])

    @Test("survives being written and read")
    func roundTrip() throws {
        #expect(try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(Self.tree)) == Self.tree)
        #expect(try JSONValue(encoding: Self.tree) == Self.tree)
    }

    @Test("true is not 1, and 1.0 is 1")
    func kinds() throws {
        let values = try json("[true, 1, 1.0, 1.5, \"1\", null]")
        #expect(values == .array([.bool(true), .integer(1), .integer(1), .number(1.5), .string("1"), .null]))
    }

    @Test("keys read and write, missing ones are null")
    func keys() throws {
        var tree = Self.tree
        #expect(tree["count"] == .integer(-3) && tree["group"]["inner"]["x"] == .number(1.5))
        #expect(tree["missing"] == .null && tree["count"]["deeper"] == .null)
        tree["group"]["inner"]["y"] = .string("new")
        #expect(tree["group"]["inner"] == .object(["x": .number(1.5), "y": .string("new")]))
        var scalar = JSONValue.integer(1)
        scalar["key"] = .bool(true)
        #expect(scalar == .object(["key": .bool(true)]))
        #expect(tree["text"].text == "a \"quoted\" ü\n" && tree["count"].text == nil)
        #expect(tree["group"]["inner"]["x"].text == nil && tree["group"].text == nil)
    }
}
