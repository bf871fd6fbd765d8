# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Plain eager PyTorch DreamRec and DiffuRec: the independent reference for their parity fixtures.

One history at a time, without padding; the two guidance branches as two calls; the reverse process written out. The
Transformer block and the step's network are those of reference_models.py, which share nothing with the Swift code.
Items are numbered from 1; row 0 is padding.
"""

import math

import torch
from torch import Tensor, nn

from reference_models import StepEmbedding, TransformerBlock, normalise


class Reverse:
    """x0-predicting diffusion in Euclidean space; steps 1...T, given betas (float64)."""

    def __init__(self, betas: Tensor):
        self.beta = torch.cat([torch.zeros(1, dtype=torch.float64), betas])
        self.bar = torch.cumprod(1 - self.beta, 0)
        self.steps = len(betas)

    def noised(self, x0: Tensor, t: int, noise: Tensor) -> Tensor:
        return self.bar[t].sqrt() * x0 + (1 - self.bar[t]).sqrt() * noise

    def ancestral(self, start: Tensor, noise: dict[int, Tensor], denoise) -> Tensor:
        """Ho et al. 2020, algorithm 2 with the posterior of equations 6 and 7."""
        x = start
        for t in range(self.steps, 0, -1):
            x0 = denoise(x, t)
            before, after, beta = self.bar[t - 1], self.bar[t], self.beta[t]
            mean = (before.sqrt() * beta * x0 + (1 - beta).sqrt() * (1 - before) * x) / (1 - after)
            deviation = ((1 - before) / (1 - after) * beta).sqrt()
            x = mean + deviation * noise[t] if t > 1 else mean
        return x

    def implicit(self, start: Tensor, steps: list[int], denoise) -> Tensor:
        """Song et al. 2021, equation 12 with sigma 0, along `steps` and then to 0."""
        x = start
        for t, s in zip(steps, steps[1:] + [0]):
            x0 = denoise(x, t)
            epsilon = (x - self.bar[t].sqrt() * x0) / (1 - self.bar[t]).sqrt()
            x = self.bar[s].sqrt() * x0 + (1 - self.bar[s]).sqrt() * epsilon
        return x


class GuidedDenoiser(nn.Module):
    def __init__(self, width: int, deep: bool):
        super().__init__()
        self.step = StepEmbedding(width)
        self.input = nn.Linear(3 * width, 2 * width if deep else width)
        self.output = nn.Linear(2 * width, width) if deep else None

    def forward(self, x: Tensor, guidance: Tensor, t: int) -> Tensor:
        y = self.input(torch.cat([x, guidance, self.step(torch.tensor([t]))[0]]))
        return y if self.output is None else self.output(nn.functional.gelu(y))


class DreamRec(nn.Module):
    def __init__(self, items: int, width: int, length: int, hidden: int, betas: Tensor, deep=False, normalised=False):
        super().__init__()
        self.items = nn.Embedding(items + 1, width)
        self.positions = nn.Embedding(length, width)
        self.blocks = nn.ModuleList([TransformerBlock(width, 1, hidden, 0.0)])
        self.norm = nn.LayerNorm(width)
        self.null = nn.Parameter(torch.zeros(width))
        self.denoiser = GuidedDenoiser(width, deep)
        self.reverse = Reverse(betas)
        self.normalised = normalised

    def table(self) -> Tensor:
        return normalise(self.items.weight) if self.normalised else self.items.weight

    def guidance(self, history: list[int]) -> Tensor:
        x = (self.table()[history] + self.positions.weight[: len(history)])[None]
        for block in self.blocks:
            x = block(x, torch.ones(len(history), len(history), dtype=torch.bool).tril())
        return self.norm(x)[0, -1]

    def estimate(self, history: list[int], target: int, t: int, noise: Tensor, dropped: bool) -> Tensor:
        condition = self.null if dropped else self.guidance(history)
        return self.denoiser(self.reverse.noised(self.table()[target], t, noise), condition, t)

    def guided(self, history: list[int], weight: float):
        h = self.guidance(history)
        return lambda x, t: (1 + weight) * self.denoiser(x, h, t) - weight * self.denoiser(x, self.null, t)


class DiffuRec(nn.Module):
    """`columns`: the published form, with as many items as there are columns, padding among them."""

    def __init__(self, items: int, width: int, length: int, heads: int, hidden: int, blocks: int, betas: Tensor,
                 mean: float, deviation: float, positions=False, columns: int | None = None):
        super().__init__()
        self.items = nn.Embedding(items + 1, width)
        self.positions = nn.Embedding(length, width) if positions else None
        self.itemNorm = nn.LayerNorm(width)
        self.step = StepEmbedding(width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, hidden, 0.0) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.reverse = Reverse(betas)
        self.mean, self.deviation, self.columns = mean, deviation, columns

    def rebuild(self, history: list[int], x: Tensor, t: int, noise: Tensor) -> Tensor:
        """noise [L, d]: makes lambda, row i for item i."""
        padded = history + [0] * ((self.columns or len(history)) - len(history))
        e = self.items.weight[padded]
        if self.positions is not None:
            e = e + self.positions.weight[: len(padded)]
        told = self.step(torch.tensor([t * 1000 / self.reverse.steps], dtype=torch.float64))[0]
        z = self.itemNorm(e) + (self.mean + self.deviation * noise[: len(padded)]) * (x + told)
        z = z[None]
        for block in self.blocks:
            z = block(z, torch.ones(len(padded), len(padded), dtype=torch.bool))
        return self.norm(z)[0, len(history) - 1]


def cross_entropy(estimates: list[Tensor], table: Tensor, targets: list[int]) -> Tensor:
    """Full softmax over items 1...N by inner product."""
    return nn.functional.cross_entropy(torch.stack(estimates) @ table[1:].T, torch.tensor(targets) - 1)
