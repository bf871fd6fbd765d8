// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeEvaluation
import Foundation
import Testing

@Suite("Classification metrics")
struct ClassificationTests {
    /// The definition: every pair of a positive and a negative example, ties half.
    static func naiveArea(_ scores: [Float], _ labels: [Bool]) -> Double? {
        var (wins, pairs) = (0.0, 0.0)
        for (positive, a) in zip(labels, scores) where positive {
            for (other, b) in zip(labels, scores) where !other {
                wins += a > b ? 1 : a == b ? 0.5 : 0
                pairs += 1
            }
        }
        return pairs == 0 ? nil : wins / pairs
    }

    /// Scores with many ties, labels and groups.
    static func examples(_ seed: Int) -> (scores: [Float], labels: [Bool], groups: [Int]) {
        var generator = TestGenerator(state: UInt64(seed))
        let count = Int.random(in: 1...60, using: &generator)
        return (
            (0..<count).map { _ in Float(Int.random(in: -4...4, using: &generator)) / 4 },
            (0..<count).map { _ in Bool.random(using: &generator) },
            (0..<count).map { _ in Int.random(in: -3...3, using: &generator) }
        )
    }

    @Test("area under the curve: perfect, reversed, tied, one class")
    func area() throws {
        #expect(try areaUnderCurve(scores: [0.1, 0.4, 0.9], labels: [false, false, true]) == 1)
        #expect(try areaUnderCurve(scores: [0.9, 0.4, 0.1], labels: [false, false, true]) == 0)
        #expect(try areaUnderCurve(scores: [0.5, 0.5, 0.5], labels: [false, true, true]) == 0.5)
        #expect(try areaUnderCurve(scores: [-0.0, 0.0], labels: [false, true]) == 0.5)
        #expect(try areaUnderCurve(scores: [1, 2], labels: [true, true]) == nil)
        #expect(try areaUnderCurve(scores: [], labels: []) == nil)
        #expect(try areaUnderCurve(scores: [-.infinity, .infinity], labels: [false, true]) == 1)
        let error = #expect(throws: EvaluationError.self) {
            try areaUnderCurve(scores: [1, .nan], labels: [true, false])
        }
        #expect(error?.reason == .notANumber && error?.description.contains("score 1") == true)
    }

    @Test("area under the curve agrees with the count over all pairs", arguments: 0..<40)
    func areaAgainstPairs(_ seed: Int) throws {
        let (scores, labels, _) = Self.examples(seed)
        let area = try areaUnderCurve(scores: scores, labels: labels)
        let expected = Self.naiveArea(scores, labels)
        #expect((area == nil) == (expected == nil))
        if let area, let expected { #expect(abs(area - expected) < rounding) }
    }

    @Test("grouped: hand-computed, with a one-class group left out")
    func grouped() throws {
        let area = try GroupedAreaUnderCurve(
            scores: [0.1, 0.9, 0.5, 0.8, 0.2, 0.3],
            labels: [false, true, true, false, true, true],
            groups: [7, 7, 3, 3, 5, 7]
        )
        // Group 7: 0.1 below both positives, area 1, size 3. Group 3: reversed, area 0, size 2. Group 5: one class.
        #expect(area.unweighted == 0.5 && area.weighted == 0.6)
        #expect(area.groupCount == 2 && area.leftOutCount == 1)
        let none = try GroupedAreaUnderCurve(scores: [1], labels: [true], groups: [0])
        #expect(none.weighted == nil && none.unweighted == nil && none.leftOutCount == 1)
        #expect(throws: EvaluationError.self) { try GroupedAreaUnderCurve(scores: [.nan], labels: [true], groups: [0]) }
    }

    @Test("grouped agrees with the area of every group by itself", arguments: 0..<40)
    func groupedAgainstFilter(_ seed: Int) throws {
        let (scores, labels, groups) = Self.examples(seed)
        let areas = Set(groups).map { group in
            let members = groups.indices.filter { groups[$0] == group }
            return (Self.naiveArea(members.map { scores[$0] }, members.map { labels[$0] }), Double(members.count))
        }
        let scored = areas.compactMap { area, size in area.map { ($0, size) } }
        let result = try GroupedAreaUnderCurve(scores: scores, labels: labels, groups: groups)
        #expect(result.groupCount == scored.count && result.leftOutCount == areas.count - scored.count)
        if let weighted = result.weighted, let unweighted = result.unweighted {
            let size = scored.reduce(0) { $0 + $1.1 }
            #expect(abs(weighted - scored.reduce(0) { $0 + $1.0 * $1.1 } / size) < rounding)
            #expect(abs(unweighted - scored.reduce(0) { $0 + $1.0 } / Double(scored.count)) < rounding)
        } else {
            #expect(scored.isEmpty)
        }
    }

    @Test("log-loss: hand-computed, clipped, checked")
    func logLoss() throws {
        let loss = try #require(try Calibration.logLoss(probabilities: [0.5, 0.25], labels: [true, false]))
        #expect(abs(loss - (-log(0.5) - log(0.75)) / 2) < rounding)
        let worst = try #require(try Calibration.logLoss(probabilities: [0, 1], labels: [true, false]))
        #expect(abs(worst - -log(Calibration.clip)) < 1e-8)
        #expect(try Calibration.logLoss(probabilities: [], labels: []) == nil)
        let outside = #expect(throws: EvaluationError.self) {
            try Calibration.logLoss(probabilities: [0.5, 1.5], labels: [true, true])
        }
        #expect(outside?.reason == .notAProbability && outside?.description.contains("1.5") == true)
        #expect(throws: EvaluationError.self) { try Calibration.logLoss(probabilities: [.nan], labels: [true]) }
    }

    @Test("calibration error: hand-computed, borders, perfect")
    func calibration() throws {
        // Bins [0, 0.5) and [0.5, 1]: gaps |0.25 - 0| with 1 example and |0.75 - 0.5| with 2.
        let error = try Calibration.expectedError(
            probabilities: [0.25, 0.5, 1],
            labels: [false, true, false],
            bins: 2
        )
        #expect(error == 0.25)
        #expect(try Calibration.expectedError(probabilities: [0, 1], labels: [false, true]) == 0)
        #expect(try Calibration.expectedError(probabilities: [], labels: []) == nil)
        #expect(throws: EvaluationError.self) { try Calibration.expectedError(probabilities: [-0.1], labels: [true]) }
    }

    @Test("calibration error agrees with the definition by bins", arguments: 0..<20)
    func calibrationAgainstBins(_ seed: Int) throws {
        var generator = TestGenerator(state: UInt64(seed))
        let probabilities = (0..<80).map { _ in Float.random(in: 0...1, using: &generator) }
        let labels = probabilities.map { Float.random(in: 0...1, using: &generator) < $0 * $0 }
        let expected = (0..<10).reduce(0.0) { sum, bin in
            let members = probabilities.indices.filter { min(Int(Double(probabilities[$0]) * 10), 9) == bin }
            guard !members.isEmpty else { return sum }
            let count = Double(members.count)
            let mean = members.reduce(0) { $0 + Double(probabilities[$1]) } / count
            let share = Double(members.count { labels[$0] }) / count
            return sum + count / 80 * abs(mean - share)
        }
        let error = try Calibration.expectedError(probabilities: probabilities, labels: labels, bins: 10)
        #expect(abs(try #require(error) - expected) < rounding)
    }
}
