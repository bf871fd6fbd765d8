#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Makes the fixtures of this folder with the command of the version before 0.2 (commit 82b349c):
#     Tests/Fixtures/before-0.2/make.sh BINARY
#
# For one model of each task: a tiny data set, an experiment in the spelling of that version, a run, what it exports, the
# same run cut short, and a comparison of one cell. Whoever reads them later must find the same scores.
set -euo pipefail
binary="$(realpath "${1:?usage: make.sh BINARY}")"
cd "$(dirname "${BASH_SOURCE[0]}")"
export CASCADE_COMMIT=82b349c OMP_NUM_THREADS=1

rm -rf data runs exports comparison
mkdir -p data runs exports
"$binary" data simulate --world drift --to data/drift --users 24 --items 40 --mean-events 12 --seed 3
"$binary" data simulate --world lifelong --to data/lifelong --users 12 --items 60 --categories 6 --mean-events 60 --seed 3
"$binary" data simulate --world shop --to data/shop --users 20 --items 400 --mean-events 20 --seed 3

train() { # MODEL DATA
    "$binary" train --config "$1.yaml" --data "data/$2" --to "runs/$1" --seed 5
    "$binary" export "runs/$1" --to "exports/$1"
    rm "runs/$1/optimizer.safetensors"
}
cut() { # MODEL DATA
    "$binary" train --config "$1.yaml" --data "data/$2" --to "runs/$1-cut" --seed 5 --budget 3-steps
}
train sasrec drift
train t2diff drift
train din lifelong
train qin shop
cut sasrec drift
cut din lifelong
"$binary" compare sasrec.yaml --data drift=data/drift --to comparison --seeds 1

# What no test reads, and where this folder was.
find exports -type f -not -name '*.npy' -delete
find comparison -maxdepth 1 -type f -delete
find . -name 'events.*' -delete
find . \( -name .lock -o -name log.txt -o -name scalars.jsonl \) -delete
find . -name '*.json' -exec sed -i "s|$PWD/||g" {} +
grep -qw avx512f /proc/cpuinfo && kind=avx512f || { grep -qw avx2 /proc/cpuinfo && kind=avx2 || kind=none; }
vendor="$(sed -nE 's/^vendor_id\s*: //p' /proc/cpuinfo | head -n 1)"
echo "$vendor $kind" >processor.txt  # kernels are chosen by the maker, sums rounded by the width of registers
