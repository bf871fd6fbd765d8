#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Makes the documentation site, a folder of static files:  scripts/docs.sh [FOLDER]
#
# The API of every public module comes from its symbols, the guides from Documentation/ (scripts/docs-catalog.py). A warning
# of DocC is an error. Look at it with  python3 -m http.server --directory .build/site
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
site="$PWD/${1:-.build/site}"
work=".build/docs"
rm -rf "$work" "$site"
mkdir -p "$work/symbols"

scripts/swift.sh package dump-symbol-graph --minimum-access-level public --skip-synthesized-members >"$work/symbols.txt" 2>&1 ||
    { tail -n 20 "$work/symbols.txt" >&2; exit 1; }
graphs="$(scripts/swift.sh build --show-bin-path)/../symbolgraph"
find "$graphs" -name 'Cascade*.symbols.json' ! -name 'CascadeCommand*' -exec cp {} "$work/symbols/" \;
python3 scripts/docs-catalog.py "$work/Cascade.docc"

"$(dirname "$(readlink -f "$(command -v swift)")")/docc" convert "$work/Cascade.docc" \
    --additional-symbol-graph-dir "$work/symbols" \
    --fallback-display-name Cascade --fallback-bundle-identifier cascade \
    --transform-for-static-hosting --output-path "$site" >"$work/docc.txt" 2>&1 || { tail -n 40 "$work/docc.txt" >&2; exit 1; }
cat "$work/docc.txt" | head -60
find "$site" -name '*.html' | wc -l
