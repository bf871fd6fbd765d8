# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Recomputes a model's metrics from an export directory, without Cascade, and compares with its metrics.json.

    python3 check_export.py DIR [--tolerance 1e-6]

Needs numpy only. Users with several targets have `target_offsets.npy`. The rank of a target is 1 + the number of other candidates (items that the user has not seen, the
target itself apart) whose score is at least the target's: ties count against the model. Products of vectors are taken
in float64, so that near-ties do not depend on the order of a summation. Exit code 0: every metric agrees; 1: a
difference, a missing metric or a file that does not fit.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

CUTOFFS = (1, 2, 5, 10, 20, 50, 100)
BLOCK = 256  # users scored at once


def load(directory: Path, name: str, dtype: type, dimensions: int) -> np.ndarray:
    array = np.load(directory / name, mmap_mode="r", allow_pickle=False)
    if array.dtype != dtype or array.ndim != dimensions:
        sys.exit(
            f"{name}: found {array.dtype} with shape {array.shape}, "
            f"expected {np.dtype(dtype)} with {dimensions} dimensions"
        )
    return array


def require(condition: bool, message: str) -> None:
    if not condition:
        print(message, file=sys.stderr)
        sys.exit(1)


def score_blocks(directory: Path, users: int):
    """Yields (first user, scores [b, N] float64) block by block."""
    if (directory / "scores.npy").exists():
        scores = load(directory, "scores.npy", np.float32, 2)
        require(len(scores) == users, f"scores.npy: found {len(scores)} rows, expected {users} as in targets.npy")
        for first in range(0, users, BLOCK):
            yield first, scores[first : first + BLOCK].astype(np.float64)
        return
    items = load(directory, "item_vectors.npy", np.float32, 2).astype(np.float64)
    vectors = load(directory, "user_vectors.npy", np.float32, 3)
    require(len(vectors) == users, f"user_vectors.npy: found {len(vectors)} users, expected {users} as in targets.npy")
    require(
        vectors.shape[2] == items.shape[1],
        f"user_vectors.npy: found width {vectors.shape[2]}, expected {items.shape[1]} as in item_vectors.npy",
    )
    for first in range(0, users, BLOCK):
        block = vectors[first : first + BLOCK].astype(np.float64)
        scores = block[:, 0] @ items.T
        for query in range(1, block.shape[1]):
            np.maximum(scores, block[:, query] @ items.T, out=scores)
        yield first, scores


def ranks(directory: Path) -> list[np.ndarray]:
    """By user, the ranks of the targets, rising."""
    targets = load(directory, "targets.npy", np.int64, 1)
    ends = np.arange(len(targets) + 1)
    if (directory / "target_offsets.npy").exists():
        ends = load(directory, "target_offsets.npy", np.int64, 1)
        require(
            ends[0] == 0 and ends[-1] == len(targets) and bool(np.all(np.diff(ends) >= 1)),
            f"target_offsets.npy: does not run from 0 up to the {len(targets)} values of targets.npy",
        )
    users = len(ends) - 1
    offsets = load(directory, "seen_offsets.npy", np.int64, 1)
    seen = load(directory, "seen_items.npy", np.int64, 1)
    require(len(offsets) == users + 1, f"seen_offsets.npy: found {len(offsets)} values, expected {users + 1}")
    require(
        offsets[0] == 0 and offsets[-1] == len(seen) and bool(np.all(np.diff(offsets) >= 0)),
        f"seen_offsets.npy: does not run from 0 up to the {len(seen)} values of seen_items.npy",
    )
    out = []
    for first, scores in score_blocks(directory, users):
        require(bool(np.isfinite(scores).all()), f"scores of users {first}..: not finite")
        for row, score in enumerate(scores):
            user = first + row
            wanted = targets[ends[user] : ends[user + 1]]
            require(
                bool(np.all((wanted >= 0) & (wanted < len(score)))) and len(set(wanted)) == len(wanted),
                f"targets.npy: found items {wanted} of user {user}, expected different ones in 0..{len(score) - 1}",
            )
            others = np.ones(len(score), dtype=bool)
            others[seen[offsets[user] : offsets[user + 1]]] = False
            others[wanted] = False
            # Targets keep their own order, and lose every tie with the others.
            best = np.sort(score[wanted])[::-1]
            out.append(np.array([1 + place + int((score[others] >= s).sum()) for place, s in enumerate(best)]))
    return out


def metrics(users: list[np.ndarray]) -> dict[str, float]:
    several = any(len(rank) > 1 for rank in users)
    out = {}
    for cutoff in CUTOFFS:
        sums = dict.fromkeys(
            ("recall", "mrr", "ndcg", "hit-rate", "precision", "map", "calibrated-recall") if several
            else ("recall", "mrr", "ndcg"),
            0.0,
        )
        for rank in users:
            hits, possible = rank[rank <= cutoff], min(cutoff, len(rank))
            sums["recall"] += len(hits) / len(rank)
            sums["mrr"] += 1 / hits[0] if len(hits) else 0
            sums["ndcg"] += (1 / np.log2(hits + 1)).sum() / (1 / np.log2(np.arange(possible) + 2)).sum()
            if several:
                sums["hit-rate"] += len(hits) > 0
                sums["precision"] += len(hits) / cutoff
                sums["map"] += (np.arange(1, len(hits) + 1) / hits).sum() / possible
                sums["calibrated-recall"] += len(hits) / possible
        out |= {f"{name}@{cutoff}": float(value / len(users)) for name, value in sums.items()}
    return out


def click_metrics(directory: Path, prefix: str = "") -> tuple[dict[str, float], int]:
    """A ranker's metrics by counting pairs, and its number of requests."""
    scores = load(directory, prefix + "scores.npy", np.float32, 1).astype(np.float64)
    labels = load(directory, prefix + "labels.npy", np.uint8, 1) > 0
    groups = load(directory, "groups.npy", np.int64, 1)
    require(len(scores) == len(labels) == len(groups), "scores, labels and groups: not of one length")
    require(bool(np.isfinite(scores).all()), "scores.npy: not finite")

    def area(members: np.ndarray) -> float | None:
        positive, negative = scores[members & labels], scores[members & ~labels]
        if len(positive) == 0 or len(negative) == 0:
            return None
        gaps = positive[:, None] - negative[None, :]
        return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())

    everyone = np.ones(len(scores), dtype=bool)
    requests = np.unique(groups)
    parts = [(area(groups == r), int((groups == r).sum())) for r in requests]
    judged = [(a, n) for a, n in parts if a is not None]
    reciprocal, gains = [], []  # of requests with a choice; ties count against the model
    for r in requests:
        of_request, chosen = scores[groups == r], labels[groups == r]
        if not chosen.any():
            continue
        rank = np.sort([(of_request >= score).sum() for score in of_request[chosen]])
        gain = np.where(rank <= 10, 1 / np.log2(rank + 1), 0)
        best = np.arange(1, len(rank) + 1)
        reciprocal.append(1 / rank[0])
        gains.append(gain.sum() / np.where(best <= 10, 1 / np.log2(best + 1), 0).sum())
    loss = np.where(labels, np.logaddexp(0, -scores), np.logaddexp(0, scores))
    return {
        "auc": area(everyone),
        "gauc": sum(a * n for a, n in judged) / sum(n for _, n in judged),
        "accuracy": float(((scores > 0) == labels).mean()),
        "logloss": float(loss.mean()),
        "mrr": float(np.mean(reciprocal)),
        "ndcg@10": float(np.mean(gains)),
    }, len(requests)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-6)
    arguments = parser.parse_args()
    document = json.loads((arguments.directory / "metrics.json").read_text())
    require(isinstance(document.get("metrics"), dict), 'metrics.json: expected an object "metrics"')
    claimed = document["metrics"]
    if (arguments.directory / "labels.npy").exists():
        computed, users = click_metrics(arguments.directory)
        if (arguments.directory / "purchase_labels.npy").exists():
            bought, _ = click_metrics(arguments.directory, "purchase_")
            computed |= {f"purchase-{name}": bought[name] for name in ("auc", "gauc", "logloss")}
    else:
        rank = ranks(arguments.directory)
        computed, users = metrics(rank), len(rank)
    if "users" in document:
        require(document["users"] == users, f"metrics.json: found {document['users']} users, expected {users}")
    wrong = 0
    print(f"{'metric':<22}{'recomputed':>14}{'metrics.json':>14}{'difference':>13}")
    for name, value in computed.items():
        found = claimed.get(name)
        fits = isinstance(found, (int, float)) and abs(found - value) <= arguments.tolerance
        wrong += not fits
        shown = f"{'missing':>14}{'':>13}"
        if isinstance(found, (int, float)):
            shown = f"{found:>14.8f}{found - value:>13.1e}"
        print(f"{name:<22}{value:>14.8f}{shown}{'' if fits else '  DIFFERS'}")
    print(f"{users} users: " + ("every metric agrees" if wrong == 0 else f"{wrong} metrics differ"))
    return 0 if wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
