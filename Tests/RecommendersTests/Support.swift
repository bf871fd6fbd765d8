// Part of Cascade. SPDX-License-Identifier: Apache-2.0

import Torch

extension Tensor {
    /// Whether there is neither an infinity nor a value that is no number.
    func isFinite() throws -> Bool { try floats().allSatisfy(\.isFinite) }
}
