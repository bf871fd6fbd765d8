#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Runs the tests with coverage and prints the covered lines of Sources/, by module. MINIMUM=80 makes less a failure.
#
# The commands that tests start count too. Each process writes a profile of its own, and one that a test kills may leave
# half of one: `swift test` gives up there, so the profiles are merged here, without those.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
flags=(--enable-code-coverage --explicit-target-dependency-import-check error)
scripts/swift.sh build --build-tests "${flags[@]}"
products="$(scripts/swift.sh build --show-bin-path)"
bundle="$(ls "$products"/*PackageTests.xctest)"
tools="$(dirname "$(readlink -f "$(command -v swift)")")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

export CASCADE_BINARY="$products/cascade" CASCADE_PYTHON="python3" OMP_NUM_THREADS=1
[ ! -x .deps/venv/bin/python3 ] || CASCADE_PYTHON="$PWD/.deps/venv/bin/python3"
LLVM_PROFILE_FILE="$work/%p.profraw" "$bundle" --testing-library swift-testing

"$tools/llvm-profdata" merge --failure-mode=all -sparse "$work"/*.profraw -o "$work/merged.profdata"
"$tools/llvm-cov" export --summary-only --instr-profile "$work/merged.profdata" \
    "$bundle" --object "$products/cascade" --object "$products/ServerProbe" --object "$products/StoreProbe" \
    >"$work/report.json"
python3 - "$work/report.json" "$PWD/Sources/" "${MINIMUM:-0}" <<'END'
import collections, json, sys

report, sources, minimum = sys.argv[1], sys.argv[2], float(sys.argv[3])
modules = collections.defaultdict(lambda: [0, 0])
with open(report, encoding="utf-8") as file:
    for entry in json.load(file)["data"][0]["files"]:
        if entry["filename"].startswith(sources):
            module = entry["filename"][len(sources):].split("/")[0]
            for name in (module, "all"):
                modules[name][0] += entry["summary"]["lines"]["covered"]
                modules[name][1] += entry["summary"]["lines"]["count"]
covered, lines = modules.pop("all", (0, 0))
if lines == 0:
    sys.exit(f"coverage: {report} holds no line of {sources}")
print(f"\n{'module':<22}{'lines':>8}{'covered':>9}{'share':>9}")
for name, (c, n) in [*sorted(modules.items()), ("all", (covered, lines))]:
    print(f"{name:<22}{n:>8}{c:>9}{100 * c / max(n, 1):>8.1f}%")
if 100 * covered / lines < minimum:
    sys.exit(f"coverage: {100 * covered / lines:.1f} % of lines is less than the {minimum:g} % asked for")
END
