// Part of Cascade. SPDX-License-Identifier: Apache-2.0
// Written by scripts/setting-meanings.py from the documentation comments; change those.
// swift-format-ignore-file

extension Sampler {
    public static var meanings: [String: String] {
        [
            "kind": "The family.",
            "steps": "`ddim`, `dpm-solver`: how many steps of the schedule to visit; 0 means all.",
            "spacing": "`ddim`, `dpm-solver`: how they are spread.",
            "noise": "`ddpm`: the noise of each step.",
        ]
    }
}
