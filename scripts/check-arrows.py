#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Checks the arrows between modules:  swift package dump-package | scripts/check-arrows.py

A module may depend only on modules of a lower layer, and a torch-free module on nothing that needs libtorch.
That an import has a declared dependency is the compiler's check (scripts/test.sh); this one is about direction.
"""
import json
import sys

# From the bottom up. A new target gets its place here, in the same change.
LAYERS = [
    {"CCrypto", "CLibTorch", "CZlib"},
    {"CTorch", "CIndex", "CascadeTensorFiles", "CascadeEvaluation", "TestSupport"},
    {"CascadeTorch", "CascadeDatasets", "CascadeConfigurations"},
    {"CascadeNN", "CascadeSimulation", "CascadeTensorBoard", "CascadeRetrieval", "CascadeStore", "CascadeLoop",
     "TensorTestSupport"},
    {"CascadeDiffusion", "CascadeFunnel", "StoreProbe"},
    {"CascadeRecommenders", "CascadeServer", "ServerTestSupport"},
    {"CascadeRuns", "ServerProbe"},
    {"CascadeTraining", "CascadeServing"},
    {"CascadeComparison", "CascadeAnalysis", "CascadeBenchmarks"},
    {"Cascade"},
    {"CascadeCommand"},
]
TORCH_FREE = {
    "CascadeTensorFiles", "CascadeConfigurations", "CascadeDatasets", "CascadeSimulation", "CascadeTensorBoard",
    "CascadeEvaluation",
    "CascadeRetrieval", "CascadeStore", "CascadeLoop", "CascadeFunnel", "CascadeServer",
}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def dependencies(target):
    """The names of the package's own targets that `target` depends on."""
    names = [(d.get("byName") or d.get("target") or [None])[0] for d in target["dependencies"]]
    return [name for name in names if name]


def reachable(name, arrows):
    """Every target below `name`, however far."""
    found, waiting = set(), list(arrows.get(name, []))
    while waiting:
        below = waiting.pop()
        if below not in found:
            found.add(below)
            waiting += arrows.get(below, [])
    return found


def main():
    targets = [t for t in json.load(sys.stdin)["targets"] if t["type"] in ("regular", "executable", "system")]
    arrows = {t["name"]: [d for d in dependencies(t)] for t in targets}
    problems = []
    for name, below in arrows.items():
        if name not in LEVEL:
            problems.append(f"{name} has no place in LAYERS of scripts/check-arrows.py")
            continue
        for other in below:
            if other in LEVEL and LEVEL[other] >= LEVEL[name]:
                problems.append(f"{name} -> {other} does not point down")
        if name in TORCH_FREE and "CTorch" in reachable(name, arrows):
            problems.append(f"{name} must not need libtorch, but reaches CTorch")
    for problem in problems:
        print(f"arrows: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
