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
built="$(scripts/swift.sh build --show-bin-path)"
rm -rf "$docs"
mkdir -p "$docs/archives"

triple="$(swift -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["triple"])')"
search=(-I "$built/Modules")
while read -r map; do
    search+=(-Xcc "-fmodule-map-file=$map" -I "$(dirname "$map")")
done < <(ls "$built"/*.build/module.modulemap Sources/*/module.modulemap .build/checkouts/*/Sources/*/module.modulemap \
    .build/checkouts/*/Sources/*/include/module.modulemap)
for module in $(scripts/docs-catalog.py --modules); do
    mkdir -p "$docs/graphs/$module"
    swift symbolgraph-extract -module-name "$module" -target "$triple" "${search[@]}" -minimum-access-level public \
        -skip-synthesized-members -output-dir "$docs/graphs/$module"
done

mkdir -p "$docs/graphs/Guides"
below=()
for name in $(scripts/docs-catalog.py "$docs"); do
    archive="$docs/archives/$name.doccarchive"
    docc convert "$docs/catalogs/$name.docc" --additional-symbol-graph-dir "$docs/graphs/$name" --warnings-as-errors \
        --fallback-display-name "$name" --fallback-bundle-identifier "cascade.$name" \
        --enable-experimental-external-link-support ${below[@]+"${below[@]}"} --output-path "$archive"
    below+=(--dependency "$archive")
done

docc merge "$docs"/archives/*.doccarchive --synthesized-landing-page-name Cascade \
    --synthesized-landing-page-topics-style list --output-path "$docs/merged.doccarchive"
docc process-archive transform-for-static-hosting "$docs/merged.doccarchive" --output-path "$site"
echo "docs: $site; look at it with: scripts/docs.sh --serve"
