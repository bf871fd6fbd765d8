#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of tensors and models as other processors would compute them:  scripts/test-on-every-isa.sh [--two]
#
# libtorch's own kernels and oneDNN's choose their instructions when a process starts. Each choice sums in another order, so
# results differ in their last digits. Each choice that this processor has is run with 1 and with 2 threads.
# --two, for CI, runs the two that are furthest from a processor of today, with 1 thread. Needs `make test` before, or builds.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
choices=(
    ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2 ATEN_CPU_CAPABILITY=avx512
    ONEDNN_MAX_CPU_ISA=SSE41 ONEDNN_MAX_CPU_ISA=AVX2 ONEDNN_MAX_CPU_ISA=AVX512_CORE
)
threads=(1 2)
case "$*" in
    "") ;;
    --two) choices=(ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41) threads=(1) ;;
    *)
        echo "usage: scripts/test-on-every-isa.sh [--two]" >&2
        exit 64
        ;;
esac

# Whether this processor has the instructions of a choice.
has() {
    case "${1,,}" in
        *avx512*) grep -qw avx512f /proc/cpuinfo ;;
        *avx2*) grep -qw avx2 /proc/cpuinfo ;;
        *) true ;;
    esac
}

scripts/swift.sh build --build-tests --explicit-target-dependency-import-check error
CASCADE_BINARY="$(scripts/swift.sh build --show-bin-path)/cascade"
export CASCADE_BINARY
printed="$(mktemp)"
trap 'rm -f "$printed"' EXIT
failed=0
for count in "${threads[@]}"; do
    for choice in "${choices[@]}"; do
        if ! has "$choice"; then
            echo "isa: $choice: this processor does not have it"
            continue
        fi
        if env "$choice" OMP_NUM_THREADS="$count" scripts/swift.sh test --skip-build --disable-xctest \
            --filter '^(TorchTests|NNTests|DiffusionTests|RecommendersTests|ProcessTests)' >"$printed" 2>&1; then
            verdict="passed"
        else
            verdict="FAILED"
            failed=1
            grep -A2 'recorded an issue' "$printed" || tail -n 20 "$printed"
        fi
        echo "isa: $choice, threads $count: $verdict: $(tail -n 1 "$printed")"
    done
done
exit "$failed"
