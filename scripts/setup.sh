#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing to build; to draw the pictures of `cascade analyze` with --plots; to test with --tests, which
# includes --plots; to click through the console with --browser; to fuzz the HTTP interface with --fuzz. A second run
# installs nothing.
#
#   scripts/setup.sh [--tests | --plots | --browser | --fuzz]
#
# System packages are installed when this user may do so; otherwise the one line to run is printed. libtorch comes
# from the PyTorch wheel, through pip and whatever index pip is configured for, into the ignored folder .deps/venv,
# unless scripts/torch-config.sh finds one elsewhere. Without a network:
#   LIBTORCH=/path/to/libtorch      uses an unpacked libtorch
#   CASCADE_TORCH_WHEEL=/path.whl   installs this wheel instead of downloading one
set -euo pipefail

torch_version="2.13.0"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$(pwd -P)"
venv="$root/.deps/venv"
stamp="$root/.deps/setup-stamp"

say() { echo "setup: $*" >&2; }
fail() {
    say "$1"
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

# MARK: Compiler, Python and system packages

python_is_at_least() { python3 -c "import sys; sys.exit(sys.version_info < ($1, $2))"; }

check_swift() {
    local version=""
    if command -v swift >/dev/null; then
        version="$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)"
    fi
    [ -n "$version" ] || fail "Swift was not found, and Cascade needs 6.3 or newer." \
        "Install it from https://www.swift.org/install and put 'swift' on the PATH."
    local major="${version% *}" minor="${version#* }"
    ((major > 6 || (major == 6 && minor >= 3))) || fail "Swift $major.$minor is too old; Cascade needs 6.3 or newer." \
        "Install it from https://www.swift.org/install and put that 'swift' on the PATH."
}

# Whether the compiler of the build finds a C++ header.
finds_header() {
    local compiler
    compiler="$(dirname "$(command -v swift)")/clang++"
    [ -x "$compiler" ] || compiler="c++"
    printf '#include <%s>\n' "$1" | "$compiler" -x c++ -std=c++20 -fsyntax-only - 2>/dev/null
}

# Sets `missing` to the Debian packages behind what cannot be found. What is there by another way is not asked for.
find_missing_packages() {
    missing=()
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    pkg-config --exists zlib 2>/dev/null || missing+=(zlib1g-dev)
    pkg-config --exists sqlite3 2>/dev/null || missing+=(libsqlite3-dev)
    pkg-config --exists libcrypto 2>/dev/null || missing+=(libssl-dev)
    command -v python3 >/dev/null || missing+=(python3)
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    finds_header vector || missing+=(g++)
    finds_header hnswlib/hnswlib.h || missing+=(libhnswlib-dev)
    finds_header faiss/IndexIVF.h || missing+=(libfaiss-dev)
    PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -c 'libgomp\.so\.1' >/dev/null || missing+=(libgomp1)
}

install_packages() {
    local line="apt-get update && apt-get install -y ${missing[*]}" elevate=()
    command -v apt-get >/dev/null || fail "these are missing, by their Debian names: ${missing[*]}" \
        "Install them with this system's package manager, then run the command again."
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
            fail "system packages are missing, and this user may not install them. Run this once:" \
                "sudo sh -c '$line'"
        fi
        elevate=(sudo -n)
    fi
    say "installing system packages: ${missing[*]}"
    if ! ${elevate[@]+"${elevate[@]}"} env DEBIAN_FRONTEND=noninteractive sh -c "$line" >&2; then
        fail "apt-get could not install: ${missing[*]}" \
            "Is there a network? Otherwise install the packages from a local medium, then run the command again."
    fi
}

# The tools do not change between two runs, so their check is repeated only when one of them, or this file, does.
tools_identity() {
    stat -L -c '%n %Y' "$(command -v swift)" "$(command -v python3)" 2>/dev/null && cksum <scripts/setup.sh
}

ensure_tools() {
    local identity
    identity="$(tools_identity || true)"
    if [ -n "$identity" ] && [ "$identity" = "$(cat "$stamp" 2>/dev/null)" ]; then
        return
    fi
    check_swift
    find_missing_packages
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages
        find_missing_packages
        [ ${#missing[@]} -eq 0 ] || fail "still not usable after the installation: ${missing[*]}"
    fi
    python_is_at_least 3 9 || fail "$(python3 --version) is too old; Cascade's scripts need 3.9 or newer." \
        "Put a newer python3 on the PATH."
    mkdir -p .deps
    tools_identity >"$stamp"
}

# MARK: libtorch, numpy and matplotlib

pip_install() {
    "$venv/bin/python3" -m pip install --disable-pip-version-check --no-input --retries 2 "$@"
}

ensure_venv() {
    if ! "$venv/bin/python3" -m pip --version >/dev/null 2>&1; then
        say "creating the private Python environment .deps/venv"
        python3 -m venv --clear "$venv" || fail "python3 -m venv failed; see above."
    fi
}

# Whether libtorch's shared libraries load, with everything that they need in turn.
torch_loads() {
    local libraries
    libraries="$(scripts/torch-config.sh --print libdir)" &&
        "$venv/bin/python3" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$libraries/libtorch.so"
}

# Only the shared libraries are used, so the wheel's Python dependencies stay out, unless it is a CUDA build, which
# needs the CUDA libraries among them. Without an NVIDIA driver the CPU build is preferred where pip can find one.
install_torch() {
    if [ -n "${CASCADE_TORCH_WHEEL:-}" ]; then
        pip_install --no-deps "$CASCADE_TORCH_WHEEL" || return 1
    elif [ -e /dev/nvidiactl ] || ! pip_install --no-deps "torch==$torch_version+cpu" 2>/dev/null; then
        pip_install --no-deps "torch==$torch_version" || return 1
    fi
    torch_loads 2>/dev/null || pip_install "torch==$torch_version"
}

ensure_libtorch() {
    local explanation
    if explanation="$(scripts/torch-config.sh --print version 2>&1)"; then
        return
    fi
    if [ -n "${LIBTORCH:-}" ]; then
        echo "$explanation" >&2
        exit 1
    fi
    local remedies=(
        "Provide it in one of these ways, then run the command again:"
        "  LIBTORCH=/path/to/libtorch                 a folder with include/ and lib/, version ${torch_version%.*}"
        "  CASCADE_TORCH_WHEEL=/path/to/torch-*.whl   a wheel of torch $torch_version for this Python"
        "  a network, or a pip configured for an index that can be reached"
    )
    if [ -z "${CASCADE_TORCH_WHEEL:-}" ] && ! python_is_at_least 3 10; then
        fail "libtorch is missing, and the torch $torch_version wheel needs Python 3.10 or newer ($(python3 --version))." \
            "${remedies[@]}"
    fi
    ensure_venv
    say "installing libtorch $torch_version into .deps/venv"
    install_torch || fail "libtorch is missing, and pip could not install torch $torch_version." "${remedies[@]}"
    torch_loads || fail "libtorch was installed into .deps/venv but does not load; see above." "${remedies[@]}"
}

has_package() { compgen -G "$venv/lib/python3*/site-packages/$1/__init__.py" >/dev/null; }

# Installs a Python package for a purpose: ensure_package NAME "who needs it"
ensure_package() {
    if has_package "$1"; then
        return
    fi
    ensure_venv
    say "installing $1 into .deps/venv, for $2"
    if ! pip_install "$1" && ! python3 -c "import $1" 2>/dev/null; then
        fail "$1 is missing, and pip could not install it. It is needed for $2; the demo does without." \
            "Provide it with a network, or as a package of the active python3, then run the command again."
    fi
}

ensure_browser() {
    missing=()
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
    command -v chromedriver >/dev/null || missing+=(chromium-driver)
    [ ${#missing[@]} -eq 0 ] || install_packages
    ensure_package selenium "the test of the console"
}

case "$*" in
    "" | "--tests" | "--plots" | "--browser" | "--fuzz") ;;
    *)
        echo "usage: scripts/setup.sh [--tests | --plots | --browser | --fuzz]" >&2
        exit 64
        ;;
esac
ensure_tools
ensure_libtorch
case "${1:-}" in
    --browser)
        ensure_browser
        exit
        ;;
    --fuzz)
        ensure_package schemathesis "the fuzzing of the HTTP interface"
        exit
        ;;
esac
# The test of TLS makes itself a certificate.
if [ "${1:-}" = "--tests" ] && [ -n "${TRAITS:-}" ] && ! command -v openssl >/dev/null; then
    missing=(openssl)
    install_packages
fi
# A test recomputes the metrics of an export with numpy, independently of Cascade.
[ "${1:-}" != "--tests" ] || ensure_package numpy "the tests"
[ -z "${1:-}" ] || ensure_package matplotlib "the pictures of 'cascade analyze'"
