#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Builds and runs the tests:  scripts/test.sh [OPTIONS of swift test, such as --filter NAME]
#
# An import without a declared dependency is an error, so the arrows in Package.swift are the real ones.
# The tests of the command find it through CASCADE_BINARY, and run Python through CASCADE_PYTHON.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/swift.sh build --build-tests --explicit-target-dependency-import-check error

products="$(scripts/swift.sh build --show-bin-path)"
export CASCADE_BINARY="$products/cascade"
export CASCADE_PYTHON="python3"
if compgen -G ".deps/venv/lib/python3*/site-packages/numpy/__init__.py" >/dev/null; then
    CASCADE_PYTHON="$PWD/.deps/venv/bin/python3"
fi
# Tests run side by side; more threads inside each operation would only make them wait for one another.
export OMP_NUM_THREADS=1
scripts/swift.sh test --skip-build --disable-xctest "$@"
