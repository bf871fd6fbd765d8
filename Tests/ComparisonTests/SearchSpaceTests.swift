// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeRecommenders
import Foundation
import Testing

@testable import CascadeComparison

@Suite("What a search tries")
struct SearchSpaceTests {
    static let tree: JSONValue = [
        "training.learningRate.peak": ["log": [0.0001, 0.1]], "model.dropout": ["uniform": [0, 0.5]],
        "model.blocks": ["integer": [1, 3]], "model.schedule": ["choice": ["linear", "cosine"]],
    ]

    @Test("the first trial is the experiment as it is; others draw every setting from its range")
    func draws() throws {
        let space = try SearchSpace(Self.tree)
        #expect(space.settings(trial: 0, seed: 1).isEmpty)
        var rates: [Double] = []
        var blocks: Set<Int> = []
        var schedules: Set<String> = []
        for trial in 1...300 {
            let drawn = space.settings(trial: trial, seed: 1)
            #expect(
                drawn.map(\.key) == ["model.blocks", "model.dropout", "model.schedule", "training.learningRate.peak"]
            )
            guard case .integer(let count) = drawn[0].value, case .number(let dropout) = drawn[1].value,
                case .string(let schedule) = drawn[2].value, case .number(let rate) = drawn[3].value
            else {
                Issue.record("\(drawn)")
                return
            }
            #expect((0...0.5).contains(dropout) && (0.0001...0.1).contains(rate))
            blocks.insert(count)
            schedules.insert(schedule)
            rates.append(rate)
        }
        #expect(blocks == [1, 2, 3] && schedules == ["linear", "cosine"])
        // Each of three magnitudes has a third of the draws: 100, with a standard deviation of 8.
        #expect((75...125).contains(rates.count { $0 < 0.001 }) && (75...125).contains(rates.count { $0 > 0.01 }))
    }

    @Test("a trial's settings depend on the seed and its number alone")
    func repeats() throws {
        let space = try SearchSpace(Self.tree)
        func draw(_ trial: Int, _ seed: UInt64) -> [JSONValue] { space.settings(trial: trial, seed: seed).map(\.value) }
        #expect(draw(5, 1) == draw(5, 1))
        #expect(draw(5, 1) != draw(6, 1) && draw(5, 1) != draw(5, 2))
    }

    @Test(
        "a range that cannot be is refused with what was expected",
        arguments: [
            (["a": ["uniform": [1, 0]]], "search_space.a.uniform: expected two numbers, the lower first"),
            (["a": ["log": [0, 1]]], "search_space.a.log: expected numbers above 0"),
            (["a": ["integer": [0.5, 1]]], "search_space.a.integer: expected whole numbers"),
            (["a": ["choice": []]], "search_space.a.choice: expected a list"),
            (
                ["a": ["norm": [0, 1]]],
                "search_space.a: expected one of {uniform: [...]}, {log: [...]}, {integer: [...]}, {choice: [...]}"
            ),
        ] as [(JSONValue, String)]
    )
    func refused(_ tree: JSONValue, _ message: String) {
        #expect(throws: ConfigurationError(message)) { try SearchSpace(tree) }
    }

    @Test("successive halving keeps a third of the trials three times as long; the last round is the whole training")
    func halving() {
        func rounds(_ trials: Int, _ epochs: Int, _ factor: Int) -> [[Int]] {
            Halving(trials: trials, epochs: epochs, factor: factor).rounds.map { [$0.trials, $0.epochs] }
        }
        #expect(rounds(16, 18, 3) == [[16, 2], [5, 6], [1, 18]])
        #expect(rounds(9, 27, 3) == [[9, 3], [3, 9], [1, 27]])
        #expect(rounds(8, 40, 2) == [[8, 5], [4, 10], [2, 20], [1, 40]])
        #expect(rounds(8, 2, 3) == [[8, 2]])
        #expect(rounds(8, 3, 3) == [[8, 1], [2, 3]])
        #expect(rounds(5, 10, 1) == [[5, 10]])
    }
}
