#!/usr/bin/env bash
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
#
# The demonstration behind `make demo`: ratings -> data set -> two models -> their metrics -> recommendations.
# Needs .build/release/cascade (make build). Everything that it writes is under .deps/demo, and is made anew each time.
#
#   CASCADE_ML_1M=/path/to/ml-1m   takes MovieLens-1M from this folder
#   CASCADE_DEMO_BUDGET=600cpu-s   what T2Diff may train for; 240 processor seconds, two minutes on two cores, by default
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
archive_address="https://files.grouplens.org/datasets/movielens/ml-1m.zip"
downloads=".deps/downloads"
demo=".deps/demo"
budget="${CASCADE_DEMO_BUDGET:-240cpu-s}"

step() { printf '\n== %s\n' "$*"; }
cascade() { .build/release/cascade "$@"; }

# Fetches and unpacks GroupLens's archive into $downloads/ml-1m, in at most a minute.
download_movielens() {
    [ ! -f "$downloads/ml-1m/ratings.dat" ] || return 0
    mkdir -p "$downloads"
    python3 - "$archive_address" "$downloads" <<'END'
import io, pathlib, shutil, sys, time, urllib.request, zipfile

address, folder = sys.argv[1], pathlib.Path(sys.argv[2])
deadline, data = time.monotonic() + 60, io.BytesIO()
try:
    with urllib.request.urlopen(address, timeout=20) as response:
        while chunk := response.read(1 << 16):
            data.write(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError("not finished after 60 seconds")
    unpacked = folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    zipfile.ZipFile(data).extractall(unpacked)
    shutil.rmtree(folder / "ml-1m", ignore_errors=True)
    (unpacked / "ml-1m").rename(folder / "ml-1m")
    unpacked.rmdir()
except (OSError, zipfile.BadZipFile) as error:
    sys.exit(f"demo: {address} could not be fetched: {error}")
END
}

# Makes the data set, and sets `users` to the three that recommendations are printed for.
make_dataset() {
    local source="${CASCADE_ML_1M:-../shared/data/ml-1m}"
    users=(1 2 3)
    if [ -d "$source" ]; then
        step "Data: MovieLens-1M from $source"
    elif download_movielens; then
        source="$downloads/ml-1m"
        step "Data: MovieLens-1M, GroupLens's own archive, in $source"
    else
        step "Data: no MovieLens-1M here and none could be fetched, so a SIMULATED world ('drift') takes its place"
        cascade data simulate --simulator drift --to "$demo/data"
        mapfile -t -n 3 users <"$demo/data/users.txt"
        return
    fi
    cascade data import --from ml-1m "$source" --to "$demo/data"
}

compare() {
    python3 - "$@" <<'END'
import json, sys

documents = []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        documents.append(json.load(file))
names = ["recall@10", "recall@20", "ndcg@10", "mrr@20"]
print("".join([f"{'model':<14}", *(f"{name:>12}" for name in names), f"{'users':>10}"]))
for document in documents:
    metrics = document.get("metrics", document)
    print("".join([f"{document['model']:<14}", *(f"{metrics[name]:>12.4f}" for name in names), f"{document['users']:>10}"]))
END
}

rm -rf "$demo"
mkdir -p "$demo"
make_dataset

step "Training popularity, the baseline to beat"
cascade train --model popularity --data "$demo/data" --to "$demo/popularity"

step "Training T2Diff for $budget (Experiments/demo.yaml)"
cascade train --model t2diff --data "$demo/data" --to "$demo/t2diff" --config Experiments/demo.yaml \
    --budget "$budget"

step "Test metrics: every item is a candidate, except those that the user has seen"
for model in popularity t2diff; do
    cascade evaluate "$demo/$model" --json >"$demo/$model.json"
done
compare "$demo/popularity.json" "$demo/t2diff.json"

for user in "${users[@]}"; do
    step "User $user"
    cascade recommend "$demo/t2diff" --user "$user" -k 5
done

cat <<END

The runs are in $demo. Next, for example:
  .build/release/cascade evaluate $demo/t2diff
  .build/release/cascade recommend $demo/t2diff --user ${users[0]} -k 20 --json
END
