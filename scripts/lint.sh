#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Checks what can be checked without a build: format, license headers, the manifest, the arrows between modules, prose.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
failures=0
complain() {
    echo "lint: $1" >&2
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/  /' >&2
    failures=$((failures + 1))
}

folders=()
for folder in Sources Tests Benchmarks Examples; do
    [ ! -d "$folder" ] || folders+=("$folder")
done

# Each folder's own .swift-format applies, which an explicit --configuration would override.
swift format lint --strict --parallel --recursive "${folders[@]}" Package.swift ||
    complain "swift format found the above. 'make format' mends most of it."

headerless="$(find "${folders[@]}" scripts .ci Package.swift -type f \
    \( -name '*.swift' -o -name '*.h' -o -name '*.c' -o -name '*.cpp' -o -name '*.py' -o -name '*.sh' -o -name run \) \
    -not -path '*/.build/*' -exec sh -c \
    'head -n 3 "$1" | grep -q "Part of Cascade. SPDX-License-Identifier: Apache-2.0" || echo "$1"' _ {} \;)"
[ -z "$headerless" ] ||
    complain "without the line 'Part of Cascade. SPDX-License-Identifier: Apache-2.0' at the top:" "$headerless"

unsafe="$(grep -nE 'unsafeFlags|"/|"-(I|L|F)' Package.swift || true)"
[ -z "$unsafe" ] || complain "Package.swift has unsafe flags or an absolute path:" "$unsafe"

swift package dump-package | python3 scripts/check-arrows.py || complain "the arrows between modules are wrong; see above."

python3 scripts/setting-meanings.py --check || complain "what settings mean is not current; see above."

python3 scripts/check-prose.py || complain "Markdown has the above: long sentences, dead links or British spelling."

if command -v shellcheck >/dev/null; then
    shellcheck scripts/*.sh .ci/run || complain "shellcheck found the above."
fi

[ "$failures" -eq 0 ] || exit 1
echo "lint: clean"
