# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Plain eager PyTorch denoisers over padded sequences: the independent reference for T2Diff's other backbones.

Written from the papers for clarity: the recurrence is a loop over positions, directions are separate modules' worth of
weights, padding is skipped by masks. The names of the parameters are those of Cascade's checkpoints.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models import StepEmbedding, TransformerBlock


class SequenceTransformer(nn.Module):
    def __init__(self, inputs: int, channels: int, outputs: int, length: int, depth: int, heads: int):
        super().__init__()
        self.step = StepEmbedding(channels)
        self.input = nn.Linear(inputs, channels)
        self.positions = nn.Embedding(length, channels)
        self.blocks = nn.ModuleList(TransformerBlock(channels, heads, 4 * channels, 0.0) for _ in range(depth))
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, outputs)

    def forward(self, x: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, inputs], steps [B], mask bool [B, L] -> [B, L, outputs]; rows are computed one by one, unpadded."""
        y = torch.zeros(*mask.shape, self.output.out_features, dtype=x.dtype)
        for row in range(x.shape[0]):
            real = mask[row]
            count = int(real.sum())
            places = torch.arange(count - 1, -1, -1)  # 0 is the last
            h = self.input(x[row, real]) + self.positions.weight[places] + self.step(steps[row : row + 1])
            h = h[None]
            for block in self.blocks:
                h = block(h, torch.ones(1, 1, 1, count, dtype=torch.bool))
            y = y.index_put((torch.tensor(row), real.nonzero()[:, 0]), self.output(self.norm(h[0])))
        return y


class SelectiveStateSpace(nn.Module):
    """Gu & Dao 2023: one layer for one sequence without padding, [L, d] to [L, d]; K directions with common
    projections and gate."""

    def __init__(self, width: int, state: int, directions: int):
        super().__init__()
        inner, rank = 2 * width, math.ceil(width / 16)
        self.state, self.rank, self.directions = state, rank, directions
        self.input = nn.Linear(width, 2 * inner, bias=False)
        self.convolution = nn.Parameter(torch.zeros(directions, inner, 4))
        self.convolutionBias = nn.Parameter(torch.zeros(directions, inner))
        self.selection = nn.Parameter(torch.zeros(directions, rank + 2 * state, inner))
        self.rate = nn.Parameter(torch.zeros(directions, inner, rank))
        self.rateBias = nn.Parameter(torch.zeros(directions, inner))
        self.logDecay = nn.Parameter(torch.zeros(directions, state, inner))
        self.skip = nn.Parameter(torch.zeros(directions, inner))
        self.output = nn.Linear(inner, width, bias=False)

    def one_direction(self, x: Tensor, k: int) -> Tensor:
        """[L, E] to [L, E], from the first position to the last."""
        inner = x.shape[1]
        u = F.conv1d(
            F.pad(x.T[None], (3, 0)), self.convolution[k][:, None], self.convolutionBias[k], groups=inner
        )[0].T
        u = F.silu(u)
        low, b, c = (u @ self.selection[k].T).split([self.rank, self.state, self.state], -1)
        delta = F.softplus(low @ self.rate[k].T + self.rateBias[k])
        a = -torch.exp(self.logDecay[k]).T  # [E, N]
        h = torch.zeros(inner, self.state, dtype=x.dtype)
        outputs = []
        for t in range(x.shape[0]):
            h = torch.exp(delta[t][:, None] * a) * h + delta[t][:, None] * b[t][None] * u[t][:, None]
            outputs.append(h @ c[t] + self.skip[k] * u[t])
        return torch.stack(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.input(x).chunk(2, -1)
        y = self.one_direction(x, 0)
        if self.directions == 2:
            y = y + self.one_direction(x.flip(0), 1).flip(0)
        return self.output(y * F.silu(gate))


class MambaBlock(nn.Module):
    def __init__(self, width: int, state: int, directions: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mixer = SelectiveStateSpace(width, state, directions)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mixer(self.norm(x))


class SequenceMamba(nn.Module):
    def __init__(self, inputs: int, channels: int, outputs: int, depth: int, state: int, directions: int):
        super().__init__()
        self.step = StepEmbedding(channels)
        self.input = nn.Linear(inputs, channels)
        self.blocks = nn.ModuleList(MambaBlock(channels, state, directions) for _ in range(depth))
        self.norm = nn.LayerNorm(channels)
        self.output = nn.Linear(channels, outputs)

    def forward(self, x: Tensor, steps: Tensor, mask: Tensor) -> Tensor:
        """As the Transformer: rows one by one, unpadded."""
        y = torch.zeros(*mask.shape, self.output.out_features, dtype=x.dtype)
        for row in range(x.shape[0]):
            h = self.input(x[row, mask[row]]) + self.step(steps[row : row + 1])
            for block in self.blocks:
                h = block(h)
            y = y.index_put((torch.tensor(row), mask[row].nonzero()[:, 0]), self.output(self.norm(h)))
        return y


def backbones(store, gradients) -> None:
    """Writes backbones.safetensors: three networks on one input, their outputs and all gradients of a weighted sum."""
    generator = torch.Generator().manual_seed(11)
    mask = torch.arange(6)[None] >= torch.tensor([5, 2, 0])[:, None]  # 1, 4 and 6 real positions, at the end
    x = torch.randn(3, 6, 5, generator=generator) * mask[..., None]
    steps = torch.tensor([1, 4, 37])
    weights = torch.randn(3, 6, 3, generator=generator)
    tensors = {
        "input.x": x.numpy(),
        "input.steps": steps.int().numpy(),
        "input.mask": mask.float().numpy(),
        "input.weights": weights.numpy(),
    }
    networks = {
        "transformer": SequenceTransformer(5, 8, 3, length=6, depth=2, heads=2),
        "mamba": SequenceMamba(5, 18, 3, depth=2, state=3, directions=2),
        "causal": SequenceMamba(5, 8, 3, depth=1, state=4, directions=1),
    }
    for name, network in networks.items():
        with torch.no_grad():
            for key, parameter in network.named_parameters():
                drawn = torch.randn(parameter.shape, generator=generator)
                scale = 0.3 if parameter.dim() == 1 or "Bias" in key or "logDecay" in key else 1
                scale = scale / math.sqrt(parameter.shape[-1]) if scale == 1 else scale
                parameter.copy_(scale * drawn + (1 if key.endswith(("norm.weight", "Norm.weight")) else 0))
                tensors[f"{name}.weight.{key}"] = parameter.numpy().copy()
        network.double()
        y = network(x.double(), steps, mask)
        tensors[f"{name}.expected"] = y
        found = gradients(network, (y * weights.double()).sum())
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    store("backbones", tensors, {"input": "5", "output": "3"})
