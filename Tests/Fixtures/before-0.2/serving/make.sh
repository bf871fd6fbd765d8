#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# Made the files of this folder with the command of commit 82b349c, the last one before version 0.2:
#   CASCADE=/path/to/cascade ./make.sh
# Later versions write other formats and must still read these, so do not run it again without that command.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1

"$CASCADE" data simulate --world drift --users 80 --items 300 --categories 10 --mean-events 12 --seed 3 --to "$work/data"
(cd "$work" && "$CASCADE" train --model sasrec --data data --to run --set training.epochs=1 --set model.width=8)
index() { (cd "$work" && "$CASCADE" index build run --users 20 "$@"); }
index --kind exact --to exact
index --kind hnsw --m 4 --ef-construction 20 --ef 30 --to hnsw
index --kind ivf --lists 8 --probes 2 --to ivf
index --kind ivf-pq --lists 4 --probes 2 --code-bytes 2 --to ivf-pq
cp -r "$work"/{exact,hnsw,ivf,ivf-pq} .

"$CASCADE" data simulate --world lifelong --users 3 --items 30 --categories 5 --mean-events 8 --to lifelong
"$CASCADE" data simulate --world shop --users 2 --items 400 --mean-events 20 --to shop

# A store with events, an A/B test's impressions and an erased user, and the report of that service.
printf 'user_id,item_id,timestamp,title,action\n' >"$work/tiny.csv"
for u in 1 2 3 4 5 6; do
    for i in 1 2 3 4; do
        echo "u$u,i$(((u + i) % 5)),$((1700000000 + 60 * u + i)),Title $(((u + i) % 5)),click" >>"$work/tiny.csv"
    done
done
"$CASCADE" data import --from csv "$work/tiny.csv" --to "$work/tiny" --min-user-events 1 --min-item-events 1
cat >"$work/serve.yaml" <<YAML
store: {path: $work/store.sqlite, seed: $work/tiny}
recommendation:
  sources: [{builtin: popular, quota: 5, deadline_ms: 5000}]
  deadline_ms: 9000
variants:
  popular: {recommendation: {sources: [{builtin: popular}]}}
experiments:
  - name: sources
    salt: first
    arms:
      - {name: both, share: 0.5, funnel: default}
      - {name: popular, share: 0.5, funnel: popular}
server: {port: 18471}
YAML
"$CASCADE" serve --config "$work/serve.yaml" &
service=$!
until curl -sf localhost:18471/health/ready; do sleep 1; done
for u in 1 2 3 4 5 6; do
    read -r request item < <(curl -s "localhost:18471/v1/users/u$u/recommendations?k=2" |
        python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["request"], d["items"][0]["item"])')
    curl -s localhost:18471/v1/events -H 'Content-Type: application/json' \
        -d "{\"id\":\"e$u\",\"user\":\"u$u\",\"item\":\"$item\",\"action\":\"click\",\"request\":\"$request\",\"value\":$u}"
done
curl -s localhost:18471/v1/experiments >experiments.json
curl -s -XDELETE localhost:18471/v1/users/u6
kill -TERM "$service"
wait "$service"
"$CASCADE" store backup "$work/store.sqlite" --to store.sqlite
