// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import Testing

@testable import CascadeFunnel

@Suite("A/B tests: configuration and assignment")
struct ABTestAssignmentTests {
    static func abTest(_ name: String, _ shares: [Double], salt: String = "") -> ABTestConfiguration {
        let arms = shares.enumerated().map {
            ABTestConfiguration.Arm(name: "arm\($0)", share: $1, funnel: "funnel\($0)")
        }
        return ABTestConfiguration(name: name, salt: salt, arms: arms)
    }

    /// How many of the users `0..<count` are in each arm.
    static func counts(_ test: ABTestConfiguration, of count: Int) -> [Int] {
        var counts = test.arms.map { _ in 0 }
        for user in 0..<count {
            let arm = test.arm(of: UserID("\(user)"), request: "")
            counts[test.arms.firstIndex(of: arm) ?? 0] += 1
        }
        return counts
    }

    static func tree(_ arms: [JSONValue], name: JSONValue = .string("e")) -> JSONValue {
        .array([.object(["name": name, "arms": .array(arms)])])
    }

    static func arm(_ name: String, _ share: JSONValue, _ more: [String: JSONValue] = [:]) -> JSONValue {
        .object(["name": .string(name), "share": share, "funnel": .string("f")].merging(more) { $1 })
    }

    @Test("a list is read as people write it")
    func list() throws {
        let thirds = [Self.arm("a", .number(0.3333)), Self.arm("b", .number(0.3333)), Self.arm("c", .number(0.3333))]
        let read = try ABTestConfiguration.list(Self.tree(thirds), path: "ab_tests")
        #expect(read.count == 1 && read[0].name == "e" && read[0].salt.isEmpty)
        #expect(read[0].arms.map(\.name) == ["a", "b", "c"] && read[0].arms[0].share == 0.3333)
        #expect(try ABTestConfiguration.list(.null, path: "ab_tests").isEmpty)
        let whole = [Self.arm("all", .integer(1)), Self.arm("none", .integer(0))]
        #expect(try ABTestConfiguration.list(Self.tree(whole), path: "x")[0].arms[0].share == 1)
    }

    @Test(
        "what cannot be run is refused with its place",
        arguments: [
            (tree([arm("a", .number(0.5)), arm("a", .number(0.5))]), "same name"),
            (tree([arm("a", .number(0.5)), arm("b", .number(0.4))]), "add up to 0.9"),
            (tree([arm("a", .number(1.5)), arm("b", .number(-0.5))]), "-0.5"),
            (tree([arm("a", .integer(1))]), "at least 2"),
            (tree([arm("a", .number(0.5)), arm("", .number(0.5))]), "arm 2"),
            (tree([arm("a", .number(0.5), ["shares": .null]), arm("b", .number(0.5))]), "Did you mean 'share'"),
            (tree([arm("a", .string("half")), arm("b", .number(0.5))]), "ab_tests[0].arms[0].share"),
            (tree([arm("a", .number(0.5)), arm("b", .number(0.5))], name: .string("")), "no name"),
            (.array([.string("x")]), "ab_tests[0]"), (.object([:]), "expected a list"),
            (.array([.object(["nam": .string("x")])]), "Did you mean 'name'"),
        ] as [(JSONValue, String)]
    )
    func refused(_ tree: JSONValue, _ text: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ABTestConfiguration.list(tree, path: "ab_tests")
        }
        let found = try #require(error)
        #expect(found.description.contains(text), "\(found)")
    }

    @Test("two A/B tests with the same name or salt are refused, for their arms would go together")
    func distinct() throws {
        let halves = JSONValue.array([Self.arm("a", .number(0.5)), Self.arm("b", .number(0.5))])
        func entry(_ name: String, _ salt: String) -> JSONValue {
            .object(["name": .string(name), "salt": .string(salt), "arms": halves])
        }
        for entries in [
            [entry("x", "1"), entry("x", "2")], [entry("x", "1"), entry("y", "1")], [entry("x", ""), entry("y", "x")],
        ] {
            #expect(throws: ConfigurationError.self) { try ABTestConfiguration.list(.array(entries), path: "e") }
        }
        #expect(try ABTestConfiguration.list(.array([entry("x", ""), entry("y", "")]), path: "e").count == 2)
    }

    @Test("the assignment is pinned: another hash would move people between arms")
    func pinned() {
        let test = Self.abTest("pinned", [0.25, 0.25, 0.5])
        let arms = (0..<24).map {
            test.arm(of: UserID("user-\($0)"), request: "").name.last.map(String.init) ?? ""
        }
        #expect(arms.joined() == "200220222102220211221212")
        #expect(test.arm(of: "é", request: "r1") == test.arm(of: "é", request: "r2"))
    }

    @Test("somebody without an id is assigned by the request")
    func anonymous() {
        let test = Self.abTest("x", [0.5, 0.5])
        let arms = (0..<200).map { test.arm(of: nil, request: "r\($0)").name }
        #expect(Set(arms).count == 2 && test.arm(of: nil, request: "r7").name == arms[7])
    }

    @Test(
        "arms get their shares",
        arguments: [[0.5, 0.5], [0.9, 0.1], [0.01, 0.99], [0.3333, 0.3333, 0.3333], [0, 1]]
    )
    func shares(_ shares: [Double]) {
        for name in ["a", "b", "homepage-2026"] {
            let counts = Self.counts(Self.abTest(name, shares), of: 20_000)
            #expect(ChiSquare.fit(counts, shares: shares) > 1e-4, "\(name) \(counts)")
        }
    }

    @Test("A/B tests are independent of each other, names and salts of all kinds")
    func independent() {
        let tests =
            ["a", "b", "ab", "diversity", "diversity2"].map { Self.abTest($0, [0.5, 0.3, 0.2]) }
            + [Self.abTest("other", [0.5, 0.3, 0.2], salt: "a ")]
        let lots = tests.map { test in
            (0..<10_000).map { user in
                Int(test.arm(of: UserID("\(user)"), request: "").name.dropFirst(3)) ?? 0
            }
        }
        for first in lots.indices {
            for second in lots.indices where second > first {
                var joint = [Int](repeating: 0, count: 9)
                for (a, b) in zip(lots[first], lots[second]) { joint[3 * a + b] += 1 }
                let shares = [0.5, 0.3, 0.2].flatMap { a in [0.5, 0.3, 0.2].map { a * $0 } }
                #expect(ChiSquare.fit(joint, shares: shares) > 1e-4, "\(first) \(second) \(joint)")
            }
        }
    }
}
