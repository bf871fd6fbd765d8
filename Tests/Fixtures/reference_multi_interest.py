# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Plain PyTorch ComiRec and MIND, one history at a time: the independent reference for the parity fixtures.

Written from the papers and Documentation/paper-readings.md (M1-M8), for clarity, not speed. The names of the parameters are
those of Cascade's checkpoints. Histories here are lists without padding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bare(nn.Module):
    """A linear map without a constant, under the name `weight`."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))


class Attention(nn.Module):
    """ComiRec-SA: A = softmax(W2 tanh(W1 (H + P))) over events, V = A^T H."""

    def __init__(self, width: int, hidden: int, interests: int, length: int):
        super().__init__()
        self.hidden, self.output = Bare(width, hidden), Bare(hidden, interests)
        self.positions = nn.Parameter(torch.zeros(length, width))

    def forward(self, h: Tensor) -> Tensor:
        """h [n, D] -> [K, D]."""
        length = len(self.positions)
        columns = []
        for age, event in enumerate(reversed(h)):  # age 0 is the latest
            x = event + self.positions[length - 1 - age]
            columns.insert(0, self.output.weight @ torch.tanh(self.hidden.weight @ x))
        weights = torch.stack(columns).softmax(0)  # [n, K]
        return torch.stack([sum(w * e for w, e in zip(weights[:, k], h)) for k in range(weights.shape[1])])


def squash(z: Tensor) -> Tensor:
    square = (z * z).sum()
    return square / (1 + square) * z / torch.sqrt(square + 1e-9)


class Routing(nn.Module):
    """Dynamic routing; `maps` is `shared`, `interest` or `position`; `normal` starts from the buffer `start` [K, L]."""

    def __init__(self, width: int, interests: int, length: int, maps: str, normal: bool, adaptive: bool, rounds: int = 3):
        super().__init__()
        shape = {
            "shared": (width, width),
            "interest": (interests * width, width),
            "position": (length, interests * width, width),
        }
        self.maps = nn.Parameter(torch.zeros(shape[maps]))
        self.register_buffer("start", torch.zeros(interests, length))
        self.kind, self.normal, self.adaptive, self.rounds = maps, normal, adaptive, rounds

    def map(self, age: int, j: int) -> Tensor:
        """The matrix of the event that is `age` before the latest and of interest j."""
        width = self.maps.shape[-1]
        if self.kind == "shared":
            return self.maps
        maps = self.maps[len(self.maps) - 1 - age] if self.kind == "position" else self.maps
        return maps[j * width : (j + 1) * width]

    def count(self, n: int) -> int:
        interests = len(self.start)
        return max(1, min(interests, math.floor(math.log2(n)))) if self.adaptive else interests

    def forward(self, h: Tensor) -> Tensor:
        """h [n, D] -> [K', D]: only the interests that this history has."""
        n, count, length = len(h), self.count(len(h)), self.start.shape[1]
        seen = [[self.map(n - 1 - i, j) @ h[i] for j in range(count)] for i in range(n)]
        logits = torch.zeros(n, count, dtype=h.dtype)
        if self.normal:
            for i in range(n):
                logits[i] = self.start[:count, length - n + i]
        for turn in range(self.rounds):
            shares = logits.softmax(1)
            last = turn == self.rounds - 1
            events = seen if last else [[x.detach() for x in row] for row in seen]
            capsules = [squash(sum(shares[i, j] * events[i][j] for i in range(n))) for j in range(count)]
            if last:
                return torch.stack(capsules)
            agreement = [[events[i][j] @ capsules[j] for j in range(count)] for i in range(n)]
            logits = logits + torch.stack([torch.stack(row) for row in agreement])
        raise ValueError("no rounds")


class MultiInterest(nn.Module):
    """An item table, an extractor under the name that the checkpoint gives it, and the read-out in training."""

    def __init__(self, items: int, width: int, part: str, extractor: nn.Module, power: float = math.inf, layer: bool = False):
        super().__init__()
        self.items = nn.Embedding(items + 1, width)
        setattr(self, part, extractor)
        if layer:
            self.output = nn.Linear(width, width)
        self.part, self.power, self.layer = part, power, layer

    def interests(self, history: list[int]) -> Tensor:
        found = getattr(self, self.part)(self.items.weight[history])
        return torch.relu(self.output(found)) if self.layer else found

    def chosen(self, history: list[int], target: int) -> Tensor:
        """What the target (from 1) is held against in training: [D]."""
        interests, query = self.interests(history), self.items.weight[target]
        products = interests @ query
        if math.isinf(self.power):
            return interests[int(products.argmax())]
        weights = (products.sign() * products.abs() ** self.power).softmax(0)
        return weights @ interests

    def scores(self, history: list[int]) -> Tensor:
        """[N]: the best product with any interest."""
        return (self.interests(history) @ self.items.weight[1:].T).max(0).values

    def loss(self, histories: list[list[int]], targets: list[int]) -> Tensor:
        """Mean cross-entropy of the full softmax."""
        logits = torch.stack([self.items.weight[1:] @ self.chosen(h, t) for h, t in zip(histories, targets)])
        return F.cross_entropy(logits, torch.tensor(targets) - 1)
