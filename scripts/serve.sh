#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# The service behind `make serve`: what `make demo` trained, with an index and a store, on http://127.0.0.1:8080.
# Needs .build/release/cascade (make build). Everything that it writes is under .deps/demo.
#
#   CASCADE_PORT=8080   where to listen
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
demo=".deps/demo"

[ -f "$demo/t2diff/manifest.json" ] || scripts/demo.sh
[ -d "$demo/index" ] || .build/release/cascade index build "$demo/t2diff" --to "$demo/index" --kind hnsw
exec .build/release/cascade serve --config deploy/demo.yaml --port "${CASCADE_PORT:-8080}"
