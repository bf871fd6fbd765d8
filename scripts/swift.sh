#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Runs `swift` with libtorch in reach:  scripts/swift.sh build|test|run [ARGUMENTS...]
#
# SwiftPM reads include and library folders from pkg-config but leaves out run paths, so that one is passed here.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
subcommand="${1:?usage: scripts/swift.sh build|test|run [ARGUMENTS...]}"
shift
libraries="$(scripts/torch-config.sh --print libdir)"
export PKG_CONFIG_PATH="$PWD/.deps/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
exec swift "$subcommand" -Xlinker -rpath -Xlinker "$libraries" "$@"
