// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeConfigurations
import CascadeDatasets
import Testing

@testable import CascadeFunnel

@Suite("Experiments: configuration and assignment")
struct ExperimentsAssignmentTests {
    static func experiment(_ name: String, _ shares: [Double], salt: String = "") -> ExperimentConfiguration {
        let arms = shares.enumerated().map {
            ExperimentConfiguration.Arm(name: "arm\($0)", share: $1, funnel: "funnel\($0)")
        }
        return ExperimentConfiguration(name: name, salt: salt, arms: arms)
    }

    /// How many of the users `0..<count` are in each arm.
    static func counts(_ experiment: ExperimentConfiguration, of count: Int) -> [Int] {
        var counts = experiment.arms.map { _ in 0 }
        for user in 0..<count {
            let arm = experiment.arm(of: UserID("\(user)"), request: "")
            counts[experiment.arms.firstIndex(of: arm) ?? 0] += 1
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
        let read = try ExperimentConfiguration.list(Self.tree(thirds), path: "experiments")
        #expect(read.count == 1 && read[0].name == "e" && read[0].salt.isEmpty)
        #expect(read[0].arms.map(\.name) == ["a", "b", "c"] && read[0].arms[0].share == 0.3333)
        #expect(try ExperimentConfiguration.list(.null, path: "experiments").isEmpty)
        let whole = [Self.arm("all", .integer(1)), Self.arm("none", .integer(0))]
        #expect(try ExperimentConfiguration.list(Self.tree(whole), path: "x")[0].arms[0].share == 1)
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
            (tree([arm("a", .string("half")), arm("b", .number(0.5))]), "experiments[0].arms[0].share"),
            (tree([arm("a", .number(0.5)), arm("b", .number(0.5))], name: .string("")), "no name"),
            (.array([.string("x")]), "experiments[0]"), (.object([:]), "expected a list"),
            (.array([.object(["nam": .string("x")])]), "Did you mean 'name'"),
        ] as [(JSONValue, String)]
    )
    func refused(_ tree: JSONValue, _ text: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ExperimentConfiguration.list(tree, path: "experiments")
        }
        let found = try #require(error)
        #expect(found.description.contains(text), "\(found)")
    }

    @Test("two experiments with the same name or salt are refused, for their arms would go together")
    func distinct() throws {
        let halves = JSONValue.array([Self.arm("a", .number(0.5)), Self.arm("b", .number(0.5))])
        func entry(_ name: String, _ salt: String) -> JSONValue {
            .object(["name": .string(name), "salt": .string(salt), "arms": halves])
        }
        for entries in [
            [entry("x", "1"), entry("x", "2")], [entry("x", "1"), entry("y", "1")], [entry("x", ""), entry("y", "x")],
        ] {
            #expect(throws: ConfigurationError.self) { try ExperimentConfiguration.list(.array(entries), path: "e") }
        }
        #expect(try ExperimentConfiguration.list(.array([entry("x", ""), entry("y", "")]), path: "e").count == 2)
    }

    @Test("the assignment is pinned: another hash would move people between arms")
    func pinned() {
        let experiment = Self.experiment("pinned", [0.25, 0.25, 0.5])
        let arms = (0..<24).map {
            experiment.arm(of: UserID("user-\($0)"), request: "").name.last.map(String.init) ?? ""
        }
        #expect(arms.joined() == "200220222102220211221212")
        #expect(experiment.arm(of: "é", request: "r1") == experiment.arm(of: "é", request: "r2"))
    }

    @Test("somebody without an id is assigned by the request")
    func anonymous() {
        let experiment = Self.experiment("x", [0.5, 0.5])
        let arms = (0..<200).map { experiment.arm(of: nil, request: "r\($0)").name }
        #expect(Set(arms).count == 2 && experiment.arm(of: nil, request: "r7").name == arms[7])
    }

    @Test(
        "arms get their shares",
        arguments: [[0.5, 0.5], [0.9, 0.1], [0.01, 0.99], [0.3333, 0.3333, 0.3333], [0, 1]]
    )
    func shares(_ shares: [Double]) {
        for name in ["a", "b", "homepage-2026"] {
            let counts = Self.counts(Self.experiment(name, shares), of: 20_000)
            #expect(ChiSquare.fit(counts, shares: shares) > 1e-4, "\(name) \(counts)")
        }
    }

    @Test("experiments are independent of each other, names and salts of all kinds")
    func independent() {
        let experiments =
            ["a", "b", "ab", "diversity", "diversity2"].map { Self.experiment($0, [0.5, 0.3, 0.2]) }
            + [Self.experiment("other", [0.5, 0.3, 0.2], salt: "a ")]
        let lots = experiments.map { experiment in
            (0..<10_000).map { user in
                Int(experiment.arm(of: UserID("\(user)"), request: "").name.dropFirst(3)) ?? 0
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
