// Part of Cascade. SPDX-License-Identifier: Apache-2.0

package import CascadeDatasets

extension [EvaluationCase] {
    /// At most so many of them, spread evenly; 0 means all.
    package func spread(_ limit: Int) -> [EvaluationCase] {
        guard limit > 0, limit < count else { return self }
        return (0..<limit).map { self[$0 * count / limit] }
    }
}
