# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""The yardstick of `cascade bench train`: the same models trained by plain eager PyTorch.

    python3 eager_pytorch.py --model sasrec|t2diff [--data DATASET] [--threads 1] [--steps 20] [--batch 128]
                             [--length 200] [--width 64] [--drop-padding]

An nn.Module, torch.optim.Adam, F.cross_entropy over the whole catalog at every column, as such models are usually
written. Batches are prepared before the clock starts. --drop-padding is the stronger baseline: rows padded to the
longest of their batch only, and logits at real positions only. Prints the median time of a step and the examples
(target positions trained) per second. --data reads a dataset directory of `cascade data import`; without it the data
are synthetic, of the size of MovieLens-1M. Needs torch and numpy.
"""

import argparse
import json
import statistics
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent / "Tests" / "Fixtures"))
import reference_models  # noqa: E402
from reference_models import SASRec, SASRecConfig, T2Diff, T2DiffConfig  # noqa: E402


class FusedAttention(reference_models.Attention):
    """The reference attention through scaled_dot_product_attention, as PyTorch users write it."""

    def forward(self, x: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape

        def split(y: torch.Tensor) -> torch.Tensor:
            return y.view(rows, length, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = map(split, self.projection(x).chunk(3, -1))
        causal = allowed.dim() == 2
        mask = None if causal else allowed
        h = F.scaled_dot_product_attention(query, key, value, mask, is_causal=causal)
        return self.output(h.transpose(1, 2).reshape(rows, length, width))


def columns(directory: Path) -> dict[str, np.ndarray]:
    path = directory / "columns.safetensors"
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    types = {"I32": np.int32, "I64": np.int64}
    data = np.memmap(path, mode="r", offset=8 + size)
    return {
        name: data[slice(*header[name]["data_offsets"])].view(types[header[name]["dtype"]])
        for name in ("offsets", "items", "times")
    }


def histories(data: Path | None) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """Training events of every user (the last two held out), item numbers from 1, and the size of the catalog."""
    if data:
        c = columns(data)
        offsets, count = c["offsets"], int(c["items"].max()) + 1
        spans = [(int(a), int(b) - 2) for a, b in zip(offsets, offsets[1:]) if b - a >= 5]
        items = [c["items"][a:b].astype(np.int64) + 1 for a, b in spans]
        return items, [np.array(c["times"][a:b]) for a, b in spans], count
    random = np.random.default_rng(1)
    count, users = 3416, 6040
    lengths = np.clip(random.lognormal(4.55, 0.95, users), 18, 2300).astype(int)  # mean about 165, as MovieLens-1M
    items = [random.zipf(1.3, n) % count + 1 for n in lengths]
    gaps = [random.integers(0, 120, n) * (1 + 1000 * (random.random(n) < 0.02)) for n in lengths]
    times = [978_000_000 + np.cumsum(g) for g in gaps]
    return items, times, count


def sasrec_batches(users: list[np.ndarray], arguments: argparse.Namespace) -> list[tuple[torch.Tensor, ...]]:
    random, batches = np.random.default_rng(2), []
    order = random.permutation(len(users))
    if arguments.drop_padding:  # rows of similar length together
        pool = 16 * arguments.batch
        pools = (order[i : i + pool] for i in range(0, len(order), pool))
        order = np.concatenate([sorted(p, key=lambda u: len(users[u])) for p in pools])
    starts = random.permutation(range(0, len(order), arguments.batch))
    for step in range(arguments.steps + arguments.warmup):
        start = starts[step % len(starts)]
        rows = [users[u][-arguments.length - 1 :] for u in order[start : start + arguments.batch]]
        width = max(len(r) for r in rows) - 1 if arguments.drop_padding else arguments.length
        items, targets = np.zeros((2, len(rows), width), dtype=np.int64)
        for i, row in enumerate(rows):
            items[i, : len(row) - 1], targets[i, : len(row) - 1] = row[:-1], row[1:]
        batches.append((torch.from_numpy(items), torch.from_numpy(targets)))
    return batches


def t2diff_batches(
    users: list[np.ndarray], times: list[np.ndarray], arguments: argparse.Namespace
) -> list[tuple[torch.Tensor, ...]]:
    random, batches = np.random.default_rng(3), []
    for _ in range(arguments.steps + arguments.warmup):
        items, stamps = np.zeros((2, arguments.batch, arguments.length), dtype=np.int64)
        targets = np.zeros(arguments.batch, dtype=np.int64)
        for i, user in enumerate(random.integers(0, len(users), arguments.batch)):
            cut = random.integers(1, len(users[user]))
            start = max(0, cut - arguments.length)
            items[i, start - cut :], stamps[i, start - cut :] = users[user][start:cut], times[user][start:cut]
            targets[i] = users[user][cut]
        batches.append((torch.from_numpy(items), torch.from_numpy(stamps), torch.from_numpy(targets)))
    return batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("sasrec", "t2diff"), required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--length", type=int)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--tower-input", choices=("none", "paper", "terminal", "chain"), default="paper")
    parser.add_argument("--drop-padding", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    reference_models.Attention = FusedAttention
    items, times, count = histories(arguments.data)
    width = arguments.width

    if arguments.model == "sasrec":
        arguments.batch, arguments.length = arguments.batch or 128, arguments.length or 200
        config = SASRecConfig(count, width, arguments.length, arguments.blocks or 2, hidden=4 * width)
        model = SASRec(config).train()
        batches = sasrec_batches([u for u in items if len(u) > 1], arguments)

        def loss(rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            if arguments.drop_padding:
                return model.loss(rows, targets)
            logits = model(rows) @ model.items.weight[1:].T
            return F.cross_entropy(logits.flatten(0, 1), targets.flatten() - 1, ignore_index=-1)

    else:
        arguments.batch, arguments.length = arguments.batch or 256, arguments.length or 50
        config = T2DiffConfig(count, width, arguments.length, channels=width, hidden=4 * width)
        config.blocks, config.tower_input = arguments.blocks or 1, arguments.tower_input
        model = T2Diff(config).train()
        pairs = [(u, t) for u, t in zip(items, times) if len(u) > 1]
        batches = t2diff_batches([p[0] for p in pairs], [p[1] for p in pairs], arguments)

        def loss(rows: torch.Tensor, stamps: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            r = torch.randint(1, config.steps + 1, (len(rows),))
            noise, terminal = torch.randn(2, len(rows), config.window, width)
            return model.losses(rows, stamps, targets, r, noise, terminal)["total"]

    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seconds, examples = [], 0
    for step, batch in enumerate(batches):
        begun = time.perf_counter()
        optimizer.zero_grad()
        value = loss(*batch)
        value.backward()
        optimizer.step()
        if step >= arguments.warmup:
            seconds.append(time.perf_counter() - begun)
            examples += int((batch[-1] > 0).sum())
    result = {
        "model": arguments.model,
        "examples_per_second": examples / sum(seconds),
        "median_step_seconds": statistics.median(seconds),
        "examples_per_step": examples / len(seconds),
        "steps": len(seconds),
        "batch": arguments.batch,
        "length": arguments.length,
        "width": width,
        "threads": arguments.threads,
        "drop_padding": arguments.drop_padding,
        "torch": torch.__version__,
        "loss": value.item(),
    }
    if arguments.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:<22}{value:.4g}" if isinstance(value, float) else f"{key:<22}{value}")


if __name__ == "__main__":
    main()
