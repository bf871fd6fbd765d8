// Part of Cascade. SPDX-License-Identifier: Apache-2.0
import TensorFiles

/// ` Did you mean 'NAME'?` with the nearest known name, or nothing when none is near.
func didYouMean(_ name: String, _ known: [String]) -> String {
    nearestName(to: name, among: known).map { " Did you mean '\($0)'?" } ?? ""
}
