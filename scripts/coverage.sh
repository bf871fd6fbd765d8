#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Runs the tests with coverage and prints the covered lines of Sources/, by module. MINIMUM=80 makes less a failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/test.sh --enable-code-coverage
python3 - "$(scripts/swift.sh test --show-codecov-path)" "$PWD/Sources/" "${MINIMUM:-0}" <<'END'
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
print(f"\n{'module':<14}{'lines':>8}{'covered':>9}{'share':>9}")
for name, (c, n) in [*sorted(modules.items()), ("all", (covered, lines))]:
    print(f"{name:<14}{n:>8}{c:>9}{100 * c / max(n, 1):>8.1f}%")
if 100 * covered / lines < minimum:
    sys.exit(f"coverage: {100 * covered / lines:.1f} % of lines is less than the {minimum:g} % asked for")
END
