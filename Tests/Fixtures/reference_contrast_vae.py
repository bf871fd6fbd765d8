# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Plain eager PyTorch ContrastVAE: the independent reference for its parity fixture.

The names of the parameters are those of Cascade's checkpoints. Noise is given, so that both sides use the same.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_models import TransformerBlock


class Stack(nn.Module):
    def __init__(self, width: int, blocks: int, heads: int, hidden: int):
        super().__init__()
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, hidden, 0.0) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, h: Tensor) -> Tensor:
        causal = torch.ones(h.shape[1], h.shape[1], dtype=torch.bool).tril()
        for block in self.blocks:
            h = block(h, causal)
        return self.norm(h)


class ContrastVAE(nn.Module):
    """Right-padded rows: the real items of a row are columns 0..<n."""

    def __init__(self, items: int, width: int, length: int, blocks: int, heads: int, hidden: int):
        super().__init__()
        self.items = nn.Embedding(items + 1, width)
        self.positions = nn.Embedding(length, width)
        self.inputNorm = nn.LayerNorm(width)
        self.mean = Stack(width, blocks, heads, hidden)
        self.logVariance = Stack(width, blocks, heads, hidden)
        self.decoder = Stack(width, blocks, heads, hidden)
        self.noiseLogit = nn.Parameter(torch.zeros(1))

    def latent(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """items [B, L] -> means and log-variances [B, L, d]."""
        h = self.inputNorm(self.items(items) + self.positions.weight[: items.shape[1]])
        return self.mean(h), self.logVariance(h)

    def losses(
        self, items: Tensor, targets: Tensor, first: Tensor, second: Tensor, plain: bool, temperature: float
    ) -> dict[str, Tensor]:
        """The unweighted losses of two views: `first` and `second` are their noise, `plain` ignores the first."""
        real = items > 0
        mean, log_variance = self.latent(items)
        deviation = torch.exp(log_variance / 2)
        share = torch.sigmoid(self.noiseLogit)
        views = [mean + deviation * (1 if plain else first), mean + share * deviation * second]
        found = {}
        for name, view in zip(["main", "second"], views):
            logits = self.decoder(view)[targets > 0] @ self.items.weight[1:].T
            found[name] = F.cross_entropy(logits, targets[targets > 0] - 1)
        standard = torch.distributions.Normal(0, 1)
        divergence = torch.distributions.kl_divergence(torch.distributions.Normal(mean, deviation), standard)
        found["divergence"] = 2 * divergence.sum(-1)[real].mean()
        cubic = 1.16145124 * share - 1.50204118 * share**2 + 0.58629921 * share**3
        found["noise-prior"] = -(0.5 * torch.log(share) + cubic).sum()
        users = [torch.stack([row[keep].sum(0) for row, keep in zip(view, real)]) for view in views]
        rows, both = len(items), torch.cat(users)
        total = 0
        for i in range(2 * rows):
            cosines = F.cosine_similarity(both[i : i + 1], both) / temperature
            others = torch.cat([cosines[:i], cosines[i + 1 :]])
            total = total + others.logsumexp(0) - cosines[(i + rows) % (2 * rows)]
        found["contrastive"] = total / (2 * rows)
        return found

    def user(self, items: Tensor, lengths: Tensor, plain: bool) -> Tensor:
        """The vector after the last item: [B, d]."""
        mean, log_variance = self.latent(items)
        states = self.decoder(mean + torch.exp(log_variance / 2) if plain else mean)
        return states[torch.arange(len(items)), lengths - 1]
