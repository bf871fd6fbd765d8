#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Makes the documentation site, .build/docs/site, with DocC:  scripts/docs.sh [--serve [PORT]]
#
# The guides of Documentation/ and the reference of every public module, each with the lines of its snippet in
# Tests/SnippetTests. Needs the debug build, which it brings up to date. Warnings about links end it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
docs=".build/docs"
site="$docs/site"

if [ "${1:-}" = "--serve" ]; then
    port="${2:-8000}"
    echo "docs: http://127.0.0.1:$port/documentation/"
    exec python3 -m http.server --bind 127.0.0.1 --directory "$site" "$port"
fi
[ $# -eq 0 ] || {
    echo "usage: scripts/docs.sh [--serve [PORT]]" >&2
    exit 64
}

scripts/swift.sh build
rm -rf "$docs"
mkdir -p "$docs/graphs" "$docs/archives"
python3 scripts/docs-catalog.py "$docs/catalogs"

triple="$(swift -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["triple"])')"
search=(-I .build/debug/Modules)
while read -r map; do
    search+=(-Xcc "-fmodule-map-file=$map" -I "$(dirname "$map")")
done < <(find .build/checkouts .build/debug Sources -name '*.modulemap' -not -path '*/Tests/*' | sort)

for catalog in "$docs"/catalogs/*.docc; do
    module="$(basename "$catalog" .docc)"
    mkdir -p "$docs/graphs/$module"
    # The guides have a page of their own and no symbols.
    [ "$module" = Guides ] ||
        swift symbolgraph-extract -module-name "$module" -target "$triple" "${search[@]}" -minimum-access-level public \
            -skip-synthesized-members -output-dir "$docs/graphs/$module"
    docc convert "$catalog" --additional-symbol-graph-dir "$docs/graphs/$module" --warnings-as-errors \
        --fallback-display-name "$module" --fallback-bundle-identifier "cascade.$module" \
        --output-path "$docs/archives/$module.doccarchive"
done

docc merge "$docs"/archives/*.doccarchive --synthesized-landing-page-name Cascade --output-path "$docs/merged.doccarchive"
docc process-archive transform-for-static-hosting "$docs/merged.doccarchive" --output-path "$site"
echo "docs: $site; look at it with: scripts/docs.sh --serve"
