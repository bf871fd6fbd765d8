#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Lets schemathesis send what the OpenAPI document allows and forbids to a server over a fake service, on this machine only:
# no answer may be a failure of the server's, have a status or a body that is not documented, or accept what is forbidden.
#
#   scripts/fuzz-http.sh PROBE [schemathesis option...]     EXAMPLES=30 and SEED=1 set how many requests
#                                                       an operation gets, and which
#
# `make fuzz` builds the probe and installs schemathesis (from PyPI, into .deps/venv).
set -euo pipefail

probe="$(realpath "${1:?usage: scripts/fuzz-http.sh PROBE [OPTIONS of schemathesis run]}")"
shift
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
schemathesis="${SCHEMATHESIS:-$root/.deps/venv/bin/schemathesis}"
folder="$(mktemp -d)"
"$probe" --quiet --token-role admin >"$folder/out" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
port=""
for _ in $(seq 100); do
    port="$(sed -n 's/^listening on //p' "$folder/out")"
    [ -z "$port" ] || break
    sleep 0.1
done
[ -n "$port" ] || {
    echo "fuzz-http: the server did not start" >&2
    exit 1
}

# All checks but one: the limits on lengths count bytes here and characters in a schema, and a time must not lie in the
# future, so that some of what the schema allows is refused. And a withdrawn item still has similar ones.
cat >"$folder/schemathesis.toml" <<'END'
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = "similarItems"
checks.use_after_free.enabled = false
END
token="$(sed -n 's/^token admin //p' "$folder/out")"
cd "$folder"
"$schemathesis" --config-file schemathesis.toml run "http://127.0.0.1:$port/openapi.json" \
    --url "http://127.0.0.1:$port" --workers 1 --seed "${SEED:-1}" --header "Authorization: Bearer $token" \
    --max-examples "${EXAMPLES:-30}" --suppress-health-check all "$@"
kill -0 "$server" || {
    echo "fuzz-http: the server died" >&2
    exit 1
}
