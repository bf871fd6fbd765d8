#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Finds libtorch and writes .deps/pkgconfig/libtorch.pc, through which SwiftPM finds it.
#
#   scripts/torch-config.sh                                 write the file, say what was found
#   scripts/torch-config.sh --print libdir|prefix|version   write the file, print that one value
#
# It looks, in this order, at
#   1. LIBTORCH            a folder with include/ and lib/: an unpacked libtorch, or the torch folder of a wheel
#   2. the active Python   the torch package that `python3` would import
#   3. .deps/venv          where scripts/setup.sh puts it
# Only libtorch 2.13 is taken, unless CASCADE_ANY_TORCH=1. Exit codes: 0 found, 1 not found, 64 wrong usage.
set -euo pipefail

wanted="2.13"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/.deps/venv"
notes=()

# The version of the libtorch in folder $1, from its headers: "2.13.0". Empty when there is none.
version_of() {
    local header
    for header in "$1/include/torch/headeronly/version.h" "$1/include/torch/csrc/api/include/torch/version.h"; do
        [ -f "$header" ] || continue
        awk '$1 == "#define" && $2 ~ /^TORCH_VERSION_(MAJOR|MINOR|PATCH)$/ { text = text dot $3; dot = "." }
             END { print text }' "$header"
        return
    done
}

# Takes folder $1, described as $2, when it holds a libtorch that Cascade can use; otherwise notes why not.
take() {
    local folder="$1" description="$2" version
    version="$(version_of "$folder")"
    if [ -z "$version" ] || [ ! -f "$folder/lib/libtorch_cpu.so" ]; then
        notes+=("$description: $folder has no include/torch and lib/libtorch_cpu.so")
        return 1
    fi
    if [[ "$version" != "$wanted".* && "${CASCADE_ANY_TORCH:-}" != 1 ]]; then
        notes+=("$description: $folder is version $version, and Cascade needs $wanted (CASCADE_ANY_TORCH=1 takes it anyway)")
        return 1
    fi
    prefix="$(cd "$folder" && pwd -P)"
    found_version="$version"
    origin="$description"
}

# The folder of the torch package that python3 would import, without importing it. Empty when there is none.
active_python_torch() {
    command -v python3 >/dev/null || return 0
    python3 -c '
import importlib.util, os
spec = importlib.util.find_spec("torch")
if spec and spec.origin:
    print(os.path.dirname(spec.origin))' 2>/dev/null || true
}

find_torch() {
    local folder
    if [ -n "${LIBTORCH:-}" ]; then
        take "$LIBTORCH" "LIBTORCH"
        return # a folder that was named is taken or refused, never passed over
    fi
    folder="$(active_python_torch)"
    if [ -n "$folder" ] && take "$folder" "the active Python"; then
        return
    fi
    for folder in "$venv"/lib/python3*/site-packages/torch; do
        # pip writes RECORD last: without it the installation was interrupted.
        if compgen -G "${folder%/*}/torch-*.dist-info/RECORD" >/dev/null && take "$folder" ".deps/venv"; then
            return
        fi
    done
    return 1
}

explain_absence() {
    local note
    echo "torch-config: no libtorch $wanted was found." >&2
    for note in ${notes[@]+"${notes[@]}"}; do
        echo "  $note" >&2
    done
    cat >&2 <<END
Provide it in one of three ways:
  1. LIBTORCH=/path/to/libtorch   a folder with include/ and lib/
  2. an active Python (python3) whose torch package is version $wanted
  3. make setup                   installs torch $wanted into the ignored folder .deps/venv
END
}

write_pkgconfig() {
    local folder="$root/.deps/pkgconfig" libraries="-ltorch -ltorch_cpu -lc10" escaped text
    if [ -f "$prefix/lib/libtorch_cuda.so" ]; then
        libraries="-ltorch -ltorch_cpu -ltorch_cuda -lc10_cuda -lc10"
    fi
    escaped="${prefix// /\\ }" # pkg-config reads a bare space as the end of a flag
    text="prefix=$escaped
includedir=\${prefix}/include
libdir=\${prefix}/lib

Name: libtorch
Description: PyTorch's C++ library, found by scripts/torch-config.sh
Version: $found_version
Cflags: -I\${includedir} -I\${includedir}/torch/csrc/api/include
Libs: -L\${libdir} $libraries"
    if [ "$text" != "$(cat "$folder/libtorch.pc" 2>/dev/null)" ]; then
        mkdir -p "$folder"
        printf '%s\n' "$text" >"$folder/libtorch.pc.$$"
        mv "$folder/libtorch.pc.$$" "$folder/libtorch.pc"
    fi
}

case "$*" in
    "" | "--print libdir" | "--print prefix" | "--print version") ;;
    *)
        echo "usage: scripts/torch-config.sh [--print libdir|prefix|version]" >&2
        exit 64
        ;;
esac
if ! find_torch; then
    explain_absence
    exit 1
fi
write_pkgconfig
case "${2:-}" in
    libdir) echo "$prefix/lib" ;;
    prefix) echo "$prefix" ;;
    version) echo "$found_version" ;;
    *)
        for note in ${notes[@]+"${notes[@]}"}; do
            echo "skipped: $note"
        done
        echo "libtorch $found_version from $origin: $prefix"
        ;;
esac
