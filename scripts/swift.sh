#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Runs `swift` with libtorch in reach:  scripts/swift.sh build|test|run [ARGUMENTS...]
#
# TRAITS=TLS adds the package trait of that name: a server that answers HTTPS itself.
# CASCADE_TORCH_FREE=1 leaves out what needs libtorch (see Package.swift).
# SwiftPM reads include and library folders from pkg-config but leaves out run paths, so that one is passed here.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
subcommand="${1:?usage: scripts/swift.sh build|test|run [ARGUMENTS...]}"
shift
traits=()
[ -z "${TRAITS:-}" ] || traits=(--traits "$TRAITS")
[ "${CASCADE_TORCH_FREE:-}" != 1 ] || exec swift "$subcommand" ${traits[@]+"${traits[@]}"} "$@"
libraries="$(scripts/torch-config.sh --print libdir)"
export PKG_CONFIG_PATH="$PWD/.deps/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
exec swift "$subcommand" ${traits[@]+"${traits[@]}"} -Xlinker -rpath -Xlinker "$libraries" "$@"
