// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Foundation

/// Tests whether two models differ beyond the users and the trainings that happened to be measured.
///
/// Every pair of trainings (one of each model) ranks for the same users. A mean over trainings has forgotten how much these
/// differ; here both users and trainings are a sample.
public enum CrossedTest {
    /// What the test found.
    public struct Outcome: Sendable, Equatable {
        /// Mean difference, first model less second.
        public let difference: Double
        /// Two-sided.
        public let pValue: Double
        /// Degrees of freedom, at least 1.
        public let degreesOfFreedom: Int
    }

    /// Compares the values of two models.
    ///
    /// - Parameters:
    ///   - a: Of each training of the first model, every user's value: at least one training, at least two users.
    ///   - b: The same of the second, as many trainings and users. A model without chance repeats its one training.
    /// - Returns: With one training each, Student's paired test over users, which knows nothing of trainings.
    /// - Source: the analysis of a crossed design with both factors random: Dorfman, Berbaum & Metz 1992, Investigative
    ///   Radiology 27(9); degrees of freedom after Satterthwaite 1946, Biometrics Bulletin 2(6).
    public static func run(_ a: [[Double]], _ b: [[Double]]) -> Outcome {
        precondition(a.count == b.count && !a.isEmpty, "both models need as many trainings, and at least one")
        let differences = zip(a, b).map { first, second in
            precondition(
                first.count == second.count && first.count > 1,
                "every training needs the same two or more users"
            )
            return zip(first, second).map { $0 - $1 }
        }
        let (trainings, users) = (Double(differences.count), Double(differences[0].count))
        let byTraining = differences.map { $0.reduce(0, +) / users }
        let byUser = differences[0].indices.map { user in differences.reduce(0) { $0 + $1[user] } / trainings }
        let mean = byUser.reduce(0, +) / users
        guard differences.count > 1 else {
            let p = PairedTest.studentT(a[0], b[0])
            return Outcome(difference: mean, pValue: p, degreesOfFreedom: differences[0].count - 1)
        }
        // Mean squares of trainings, users, and what is left.
        let ofTrainings = byTraining.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } * users / (trainings - 1)
        let ofUsers = byUser.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } * trainings / (users - 1)
        var rest = 0.0
        for (training, values) in differences.enumerated() {
            for (user, value) in values.enumerated() {
                let left = value - byTraining[training] - byUser[user] + mean
                rest += left * left
            }
        }
        rest /= (trainings - 1) * (users - 1)
        // The sum is an estimate that chance can make too small; the mean is never more certain than either factor allows.
        let variance = max(ofTrainings + ofUsers - rest, ofTrainings, ofUsers)
        guard variance > 0 else {
            return Outcome(difference: mean, pValue: mean == 0 ? 1 : 0, degreesOfFreedom: 1)
        }
        let spread =
            ofTrainings * ofTrainings / (trainings - 1) + ofUsers * ofUsers / (users - 1)
            + rest * rest / ((trainings - 1) * (users - 1))
        let freedom = max(1, Int(min(variance * variance / spread, 1e6)))
        let t = mean / (variance / (trainings * users)).squareRoot()
        return Outcome(
            difference: mean,
            pValue: studentTail(t: t, degreesOfFreedom: freedom),
            degreesOfFreedom: freedom
        )
    }
}

/// Probabilities that hold for several tests at once.
public enum MultipleTests {
    /// The p-values corrected so that a limit of 0.05 admits one false finding among all of them in 20 such families.
    ///
    /// - Source: Holm 1979, Scandinavian Journal of Statistics 6(2).
    public static func holm(_ pValues: [Double]) -> [Double] {
        let order = pValues.indices.sorted { pValues[$0] < pValues[$1] }
        var corrected = pValues
        var largest = 0.0
        for (place, index) in order.enumerated() {
            largest = max(largest, min(1, pValues[index] * Double(pValues.count - place)))
            corrected[index] = largest
        }
        return corrected
    }
}
