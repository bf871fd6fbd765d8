# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Plain PyTorch DimeRec, one history at a time: the independent reference for the parity fixtures.

Written from the paper and Documentation/paper-readings.md (D1-D11), for clarity, not speed. The names of the parameters
are those of Cascade's checkpoints. Histories are lists of item numbers without padding, latest last.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_multi_interest import Attention, Routing


@dataclass
class DimeRecConfig:
    items: int = 12
    width: int = 8
    length: int = 6
    interests: int = 3
    guidance: str = "self-attentive"  # routed, sasrec, mlp, rule
    blocks: int = 0
    heads: int = 2
    sphere: str = "unit"  # literal, none
    temperature: float = 0.1
    learns_temperature: bool = False
    walk: str = "geodesic"  # euclidean
    walk_scale: str = "unit"  # quarter-turn, literal
    steps: int = 4
    ranked_state: str = "noised"  # terminal
    residual: bool = False
    guidance_loss: float = 1.0
    reconstruction: float = 0.1
    ranking: float = 1.0


class Network(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int, activation):
        super().__init__()
        self.up, self.down, self.activation = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs), activation

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.up(x)))


class Attend(nn.Module):
    """Two-headed (or more) attention of all events over all events: [n, D]."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.projection, self.output, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.projection(x).chunk(3, -1)
        size = x.shape[1] // self.heads
        heads = []
        for part in range(self.heads):
            columns = slice(part * size, (part + 1) * size)
            weights = (q[:, columns] @ k[:, columns].T / math.sqrt(size)).softmax(-1)
            heads.append(weights @ v[:, columns])
        return self.output(torch.cat(heads, -1))


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attentionNorm, self.attention = nn.LayerNorm(width), Attend(width, heads)
        self.feedForwardNorm, self.feedForward = nn.LayerNorm(width), Network(width, 4 * width, width, F.gelu)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attentionNorm(x))
        return x + self.feedForward(self.feedForwardNorm(x))


class Encoder(nn.Module):
    def __init__(self, width: int, length: int, blocks: int, heads: int):
        super().__init__()
        self.positions = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, h: Tensor) -> Tensor:
        x = h * math.sqrt(h.shape[1]) + self.positions.weight[-len(h) :]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Flat(nn.Module):
    """One vector from all positions; those before the first event are zero."""

    def __init__(self, width: int, length: int):
        super().__init__()
        self.network, self.length = Network(length * width, 4 * width, width, F.gelu), length

    def forward(self, h: Tensor) -> Tensor:
        width = h.shape[1]
        before = torch.zeros((self.length - len(h)) * width, dtype=h.dtype)
        return self.network(torch.cat([before, h.reshape(-1) * math.sqrt(width)]))[None]


class Latest(nn.Module):
    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def forward(self, h: Tensor) -> Tensor:
        return torch.stack([h[-1]] * max(0, self.count - len(h)) + list(h[-self.count :]))


class Denoiser(nn.Module):
    def __init__(self, width: int, interests: int, residual: bool):
        super().__init__()
        self.step = Network(width, 4 * width, width, F.silu)
        self.network = Network((interests + 2) * width, 4 * width, width, F.gelu)
        self.residual = residual

    def forward(self, state: Tensor, t: int, guidance: Tensor) -> Tensor:
        half = len(state) // 2
        angles = t * torch.exp(-math.log(10_000) * torch.arange(half, dtype=state.dtype) / half)
        step = self.step(torch.cat([angles.sin(), angles.cos()]))
        output = self.network(torch.cat([state, step, *guidance]))
        return output + guidance.mean(0) if self.residual else output


def unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def walked(x: Tensor, noise: Tensor, distance: float) -> Tensor:
    """exp_x of the tangent part of the noise, times the distance; x a unit vector."""
    v = distance * (noise - (noise @ x) * x)
    return v.norm().cos() * x + v.norm().sin() * v / v.norm()


def between(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The point on the great circle from a to b after this share of the way; unit vectors."""
    angle = torch.arccos((a @ b).clamp(-1, 1))
    return (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)


class DimeRec(nn.Module):
    def __init__(self, c: DimeRecConfig):
        super().__init__()
        self.c = c
        self.items = nn.Embedding(c.items + 1, c.width)
        if c.blocks:
            self.encoder = Encoder(c.width, c.length, c.blocks, c.heads)
        self.guidance = {
            "self-attentive": lambda: Attention(c.width, 4 * c.width, c.interests, c.length),
            "routed": lambda: Routing(c.width, c.interests, c.length, "interest", normal=False, adaptive=False),
            "sasrec": lambda: Latest(1),
            "mlp": lambda: Flat(c.width, c.length),
            "rule": lambda: Latest(c.interests),
        }[c.guidance]()
        count = 1 if c.guidance in ("sasrec", "mlp") else c.interests
        self.denoiser = Denoiser(c.width, count, c.residual)
        if c.learns_temperature:
            self.logTemperature = nn.Parameter(torch.zeros(1))
        # D3: the linear schedule of a thousand steps, scaled to T and kept below 1.
        ends = [min(beta * 1000 / c.steps, 0.999) for beta in (1e-4, 0.02)]
        self.betas = [ends[0] + (ends[1] - ends[0]) * r / (c.steps - 1) for r in range(c.steps)]
        self.bars = [1.0]
        for beta in self.betas:
            self.bars.append(self.bars[-1] * (1 - beta))

    @property
    def scale(self) -> float:
        root = math.sqrt(self.c.width)
        return {"unit": 1 / root, "quarter-turn": math.pi / 2 / root, "literal": 1.0}[self.c.walk_scale]

    def on_sphere(self, x: Tensor) -> Tensor:
        return unit(x) if self.c.sphere == "unit" else x

    def catalogue(self) -> Tensor:
        return self.on_sphere(self.items.weight[1:])

    def interests(self, history: list[int]) -> Tensor:
        h = self.on_sphere(self.items.weight[history])
        return self.on_sphere(self.guidance(self.encoder(h) if self.c.blocks else h))

    def noised(self, clean: Tensor, t: int, noise: Tensor) -> Tensor:
        bar = self.bars[t]
        if self.c.walk == "euclidean":
            return math.sqrt(bar) * clean + math.sqrt(1 - bar) * noise
        return walked(clean, noise, self.scale * math.sqrt(1 - bar))

    def estimate(self, state: Tensor, t: int, interests: Tensor) -> Tensor:
        root = math.sqrt(self.c.width)
        state = state * root if self.c.walk == "geodesic" else state
        return self.on_sphere(self.denoiser(state, t, interests * root))

    def cross_entropy(self, user: Tensor, target: int) -> Tensor:
        logits = self.catalogue() @ user
        if self.c.sphere == "unit":
            learned = self.c.learns_temperature
            logits = logits / (self.logTemperature.exp() if learned else self.c.temperature)
        return F.cross_entropy(logits[None], torch.tensor([target - 1]))

    def losses(self, histories, targets, steps, noise, start) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {k: [] for k in ("interests", "estimate", "guidance", "ranking", "error")}
        for row, (history, target) in enumerate(zip(histories, targets)):
            interests, goal = self.interests(history), self.catalogue()[target - 1]
            nearest = interests[int((interests @ goal).argmax())]
            clean = unit(goal) if self.c.sphere == "literal" else goal
            estimate = ranked = self.estimate(self.noised(clean, steps[row], noise[row]), steps[row], interests)
            if self.c.ranked_state == "terminal":
                pure = unit(start[row]) if self.c.walk == "geodesic" else start[row]
                ranked = self.estimate(pure, self.c.steps, interests)
            found["interests"].append(interests)
            found["estimate"].append(ranked)
            found["guidance"].append(self.cross_entropy(nearest, target))
            found["ranking"].append(self.cross_entropy(ranked, target))
            found["error"].append(((estimate - clean) ** 2).sum())
        out = {key: torch.stack(values) for key, values in found.items()}
        c = self.c
        terms = c.guidance_loss * out["guidance"] + c.ranking * out["ranking"] + c.reconstruction * out["error"]
        return out | {"total": terms.mean()}

    def reverse(self, history: list[int], start: Tensor, noise: dict[int, Tensor], visited: list[int], ancestral: bool):
        """Algorithm 2 over the visited steps, T first; ancestral steps draw noise[t], others are DDIM's.

        Where the walk is geodesic and scaled, states stay on great circles: after a deterministic step the angle from the
        estimate has shrunk as sqrt(1 - alpha-bar) did. An ancestral step is Gaussian in the tangent space of the estimate:
        there the mean has shrunk as 1 - alpha-bar did.
        """
        curved = self.c.walk == "geodesic" and self.c.walk_scale != "literal"
        project = unit if self.c.walk == "geodesic" else lambda x: x
        interests, x = self.interests(history), project(start)
        clean = x
        for t, after in zip(visited, visited[1:] + [0]):
            clean = self.estimate(x, t, interests)
            if after == 0:
                break
            bar, previous, beta = self.bars[t], self.bars[after], self.betas[t - 1]
            if curved:
                share, origin = (1 - previous) / (1 - bar), unit(clean)
                if ancestral:
                    angle = torch.arccos((origin @ x).clamp(-1, 1))
                    back = share * angle * unit(x - (x @ origin) * origin)
                    x = walked(origin, back + self.scale * math.sqrt(share * (previous - bar)) * noise[t], 1.0)
                else:
                    x = between(origin, x, math.sqrt(share))
                continue
            if ancestral:
                mean = math.sqrt(1 - beta) * (1 - previous) / (1 - bar) * x
                mean = mean + math.sqrt(previous) * beta / (1 - bar) * clean
                x = mean + math.sqrt((1 - previous) / (1 - bar) * beta) * noise[t]
            else:
                implied = (x - math.sqrt(bar) * clean) / math.sqrt(1 - bar)
                x = math.sqrt(previous) * clean + math.sqrt(1 - previous) * implied
            x = project(x)
        return clean
