// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import CascadeTorch

@testable import CascadeRecommenders

extension Tensor {
    /// Whether there is neither an infinity nor a value that is no number.
    func isFinite() throws -> Bool { try floats().allSatisfy(\.isFinite) }
}

extension TrainingOutput {
    /// The user vectors of a model with one prediction.
    var vectors: Tensor { predictions[0].vectors }
}
