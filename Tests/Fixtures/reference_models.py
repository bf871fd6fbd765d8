# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Plain eager PyTorch SASRec, T2Diff and Mult-VAE: the independent reference for the parity fixtures.

Written for clarity, not speed. The names of the parameters are those of Cascade's checkpoints. Item numbers are
dense index + 1; 0 is padding. Nothing here is shared with the Swift implementation.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def normalise(x: Tensor) -> Tensor:
    """LayerNorm over the last dimension without affine parameters, eps 1e-5."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-5)


# ---- Shared transformer block ----------------------------------------------------------------------------------


class Attention(nn.Module):
    """Query, key and value maps are stacked in this order in `projection` [3 d, d]."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.projection = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        """x [B, L, d]; allowed: bool, true where a query may see a key, broadcastable to [B, H, L, L]."""
        rows, length, width = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(rows, length, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = map(split, self.projection(x).chunk(3, -1))
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        weights = scores.masked_fill(~allowed, -math.inf).softmax(-1)
        return self.output((weights @ value).transpose(1, 2).reshape(rows, length, width))


class FeedForward(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float = 0.0):
        super().__init__()
        self.up = nn.Linear(inputs, hidden)
        self.down = nn.Linear(hidden, outputs)
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(self.up(x))
        return self.down(F.dropout(hidden, self.dropout, self.training))


class TransformerBlock(nn.Module):
    """Pre-norm: h + attention(norm(h)), then h + feedForward(norm(h))."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.attentionNorm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feedForwardNorm = nn.LayerNorm(width)
        self.feedForward = FeedForward(width, hidden, width, dropout)
        self.dropout = dropout

    def forward(self, h: Tensor, allowed: Tensor) -> Tensor:
        h = h + F.dropout(self.attention(self.attentionNorm(h), allowed), self.dropout, self.training)
        return h + F.dropout(self.feedForward(self.feedForwardNorm(h)), self.dropout, self.training)


# ---- SASRec ----------------------------------------------------------------------------------------------------


@dataclass
class SASRecConfig:
    items: int
    width: int = 64
    length: int = 200
    blocks: int = 2
    heads: int = 2
    hidden: int = 256
    dropout: float = 0.2


class SASRec(nn.Module):
    """Right-padded rows: the real items of a row are columns 0..<n."""

    def __init__(self, config: SASRecConfig):
        super().__init__()
        c = config
        self.config = c
        self.items = nn.Embedding(c.items + 1, c.width)
        self.positions = nn.Embedding(c.length, c.width)
        self.blocks = nn.ModuleList(TransformerBlock(c.width, c.heads, c.hidden, c.dropout) for _ in range(c.blocks))
        self.norm = nn.LayerNorm(c.width)
        initialise(self, 0.02)

    def forward(self, items: Tensor) -> Tensor:
        """items [B, L] -> user vectors at every position [B, L, d]."""
        length = items.shape[1]
        h = self.items(items) * math.sqrt(self.config.width) + self.positions.weight[:length]
        h = F.dropout(h, self.config.dropout, self.training)
        causal = torch.ones(length, length, dtype=torch.bool, device=items.device).tril()
        for block in self.blocks:
            h = block(h, causal)
        return self.norm(h)

    def loss(self, items: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy over items 1...N at every position whose target is not 0. targets [B, L]."""
        vectors = self(items)[targets > 0]
        logits = vectors @ self.items.weight[1:].T
        return F.cross_entropy(logits, targets[targets > 0] - 1)


def initialise(model: nn.Module, embedding: float) -> None:
    """Embeddings normal (row 0 of `items` zero), linear layers xavier-uniform with zero bias, convolutions as is.

    The stacked attention maps are three square ones.
    """
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=embedding)
        elif isinstance(module, nn.Linear):
            for square in module.weight.chunk(3) if module.out_features == 3 * module.in_features else [module.weight]:
                nn.init.xavier_uniform_(square)
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        model.items.weight[0].zero_()


# ---- Diffusion schedule and samplers ---------------------------------------------------------------------------


class Schedule:
    """Exponential schedule, T2Diff equation 13: beta_r = a exp(b r), r = 1...T; tables in double, alpha-bar_0 = 1.

    With `reference` the betas are those of so many steps: each of T steps then keeps the signal that reference / T keep.
    """

    def __init__(self, steps: int, first: float = 1e-4, last: float = 0.2, reference: int = 0):
        b = math.log(last / first) / (steps - 1) if steps > 1 else 0.0
        a = first / math.exp(b)
        r = torch.arange(1, steps + 1, dtype=torch.float64)
        self.steps = steps
        self.betas = a * torch.exp(b * r)
        if reference:
            self.betas = 1 - (1 - self.betas) ** (reference / steps)
        self.alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - self.betas, 0)])

    def noised(self, z0: Tensor, noise: Tensor, r: Tensor) -> Tensor:
        """Equation 14; z0, noise [B, w, d], r [B]."""
        ab = self.alpha_bar.to(z0.device)[r].to(z0.dtype)[:, None, None]
        return ab.sqrt() * z0 + (1 - ab).sqrt() * noise

    def posterior_mean(self, z: Tensor, z0: Tensor, t: int) -> Tensor:
        """Equation 5: the mean of z_{t-1} given z_t and z_0."""
        ab, previous, beta = self.alpha_bar[t].item(), self.alpha_bar[t - 1].item(), self.betas[t - 1].item()
        return math.sqrt(previous) * beta / (1 - ab) * z0 + math.sqrt(1 - beta) * (1 - previous) / (1 - ab) * z

    def ddim(self, z: Tensor, z0: Tensor, t: int, s: int) -> Tensor:
        """The deterministic DDIM step (eta 0) from t to s < t, given the estimate of z_0."""
        ab, previous = self.alpha_bar[t].item(), self.alpha_bar[s].item()
        noise = (z - math.sqrt(ab) * z0) / math.sqrt(1 - ab)
        return math.sqrt(previous) * z0 + math.sqrt(1 - previous) * noise


def ddim_steps(steps: int, count: int) -> list[int]:
    """`count` steps from T down, evenly spread: floor(T (count - i) / count), i = 0..<count."""
    return [steps * (count - i) // count for i in range(count)]


# ---- U-Net -----------------------------------------------------------------------------------------------------


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each position of [B, C, w]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class Conv(nn.Conv1d):
    """A convolution over three positions around each, or, when causal, over each and the two before it."""

    def __init__(self, inputs: int, outputs: int, causal: bool):
        super().__init__(inputs, outputs, 3)
        self.around = (2, 0) if causal else (1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.around))


class ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, step: int, causal: bool):
        super().__init__()
        self.conv1 = Conv(inputs, outputs, causal)
        self.norm1 = ChannelNorm(outputs)
        self.step = nn.Linear(step, outputs)
        self.conv2 = Conv(outputs, outputs, causal)
        self.norm2 = ChannelNorm(outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor, step: Tensor, mask: Tensor) -> Tensor:
        x = x * mask
        y = F.silu(self.norm1(self.conv1(x))) + self.step(step)[:, :, None]
        y = F.silu(self.norm2(self.conv2(y * mask)))
        return (y + self.skip(x)) * mask


class StepEmbedding(nn.Module):
    """Sinusoid of the step (1...T as it is), then a small network."""

    def __init__(self, width: int):
        super().__init__()
        self.half = width // 2
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, r: Tensor) -> Tensor:
        dtype = self.up.weight.dtype
        frequencies = torch.exp(-math.log(10000.0) * torch.arange(self.half, device=r.device, dtype=dtype) / self.half)
        angles = r[:, None].to(dtype) * frequencies
        return self.down(F.silu(self.up(torch.cat([angles.sin(), angles.cos()], -1))))


class Denoiser(nn.Module):
    """1-D U-Net with two levels: z0 from (z_r, X, r).

    A causal one gives a pair's mean to the pair's second position and to the one after it, which both come no earlier.
    """

    def __init__(self, width: int, channels: int, causal: bool = False):
        super().__init__()
        c = channels
        self.causal = causal
        self.step = StepEmbedding(c)
        self.input = Conv(2 * width, c, causal)
        self.down = nn.ModuleList([ResidualBlock(c, c, c, causal), ResidualBlock(c, c, c, causal)])
        self.middle = ResidualBlock(c, c, c, causal)
        self.up = nn.ModuleList([ResidualBlock(2 * c, c, c, causal), ResidualBlock(2 * c, c, c, causal)])
        self.output = nn.Linear(c, width)

    def forward(self, z: Tensor, x: Tensor, r: Tensor, mask: Tensor) -> Tensor:
        """z, x [B, w, d]; r [B] from 1; mask [B, w] bool. Returns [B, w, d], zero at padding."""
        m = mask[:, None, :].to(z.dtype)
        step = self.step(r)
        h = self.input(torch.cat([z, x], -1).transpose(1, 2) * m)
        masks, skips = [m], []
        for block in self.down:
            h = block(h, step, masks[-1])
            skips.append(h)
            h = F.avg_pool1d(h, 2)  # plain pairs: a padded partner counts as zero
            masks.append(F.max_pool1d(masks[-1], 2))
        h = self.middle(h, step, masks[-1])
        for block in self.up:
            masks.pop()
            h = h.repeat_interleave(2, -1)
            h = F.pad(h, (1, -1)) if self.causal else h
            h = block(torch.cat([h, skips.pop()], 1), step, masks[-1])
        return self.output(h.transpose(1, 2)) * mask[..., None]


# ---- T2Diff ----------------------------------------------------------------------------------------------------


@dataclass
class T2DiffConfig:
    items: int
    width: int = 64
    length: int = 50
    session: int = 10
    session_gap: int = 1800
    window: int = 16
    channels: int = 64
    steps: int = 50
    blocks: int = 1
    heads: int = 2
    hidden: int = 256
    unit: int = 36
    dropout: float = 0.1
    beta_first: float = 1e-4
    beta_last: float = 0.2
    tower_input: str = "paper"  # paper, terminal, chain, none
    drift: bool = True
    causal: bool = False  # the denoiser
    reconstructed: str = "all"  # all, last: the positions whose error counts
    stop_gradient: tuple[str, ...] = ("inputs", "target", "prediction")
    weights: str = "softmax"  # softmax, sigmoid, literal: equation 20
    readout: str = "mean"  # mean, last: equation 19
    reconstruction_weight: float = 1.0
    ranking_weight: float = 0.0
    prediction_dropout: float = 0.0
    residual: bool = False  # e_u = FFN([h_l, h_s]) + h_s instead of equation 22 as printed
    lag_buckets: int = 40
    lag_width: int = 16
    chain_steps: int = 4


class ActivationUnit(nn.Module):
    def __init__(self, width: int, lag_buckets: int, lag_width: int, hidden: int, weights: str):
        super().__init__()
        self.weights = weights
        self.lags = nn.Embedding(lag_buckets, lag_width)
        self.hidden = nn.Linear(4 * width + lag_width, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, session: Tensor, buckets: Tensor, history: Tensor) -> Tensor:
        """Equations 20-21: x [B, L, d], session [B, d], buckets and history [B, L] -> h_l [B, d]."""
        s = session[:, None, :].expand_as(x)
        features = torch.cat([x, x - s, x * s, s, self.lags(buckets)], -1)
        logits = self.output(F.gelu(self.hidden(features)))[..., 0]
        if self.weights == "softmax":
            shares = logits.masked_fill(~history, -1e9).softmax(-1) * history
        else:
            parts = (logits.sigmoid() if self.weights == "sigmoid" else logits) * history
            sums = parts.sum(-1, keepdim=True)
            shares = torch.where(history.any(-1, keepdim=True), parts / torch.where(sums == 0, 1, sums), 0)
        return (shares[..., None] * x).sum(1)


class MixedAttention(nn.Module):
    """The user tower, equations 19-22."""

    def __init__(self, c: T2DiffConfig):
        super().__init__()
        self.session = c.session
        self.residual = c.residual
        self.readout = c.readout
        self.dropout = c.dropout
        self.sessionPositions = nn.Embedding(c.session + 1, c.width)
        self.blocks = nn.ModuleList(TransformerBlock(c.width, c.heads, c.hidden, c.dropout) for _ in range(c.blocks))
        self.norm = nn.LayerNorm(c.width)
        self.unit = ActivationUnit(c.width, c.lag_buckets, c.lag_width, c.unit, c.weights)
        self.user = FeedForward(2 * c.width, 4 * c.width, c.width)

    def forward(
        self, x: Tensor, prediction: Tensor | None, session: Tensor, history: Tensor, buckets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """h_s and e_u, both [B, d]. session, history: bool [B, L]; prediction [B, d], or None: no diffusion."""
        k = self.session
        tokens, valid = x[:, -k:] * session[:, -k:, None], session[:, -k:]
        if prediction is not None:
            tokens = torch.cat([tokens, prediction[:, None]], 1)
            valid = torch.cat([valid, torch.ones_like(valid[:, :1])], 1)
        h = tokens + self.sessionPositions.weight[: tokens.shape[1]]
        h = F.dropout(h, self.dropout, self.training)
        for block in self.blocks:
            h = block(h, valid[:, None, None, :])
        h = self.norm(h)
        h_s = h[:, -1] if self.readout == "last" else (h * valid[..., None]).sum(1) / valid.sum(1, keepdim=True)
        h_l = self.unit(x, h_s, buckets, history)
        user = self.user(torch.cat([h_l, h_s], -1))
        return h_s, user + h_s if self.residual else user


class T2Diff(nn.Module):
    """Left-padded rows: the last column is the most recent item."""

    def __init__(self, config: T2DiffConfig):
        super().__init__()
        c = config
        self.config = c
        self.items = nn.Embedding(c.items + 1, c.width)
        if c.tower_input != "none":
            self.denoiser = Denoiser(c.width, c.channels, c.causal)
        self.tower = MixedAttention(c)
        self.schedule = Schedule(c.steps, c.beta_first, c.beta_last)
        initialise(self, 1 / math.sqrt(c.width))

    # Pieces

    def session_mask(self, items: Tensor, times: Tensor) -> Tensor:
        """[B, L] bool: the last j <= k real items whose neighbouring gaps are all at most the session gap (j >= 1)."""
        k = self.config.session
        items, times, width = items[:, -k:], times[:, -k:], items.shape[1]
        linked = (times[:, 1:] - times[:, :-1] <= self.config.session_gap) & (items[:, :-1] > 0)
        suffix = linked.flip(1).int().cumprod(1).flip(1).bool()
        mask = torch.cat([suffix, items[:, -1:] > 0], 1)
        return F.pad(mask, (width - mask.shape[1], 0))

    def lag_buckets(self, times: Tensor, now: Tensor | None = None) -> Tensor:
        """floor(log2(max(0, t - t_j) + 1)), at most 39; t [B] is `now`, or the time of the last column."""
        lag = ((times[:, -1:] if now is None else now[:, None]) - times).clamp(min=0) + 1
        return torch.log2(lag.double()).floor().long().clamp(max=self.config.lag_buckets - 1)

    def sequence(self, items: Tensor) -> Tensor:
        """X [B, L, d]: normalised embeddings, zero at padding."""
        return normalise(self.items(items)) * (items > 0)[..., None]

    def condition(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """The last w columns of X and their mask; detached when gradients stop at the diffusion."""
        x = self.sequence(items)[:, -self.config.window :]
        return (x.detach() if "inputs" in self.config.stop_gradient else x), items[:, -self.config.window :] > 0

    def prediction(self, z0: Tensor, x: Tensor) -> Tensor:
        """Equation 18: [B, d]."""
        return z0[:, -1] + x[:, -1] if self.config.drift else z0[:, -1]

    def sample(self, x: Tensor, mask: Tensor, z: Tensor, steps: list[int], ancestral: bool = False) -> Tensor:
        """Reverse process from z_T over `steps` (descending, then 0); ancestral: posterior mean without noise."""
        z = z * mask[..., None]
        for t, s in zip(steps, steps[1:] + [0]):
            r = torch.full(x.shape[:1], t, device=x.device)
            z0 = self.denoiser(z, x, r, mask)
            z = self.schedule.posterior_mean(z, z0, t) if ancestral else self.schedule.ddim(z, z0, t, s)
        return z

    def user(
        self, items: Tensor, times: Tensor, prediction: Tensor | None, now: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """h_s and e_u."""
        session = self.session_mask(items, times)
        return self.tower(
            self.sequence(items), prediction, session, (items > 0) & ~session, self.lag_buckets(times, now)
        )

    def scores(self, user: Tensor) -> Tensor:
        """[B, d] -> [B, N]."""
        return user @ self.items.weight[1:].T

    # Training

    def losses(
        self,
        items: Tensor,
        times: Tensor,
        targets: Tensor,
        r: Tensor,
        noise: Tensor,
        terminal: Tensor | None = None,
        now: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Every term for one batch. r [B] in 1...T; noise, terminal [B, w, d] standard normal; now [B] seconds."""
        c = self.config
        out: dict[str, Tensor] = {}
        prediction = None
        if c.tower_input != "none":
            x, mask = self.condition(items)
            target = normalise(self.items(targets))
            target = target.detach() if "target" in c.stop_gradient else target
            shifted = torch.cat([x[:, 1:], target[:, None]], 1)
            z0 = (shifted - x if c.drift else shifted) * mask[..., None]
            z_r = self.schedule.noised(z0, noise, r) * mask[..., None]
            estimate = self.denoiser(z_r, x, r, mask)
            out["z_r"], out["denoised"] = z_r, estimate
            counted = mask.clone()
            if c.reconstructed == "last":
                counted[:, :-1] = False
            out["reconstruction"] = (((estimate - z0) ** 2) * counted[..., None]).sum() / (counted.sum() * c.width)
            prediction = self.prediction(estimate, x)
            # What never saw the target: pure noise denoised once, or at the end of a chain, whose last step alone learns.
            steps = ddim_steps(c.steps, min(c.chain_steps, c.steps)) if c.tower_input == "chain" else [c.steps]
            state = terminal * mask[..., None]
            with torch.no_grad():
                for t, s in zip(steps, steps[1:]):
                    state = self.schedule.ddim(state, self.denoiser(state, x, torch.full_like(r, t), mask), t, s)
            answer = self.prediction(self.denoiser(state, x, torch.full_like(r, steps[-1]), mask), x)
            if c.tower_input != "paper":
                prediction = answer
            out["prediction"] = prediction
            if c.ranking_weight > 0:
                logits = answer @ normalise(self.items.weight[1:]).detach().T / math.sqrt(c.width)
                out["ranking"] = F.cross_entropy(logits, targets - 1)
            prediction = prediction.detach() if "prediction" in c.stop_gradient else prediction
            if self.training and c.prediction_dropout > 0:
                keep = torch.rand(prediction.shape[0], 1, device=prediction.device) >= c.prediction_dropout
                prediction = prediction * keep
        out["h_s"], out["user"] = self.user(items, times, prediction, now)
        out["tower"] = F.cross_entropy(self.scores(out["user"]), targets - 1)
        out["total"] = out["tower"]
        if "reconstruction" in out:
            out["total"] = out["total"] + c.reconstruction_weight * out["reconstruction"]
        if "ranking" in out:
            out["total"] = out["total"] + c.ranking_weight * out["ranking"]
        return out

# ---- Mult-VAE --------------------------------------------------------------------------------------------------


class MultVAE(nn.Module):
    """Liang et al. 2018: a set of items through a latent normal variable to a multinomial over the catalog."""

    def __init__(self, items: int, hidden: int, latent: int):
        super().__init__()
        self.latent = latent
        self.input = nn.Embedding(items, hidden)
        self.inputBias = nn.Parameter(torch.zeros(hidden))
        self.encoder = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Linear(latent, hidden)
        self.output = nn.Embedding(items, hidden)
        self.outputBias = nn.Embedding(items, 1)

    def encode(self, users: list[set[int]]) -> tuple[Tensor, Tensor]:
        """Sets of item numbers from 0 to means and logs of variances [B, Z]."""
        # A set of n items is a unit vector with n entries of 1 / sqrt(n).
        rows = [sum(self.input.weight[i] for i in sorted(user)) / math.sqrt(len(user)) for user in users]
        return torch.tanh(torch.stack(rows) + self.inputBias).matmul(self.encoder.weight.T).add(
            self.encoder.bias
        ).split(self.latent, -1)

    def decode(self, z: Tensor) -> Tensor:
        """[B, Z] to logits [B, N]."""
        hidden = torch.tanh(self.decoder(z))
        return hidden @ self.output.weight.T + self.outputBias.weight.squeeze(1)

    def losses(self, users: list[set[int]], noise: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """The negative log-likelihood and the weighted divergence, both means over users."""
        mean, log_variance = self.encode(users)
        posterior = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
        chances = torch.log_softmax(self.decode(mean + noise * posterior.stddev), -1)
        surprise = torch.stack([-sum(chances[row, i] for i in user) for row, user in enumerate(users)])
        prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        divergence = torch.distributions.kl_divergence(posterior, prior).sum(-1)
        return surprise.mean(), beta * divergence.mean()
