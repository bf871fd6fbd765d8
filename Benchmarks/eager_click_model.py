# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""The yardstick of `cascade bench train` for CTR models: DARE as plain eager PyTorch with dense Adam.

    python3 eager_click_model.py [--items 1000000] [--categories 9400] [--width 16] [--batch 2048] [--length 200]
                                 [--steps 5] [--threads 1]

One row for each (history, candidate) pair, nn.Embedding, torch.optim.Adam over whole tables, an auxiliary head on the
whole history: as such models are usually written. Batches are random numbers, prepared before the clock starts. Prints
the median time of a step, the examples (candidates trained) per second, and the peak memory. Needs torch and numpy.
"""

import argparse
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


class Head(nn.Module):
    def __init__(self, width: int, sizes: tuple[int, ...]):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        layers: list[nn.Module] = []
        for size in sizes:
            layers += [nn.Linear(width, size), nn.PReLU(size, 0.1)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(self.norm(x)).squeeze(1)


class Tables(nn.Module):
    def __init__(self, items: int, categories: int, length: int, width: int):
        super().__init__()
        self.items = nn.Embedding(items + 1, width)
        self.categories = nn.Embedding(categories + 1, width)
        self.places = nn.Embedding(length + 1, width)
        for table in (self.items, self.categories, self.places):
            nn.init.normal_(table.weight, std=0.01)

    def meaning(self, items: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.items(items), self.categories(categories)], -1)


class EagerDARE(nn.Module):
    def __init__(self, items: int, categories: int, length: int, width: int, kept: int = 20):
        super().__init__()
        self.attention = Tables(items, categories, length, width)
        self.representation = Tables(items, categories, length, width)
        self.head = Head(9 * width, (200, 80))
        self.auxiliary = Head(9 * width, (200,))
        self.kept = kept

    def forward(self, items, categories, candidate, candidate_category):
        rows, length = items.shape
        places = torch.arange(length, 0, -1).expand(rows, length)
        now = torch.zeros(rows, dtype=torch.long)
        keys = self.attention.meaning(items, categories)
        query = self.attention.meaning(candidate, candidate_category).unsqueeze(1)
        moments, moment = self.attention.places(places), self.attention.places(now).unsqueeze(1)
        scores = (keys * query).sum(-1) / keys.shape[-1] ** 0.5 + (moments * moment).sum(-1) / moments.shape[-1] ** 0.5
        scores = scores.masked_fill(items == 0, -(2.0**32) + 1)
        values = torch.cat([self.representation.meaning(items, categories), self.representation.places(places)], -1)
        target = self.representation.meaning(candidate, candidate_category)
        target = torch.cat([target, self.representation.places(now)], -1)
        top = scores.topk(self.kept, 1)
        near = values.gather(1, top.indices.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
        interest = (top.values.softmax(1).unsqueeze(-1) * near).sum(1)
        whole = (scores.softmax(1).unsqueeze(-1) * values).sum(1)
        logits = self.head(torch.cat([target, interest, target * interest], -1))
        return logits, self.auxiliary(torch.cat([target, whole, target * whole], -1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (
        ("items", 1_000_000), ("categories", 9_400), ("width", 16), ("batch", 2048), ("length", 200), ("steps", 5),
        ("warmup", 2), ("threads", 1),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    model = EagerDARE(arguments.items, arguments.categories, arguments.length, arguments.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    category_of = torch.randint(1, arguments.categories + 1, (arguments.items + 1,))
    batches = []
    for _ in range(arguments.steps + arguments.warmup):
        items = torch.randint(1, arguments.items + 1, (arguments.batch, arguments.length))
        candidate = torch.randint(1, arguments.items + 1, (arguments.batch,))
        labels = (torch.arange(arguments.batch) % 3 == 0).float()
        batches.append((items, category_of[items], candidate, category_of[candidate], labels))
    seconds = []
    for step, (items, categories, candidate, candidate_category, labels) in enumerate(batches):
        start = time.perf_counter()
        logits, others = model(items, categories, candidate, candidate_category)
        loss = F.binary_cross_entropy_with_logits(logits, labels) + F.binary_cross_entropy_with_logits(others, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= arguments.warmup:
            seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"eager dare: {arguments.batch / median:.0f} examples/s, median {1000 * median:.0f} ms a step, {peak:.0f} MiB")


if __name__ == "__main__":
    main()
