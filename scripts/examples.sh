#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the packages in Examples/, each as a program outside this repository would:  scripts/examples.sh [NAME...]
#
# They share one build folder, so that Cascade is compiled once.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(OwnData OwnModel OwnServer)

mkdir -p .build
# The README shows the lines that run here.
python3 - <<'END'
import pathlib, re, sys
code = pathlib.Path("Examples/OwnData/Sources/OwnData/main.swift").read_text().split("\n\n", 1)[1]
if f"```swift\n{code}```" not in pathlib.Path("README.md").read_text():
    sys.exit("examples: README.md does not show Examples/OwnData/Sources/OwnData/main.swift; copy its lines from the first import on")
END

for name in "${names[@]}"; do
    echo "== $name"
    scripts/swift.sh run --package-path "Examples/$name" --scratch-path "$root/.build/examples" "$name" >"$root/.build/examples.txt"
    cat "$root/.build/examples.txt"
    # Each prints recommendations last: an item and a finite score.
    tail -n 1 "$root/.build/examples.txt" | grep -qE '^ *[^ ]+ +-?[0-9]+\.[0-9]+' || {
        echo "examples: $name ended without a recommendation" >&2
        exit 1
    }
done
