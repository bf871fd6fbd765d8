# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Writes the .safetensors files beside this file.

    python3 make_goldens.py        (needs torch and numpy; one thread; the same bytes every time)

Weights and inputs are float32 values. Expected outputs are computed in float64 from them and stored as float32, so
that an implementation in float32 is compared with the exact answer. Names: `weight.<parameter>`, `input.<name>`,
`expected.<name>`, `gradient.<parameter>`.
"""

import json
import math
import struct
from pathlib import Path

import numpy as np
import torch

import reference_euclidean as euclid
import reference_multi_interest as several
from reference_backbones import backbones
from reference_contrast_vae import ContrastVAE
from reference_dimerec import DimeRec, DimeRecConfig
from reference_ranking import Network, judge
from reference_models import MultVAE, SASRec, SASRecConfig, Schedule, T2Diff, T2DiffConfig, ddim_steps
from reference_search import MODELS as SEARCH_MODELS
from reference_search import judge as judge_search

HERE = Path(__file__).parent


def randomise(model: torch.nn.Module, seed: int) -> dict[str, np.ndarray]:
    """Draws every parameter, norms and biases too, as float32 values and returns them; the model becomes float64."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1:
                drawn = 0.1 * drawn + (1.0 if name.endswith("weight") else 0.0)
            elif name.split(".")[-2] in ("items", "positions", "sessionPositions", "lags"):
                drawn = 0.4 * drawn
            else:
                drawn = drawn / math.sqrt(parameter[0].numel())
            if name == "items.weight":
                drawn[0] = 0
            parameter.copy_(drawn)
            weights[f"weight.{name}"] = drawn.numpy().copy()
    model.double()
    return weights


def store(name: str, tensors: dict[str, np.ndarray | torch.Tensor], metadata: dict[str, str]) -> None:
    arrays = {}
    for key, value in tensors.items():
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else value
        if array.dtype == np.float64 and name != "diffusion":
            array = array.astype(np.float32)
        arrays[key] = np.ascontiguousarray(array)
    path = HERE / f"{name}.safetensors"
    path.write_bytes(safetensors(arrays, metadata))
    print(f"{path.name}: {len(arrays)} tensors, {path.stat().st_size} bytes")


def safetensors(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The safetensors format: length of the header, header padded to 8 bytes, data. Widest types first."""
    types = {"float64": "F64", "int64": "I64", "float32": "F32", "int32": "I32", "uint8": "U8"}
    header: dict = {"__metadata__": metadata}
    data = b""
    for key, array in sorted(arrays.items(), key=lambda pair: (-pair[1].itemsize, pair[0])):
        end = len(data) + array.nbytes
        header[key] = {"dtype": types[array.dtype.name], "shape": array.shape, "data_offsets": [len(data), end]}
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    names, parameters = zip(*model.named_parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return {f"gradient.{n}": g for n, g in zip(names, found) if g is not None}


def sasrec() -> None:
    config = SASRecConfig(items=20, width=8, length=12, blocks=2, heads=2, hidden=32, dropout=0.0)
    model = SASRec(config)
    tensors: dict = randomise(model, 1)
    generator = torch.Generator().manual_seed(2)
    items = torch.randint(1, 21, (3, 12), generator=generator)
    targets = torch.cat([items[:, 1:], torch.randint(1, 21, (3, 1), generator=generator)], 1)
    lengths = torch.tensor([1, 7, 12])
    padding = torch.arange(12) >= lengths[:, None]
    items[padding], targets[padding] = 0, 0
    targets[1, 6] = 0  # a real position without a target does not count
    loss = model.loss(items, targets)
    vectors = model(items)
    last = vectors[torch.arange(3), lengths - 1]
    tensors |= {
        "input.items": items.int().numpy(),
        "input.targets": targets.int().numpy(),
        "input.lengths": lengths.int().numpy(),
        "expected.vectors": vectors * ~padding[..., None],  # zero where padded
        "expected.user": last,
        "expected.scores": last @ model.items.weight[1:].T,
        "expected.loss": loss[None],
    }
    tensors |= gradients(model, loss)
    store("sasrec", tensors, {"width": "8", "length": "12", "blocks": "2", "heads": "2", "hidden": "32", "items": "20"})


def multvae() -> None:
    model = MultVAE(items=20, hidden=6, latent=3)
    tensors: dict = randomise(model, 51)
    tensors["weight.steps"] = np.array([7], dtype=np.float32)
    # Right padding; the last target completes each stretch. Row 1 has an item twice.
    stretches = [[4, 9], [2, 5, 2, 17], [20, 1, 8, 3, 12, 6]]
    items, targets = np.zeros((3, 5), dtype=np.int32), np.zeros((3, 5), dtype=np.int32)
    for row, stretch in enumerate(stretches):
        items[row, : len(stretch) - 1] = stretch[:-1]
        targets[row, : len(stretch) - 1] = stretch[1:]
    noise = torch.randn(3, 3, generator=torch.Generator().manual_seed(52))
    surprise, divergence = model.losses([{i - 1 for i in s} for s in stretches], noise.double(), beta=0.07)
    tensors |= {
        "input.items": items,
        "input.targets": targets,
        "input.lengths": np.array([len(s) - 1 for s in stretches], dtype=np.int32),
        "input.noise": noise.numpy(),
        "expected.reconstruction": surprise[None],
        "expected.kl": divergence[None],
        "expected.scores": model.decode(model.encode([{i - 1 for i in s[:-1]} for s in stretches])[0]),
    }
    tensors |= gradients(model, surprise + divergence)
    store("multvae", tensors, {"items": "20", "hidden": "6", "latent": "3", "annealing": "100"})


def contrast_vae() -> None:
    model = ContrastVAE(items=20, width=4, length=6, blocks=1, heads=2, hidden=5)
    tensors: dict = randomise(model, 21)
    generator = torch.Generator().manual_seed(22)
    items = torch.randint(1, 21, (3, 6), generator=generator)
    targets = torch.cat([items[:, 1:], torch.randint(1, 21, (3, 1), generator=generator)], 1)
    lengths = torch.tensor([1, 4, 6])
    padding = torch.arange(6) >= lengths[:, None]
    items[padding], targets[padding] = 0, 0
    noise = [torch.randn(3, 6, 4, generator=generator) for _ in range(2)]
    tensors |= {
        "input.items": items.int().numpy(),
        "input.targets": targets.int().numpy(),
        "input.lengths": lengths.int().numpy(),
        "input.first": noise[0].numpy(),
        "input.second": noise[1].numpy(),
    }
    for name, plain in (("sampled", False), ("plain", True)):
        losses = model.losses(items, targets, noise[0].double(), noise[1].double(), plain, temperature=0.5)
        weights = {"main": 1, "second": 1, "divergence": 0.2, "noise-prior": 1, "contrastive": 0.3}
        total = sum(weights[key] * loss for key, loss in losses.items())
        tensors |= {f"{name}.expected.{key}": weights[key] * loss[None] for key, loss in losses.items()}
        tensors[f"{name}.expected.user"] = model.user(items, lengths, plain)
        if not plain:
            tensors |= gradients(model, total)
    store("contrast-vae", tensors, {"width": "4", "length": "6", "blocks": "1", "heads": "2", "hidden": "5"})


def t2diff() -> None:
    base = dict(items=20, width=8, length=12, session=4, window=8, channels=8, steps=5, unit=6, hidden=32, dropout=0.0)
    model = T2Diff(T2DiffConfig(**base))
    tensors: dict = randomise(model, 3)
    generator = torch.Generator().manual_seed(4)

    # Row 0: one item. Row 1: six items, the last session has two. Row 2: twelve items, ties, gaps of exactly 1800 s and
    # 1801 s, a last session longer than k and old behaviour months before.
    lengths = torch.tensor([1, 6, 12])
    start = 978_300_000
    spans = [
        [0],
        [0, 60, 4_000, 90_000, 95_000, 95_600],
        [0, 30, 1_000_000, 1_001_800]
        + [5_000_000 + s for s in (0, 1_801, 1_900, 1_900, 3_700, 4_000, 4_100, 5_900)],
    ]
    items = torch.randint(1, 21, (3, 12), generator=generator)
    times = torch.zeros(3, 12, dtype=torch.int64)
    for row, span in enumerate(spans):
        items[row, : 12 - len(span)] = 0
        times[row, 12 - len(span) :] = start + torch.tensor(span)
    targets = torch.randint(1, 21, (3,), generator=generator)
    noise = torch.randn(3, 8, 8, generator=generator)
    terminal = torch.randn(3, 8, 8, generator=generator)
    r = torch.tensor([5, 1, 3])

    tensors |= {
        "input.items": items.int().numpy(),
        "input.times": times.numpy(),
        "input.lengths": lengths.int().numpy(),
        "input.targets": targets.int().numpy(),
        "input.r": r.int().numpy(),
        "input.noise": noise.numpy(),
        "input.terminal": terminal.numpy(),
        "input.ddimSteps": np.array(ddim_steps(5, 3), dtype=np.int32),
    }
    arguments = (items, times, targets, r, noise.double(), terminal.double())

    model.train()
    out = model.losses(*arguments)
    x, mask = model.condition(items)
    names = dict(z_r="z_r", denoised="denoised", prediction="prediction", h_s="h_s", user="user")
    tensors |= {f"expected.{theirs}": out[ours] for ours, theirs in names.items()}
    tensors |= {f"expected.{n}Loss": out[n][None] for n in ("reconstruction", "tower", "total")}
    tensors |= {
        "expected.sequence": model.sequence(items),
        "expected.sessionMask": model.session_mask(items, times).to(torch.uint8).numpy(),
        "expected.lagBuckets": (model.lag_buckets(times) * (items > 0)).int().numpy(),  # 0 where padded
        "expected.scores": model.scores(out["user"]),
        "expected.ddim": model.sample(x, mask, terminal.double(), ddim_steps(5, 3)),
        "expected.ddpm": model.sample(x, mask, terminal.double(), [5, 4, 3, 2, 1], ancestral=True),
        "expected.oneStep": model.sample(x, mask, terminal.double(), [5]),
    }
    prediction = model.prediction(tensors["expected.ddim"], x)
    tensors["expected.inferenceUser"] = model.user(items, times, prediction)[1]
    tensors |= gradients(model, out["total"])

    # The same weights and inputs under other settings: total loss, its terms, the user vectors.
    variants = {
        "noDrift": dict(drift=False),
        "noStopGradient": dict(stop_gradient=()),
        "stopInputs": dict(stop_gradient=("inputs",)),
        "stopDiffusion": dict(stop_gradient=("inputs", "target")),
        "stopPrediction": dict(stop_gradient=("prediction",)),
        "causal": dict(causal=True),
        "lastPosition": dict(reconstructed="last"),
        "sigmoidWeights": dict(weights="sigmoid"),
        "literalWeights": dict(weights="literal"),
        "lastReadout": dict(readout="last"),
        "lambda10": dict(reconstruction_weight=10.0),
        "ranking": dict(ranking_weight=0.5),
        "terminal": dict(tower_input="terminal"),
        "terminalRanking": dict(tower_input="terminal", ranking_weight=0.5),
        "chain": dict(tower_input="chain"),
        "chainRanking": dict(tower_input="chain", ranking_weight=0.5),
        "residual": dict(residual=True),
        "withoutDiffusion": dict(tower_input="none"),
    }
    for name, change in variants.items():
        variant = T2Diff(T2DiffConfig(**(base | change))).double().train()
        variant.load_state_dict({k: v for k, v in model.state_dict().items() if k in variant.state_dict()})
        result = variant.losses(*arguments)
        tensors[f"variant.{name}.total"] = result["total"][None]
        tensors[f"variant.{name}.user"] = result["user"]
        if "prediction" in result:
            tensors[f"variant.{name}.prediction"] = result["prediction"]
        if "ranking" in result:
            tensors[f"variant.{name}.rankingLoss"] = result["ranking"][None]
        found = gradients(variant, result["total"])
        for parameter in ("items.weight", "denoiser.input.weight"):
            if f"gradient.{parameter}" in found:
                tensors[f"variant.{name}.gradient.{parameter}"] = found[f"gradient.{parameter}"]
    now = times[:, -1] + torch.tensor([0, 7_200, 3])
    tensors["input.now"] = now.numpy()
    tensors["expected.userNow"] = model.losses(*arguments, now)["user"]
    store("t2diff", tensors, {key: str(value) for key, value in base.items()} | {"sessionGap": "1800"})


def multi_interest() -> None:
    width, length, interests = 8, 12, 3
    generator = torch.Generator().manual_seed(6)
    histories = [torch.randint(1, 21, (n,), generator=generator).tolist() for n in (1, 3, 5, 12)]
    targets = torch.randint(1, 21, (4,), generator=generator).tolist()
    tensors: dict = {
        "input.items": np.array([[0] * (length - len(h)) + h for h in histories], dtype=np.int32),
        "input.lengths": np.array([len(h) for h in histories], dtype=np.int32),
        "input.targets": np.array(targets, dtype=np.int32),
    }

    def routing(maps: str, mind: bool = False) -> several.Routing:
        return several.Routing(width, interests, length, maps, normal=mind, adaptive=mind)

    models = {
        "sa": several.MultiInterest(20, width, "attention", several.Attention(width, 16, interests, length)),
        "dr": several.MultiInterest(20, width, "routing", routing("interest")),
        "drPosition": several.MultiInterest(20, width, "routing", routing("position")),
        "mind": several.MultiInterest(20, width, "routing", routing("shared", mind=True)),
        "mindSoft": several.MultiInterest(20, width, "routing", routing("shared", mind=True), power=2, layer=True),
    }
    for seed, (name, model) in enumerate(models.items(), 7):
        found: dict = randomise(model, seed)
        if name.startswith("mind"):
            start = torch.randn(interests, length, generator=generator)
            model.routing.start.copy_(start)
            found["weight.routing.start"] = start.numpy().copy()
        users = [model.interests(h) for h in histories]
        loss = model.loss(histories, targets)
        found |= {
            # An interest that a history does not have repeats the first (M6).
            "expected.user": torch.stack([torch.cat([u, u[:1].expand(interests - len(u), -1)]) for u in users]),
            "expected.chosen": torch.stack([model.chosen(h, t) for h, t in zip(histories, targets)]),
            "expected.scores": torch.stack([model.scores(h) for h in histories]),
            "expected.loss": loss[None],
        }
        found |= gradients(model, loss)
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    store("multi-interest", tensors, {"width": "8", "length": "12", "interests": "3", "hidden": "16", "items": "20"})


def dimerec() -> None:
    generator = torch.Generator().manual_seed(21)
    steps, length, width = 4, 6, 8
    histories = [torch.randint(1, 13, (n,), generator=generator).tolist() for n in (1, 2, 4, 6)]
    targets = torch.randint(1, 13, (4,), generator=generator).tolist()
    t = [4, 1, 3, 2]
    # Stream 0 noises the target, stream T + 1 starts the reverse process, stream t leaves step t.
    normals = torch.randn(steps + 2, 4, width, generator=generator)
    tensors: dict = {
        "input.items": np.array([[0] * (length - len(h)) + h for h in histories], dtype=np.int32),
        "input.lengths": np.array([len(h) for h in histories], dtype=np.int32),
        "input.targets": np.array(targets, dtype=np.int32),
        "input.t": np.array(t, dtype=np.int32),
        "input.normals": normals.numpy(),
    }
    normals = normals.double()
    variants = {
        "selfAttentive": {},
        "routed": dict(guidance="routed", guidance_loss=0.5, ranking=2.0, reconstruction=1.0),
        "sasrec": dict(guidance="sasrec", blocks=1),
        "mlp": dict(guidance="mlp"),
        "rule": dict(guidance="rule"),
        "encoded": dict(blocks=1, residual=True, walk_scale="quarter-turn", ranked_state="terminal", learns_temperature=True),
        "literal": dict(sphere="literal", walk_scale="literal"),
        "euclidean": dict(sphere="none", walk="euclidean"),
        "euclideanUnit": dict(walk="euclidean"),
    }
    for seed, (name, change) in enumerate(variants.items(), 22):
        model = DimeRec(DimeRecConfig(**change))
        found: dict = randomise(model, seed)
        out = model.losses(histories, targets, t, normals[0], normals[steps + 1])
        found |= {f"expected.{key}": out[key] for key in ("interests", "estimate")}
        found |= {f"expected.{key}": out[key].mean()[None] for key in ("guidance", "ranking", "error")}
        found["expected.total"] = out["total"][None]
        for kind, visited in (("ddpm", [4, 3, 2, 1]), ("ddim", [4, 2, 1]), ("oneStep", [4])):
            found[f"expected.{kind}"] = torch.stack(
                [
                    model.reverse(h, normals[steps + 1, row], normals[:, row], visited, kind == "ddpm")
                    for row, h in enumerate(histories)
                ]
            )
        found |= gradients(model, out["total"])
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    store("dimerec", tensors, {"width": "8", "length": "6", "interests": "3", "items": "12", "steps": "4"})


def euclidean() -> None:
    width, length, items, steps = 8, 6, 20, 4
    generator = torch.Generator().manual_seed(8)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    histories = [torch.randint(1, items + 1, (n,), generator=generator).tolist() for n in (1, 3, 6)]
    targets = torch.randint(1, items + 1, (3,), generator=generator).tolist()
    t = [4, 1, 2]
    noise, start = normal(3, width), normal(3, width)
    chain = {step: normal(3, width) for step in range(2, steps + 1)}
    shared: dict = {
        "input.items": np.array([h + [0] * (length - len(h)) for h in histories], dtype=np.int32),
        "input.lengths": np.array([len(h) for h in histories], dtype=np.int32),
        "input.targets": np.array(targets, dtype=np.int32),
        "input.t": np.array(t, dtype=np.int64),
        "input.noise": noise,
        "input.start": start,
    } | {f"input.chain.{step}": drawn for step, drawn in chain.items()}
    rows = range(3)

    def walked(reverse: euclid.Reverse, denoise) -> dict:
        """One row's chains of each kind. denoise(row) gives a function of the state and the step."""
        def each(walk) -> torch.Tensor:
            return torch.stack([walk(row, start[row].double(), denoise(row)) for row in rows])

        return {
            "expected.ddpm": each(
                lambda row, x, f: reverse.ancestral(x, {s: n[row].double() for s, n in chain.items()}, f)
            ),
            "expected.ddim": each(lambda row, x, f: reverse.implicit(x, ddim_steps(steps, 3), f)),
            "expected.oneStep": each(lambda row, x, f: f(x, steps)),
        }

    # The second row's guidance is replaced: its number is below the 0.1 quantile.
    condition = torch.tensor([[0.5], [-1.4], [-1.2]])
    tensors = shared | {"input.condition": condition}
    beta = torch.from_numpy(betas("variancePreserving", steps))
    for seed, (name, change) in enumerate(
        {"linear": {}, "mlp": dict(deep=True), "normalised": dict(normalised=True)}.items(), 20
    ):
        model = euclid.DreamRec(items, width, length, 16, beta, **change)
        found: dict = randomise(model, seed)
        estimates = [
            model.estimate(histories[i], targets[i], t[i], noise[i].double(), bool(condition[i] < -1.2816))
            for i in rows
        ]
        clean = model.table()[targets]
        reconstruction = ((torch.stack(estimates) - clean) ** 2).mean()
        ranking = euclid.cross_entropy(estimates, model.table(), targets)
        found |= {
            "expected.guidance": torch.stack([model.guidance(h) for h in histories]),
            "expected.reconstruction": reconstruction[None],
            "expected.ranking": ranking[None],
            "expected.estimate": torch.stack(estimates),
        }
        for weight in (0.0, 2.0):
            chains = walked(model.reverse, lambda row: model.guided(histories[row], weight))
            found |= {f"{key}.{weight:.0f}": value for key, value in chains.items()}
        found |= gradients(model, reconstruction)
        found |= {f"ranked.{key}": value for key, value in gradients(model, reconstruction + 0.5 * ranking).items()}
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    store("dreamrec", tensors, {"width": "8", "length": "6", "hidden": "16", "steps": "4", "items": "20"})

    # Lambda's own normal numbers, one for each item and feature: for training and for each step.
    lambdas = {step: normal(3, length, width) for step in range(steps + 1)}
    tensors = shared | {f"input.lambda.{step}": drawn for step, drawn in lambdas.items()}
    beta = torch.from_numpy(betas("truncatedLinear", steps))
    for seed, (name, change) in enumerate(
        {"plain": {}, "positions": dict(positions=True), "paper": dict(columns=length)}.items(), 30
    ):
        model = euclid.DiffuRec(items, width, length, 2, 16, 2, beta, mean=0.3, deviation=0.2, **change)
        found = randomise(model, seed)
        if name == "paper":  # the vector of padding is an ordinary one there
            with torch.no_grad():
                model.items.weight[0] = torch.linspace(-0.5, 0.4, width)
            found["weight.items.weight"][0] = np.linspace(-0.5, 0.4, width)
        table = model.items.weight
        estimates = [
            model.rebuild(
                histories[i],
                model.reverse.noised(table[targets[i]], t[i], noise[i].double()),
                t[i],
                lambdas[0][i].double(),
            )
            for i in rows
        ]
        loss = euclid.cross_entropy(estimates, table, targets)
        found |= {"expected.estimate": torch.stack(estimates), "expected.loss": loss[None]}
        found |= walked(
            model.reverse,
            lambda row: lambda x, step: model.rebuild(histories[row], x, step, lambdas[step][row].double()),
        )
        found |= gradients(model, loss)
        tensors |= {f"{name}.{key}": value for key, value in found.items()}
    sizes = {"width": "8", "length": "6", "hidden": "16", "heads": "2", "blocks": "2", "steps": "4", "items": "20"}
    store("diffurec", tensors, sizes | {"mean": "0.3", "deviation": "0.2"})


# ---- Schedules, float64 ----------------------------------------------------------------------------------------


# Click models: 10 items of 3 categories, widths of 4, histories of up to 7, 3 kept.
RANKING = {
    "dare": ("dare", {"attentionWidth": 6}),
    "dareAges": ("dare", {"attentionWidth": 4, "ages": True}),
    "dareNotAware": ("dare", {"attentionWidth": 4, "targetAware": False}),
    "twin": ("twin", {}),
    "twinHard": ("twin", {"search": "hard"}),
    "twinLinear": ("twin", {"projection": ("items", "categories", "places")}),
    "twinCategory": ("twin", {"projection": ("categories",)}),
    "twin4E": ("twin-4e", {}),
    "twinV2": ("twin-v2", {"span": 3}),
    "din": ("din", {"unit": 5}),
    "simSoft": ("sim", {"search": "soft", "ages": True}),
    "simHard": ("sim", {"search": "hard", "ages": True}),
    "eta": ("eta", {"bits": 8}),
    "sdim": ("sdim", {"hashes": 3, "bits": 2}),
}


def ranking_weights(kind: str, options: dict, draw) -> dict[str, torch.Tensor]:
    """Every parameter and buffer of a model by its checkpoint name."""
    width = 4
    attention = options.get("attentionWidth", width)
    counts = {"items": 11, "categories": 4, "places": 8}
    if options.get("ages"):
        counts["ages"] = 41
    holders = {"dare": ("keys", "values"), "twin-4e": ("keys", "queries", "values", "targets")}.get(kind, ("keys",))
    root = "" if kind == "sdim" else "network."
    weights = {}
    for holder in ("encoder",) if kind == "sdim" else holders:
        size = attention if kind == "dare" and holder == "keys" else width
        for feature, count in counts.items():
            weights[f"{root}{holder}.{feature}.table.weight"] = 0.6 * draw(count, size)
    for feature in options.get("projection", ()):
        for holder in ("keys", "values"):
            weights[f"network.{holder}.{feature}.map.first.weight"] = draw(width, width) / 2
    if kind == "din":
        unit = "network.attention.unit."
        weights[unit + "hidden.weight"] = draw(options["unit"], 8 * width) / 4
        weights[unit + "hidden.bias"] = 0.1 * draw(options["unit"])
        weights[unit + "rectifier.slope"] = 0.1 * draw(options["unit"])
        weights[unit + "output.weight"] = 4 * draw(1, options["unit"])
        weights[unit + "output.bias"] = 0.1 * draw(1)
    if kind == "sim" and options["search"] == "soft":
        weights["network.search.product.behaviour.weight"] = draw(2 * width, 2 * width) / 3
        weights["network.search.product.candidate.weight"] = draw(2 * width, 2 * width) / 3
    if kind == "eta":
        weights["network.search.hamming.directions"] = draw(2 * width, options["bits"])
    if kind == "sdim":
        weights["signature.directions"] = draw(2 * width, options["hashes"] * options["bits"])
    size = 3 * width * (3 if options.get("targetAware", True) else 2)
    for name, layers in ((root + "head.", (6, 5)), (root + "auxiliary.", (6,))):
        if kind == "sdim" and "auxiliary" in name:
            continue
        weights[name + "norm.weight"] = 1 + 0.1 * draw(size)
        weights[name + "norm.bias"] = 0.1 * draw(size)
        weights[name + "norm.mean"] = 0.1 * draw(size)
        weights[name + "norm.variance"] = 0.5 + draw(size).abs()
        for layer, (before, after) in enumerate(zip((size, *layers), layers)):
            weights[name + f"layers.{layer}.weight"] = draw(after, before) / math.sqrt(before)
            weights[name + f"layers.{layer}.bias"] = 0.1 * draw(after)
            weights[name + f"rectifiers.{layer}.slope"] = 0.1 * draw(after)
        weights[name + "output.weight"] = draw(1, layers[-1])
        weights[name + "output.bias"] = 0.1 * draw(1)
    return weights


def ranking() -> None:
    generator = torch.Generator().manual_seed(33)
    length, lengths, width = 7, [7, 4, 1, 6], 3
    categories = [0] + [1 + i % 3 for i in range(10)]
    items = np.zeros((4, length), np.int32)
    times = np.zeros((4, length), np.int64)
    requests = []
    for row, count in enumerate(lengths):
        own = torch.randint(1, 11, (count,), generator=generator).tolist()
        gaps = torch.randint(1, 5000, (count,), generator=generator).tolist()
        when = [1_000_000 + sum(gaps[: i + 1]) for i in range(count)]
        items[row, length - count :], times[row, length - count :] = own, when
        candidates = torch.randint(1, 11, (width,), generator=generator).tolist()
        requests.append(
            {"history": list(zip(own, when)), "now": when[-1] + 77 * row, "candidates": candidates, "labels": [1, 0, 0]}
        )
    tensors = {
        "input.items": items,
        "input.times": times,
        "input.lengths": np.array(lengths, np.int32),
        "input.candidates": np.array([r["candidates"] for r in requests], np.int32),
        "input.now": np.array([r["now"] for r in requests], np.int64),
        "input.categories": np.array(categories[1:], np.int32) - 1,
    }
    for name, (kind, given) in RANKING.items():
        options = {"kept": 3, **given}
        drawn = ranking_weights(kind, options, lambda *shape: torch.randn(shape, generator=generator))
        weights = {key: value.double().requires_grad_(not key.endswith(("mean", "variance", "directions")))
                   for key, value in drawn.items()}
        network = Network(kind, options, weights, categories)
        with torch.no_grad():
            logits, _, _ = judge(network, requests, training=False)
        training, others, loss = judge(network, requests, training=True)
        loss.backward()
        tensors |= {f"{name}.weight.{key}": value.numpy() for key, value in drawn.items()}
        tensors |= {f"{name}.gradient.{key}": value.grad for key, value in weights.items() if value.grad is not None}
        tensors |= {f"{name}.expected.logits": logits, f"{name}.expected.training": training,
                    f"{name}.expected.loss": loss.reshape(1)}
        if others is not None:
            tensors[f"{name}.expected.auxiliary"] = others
    store("ranking", tensors, {"source": "reference_ranking.py"})


# Search models: 10 items with two features, widths of 6, histories of up to 7, lists of 1 to 4.
SEARCH = {
    "gs": ("diffusion-gs", {}),
    "gsConcatenated": ("diffusion-gs", {"injection": "concatenated"}),
    "gsCross": ("diffusion-gs", {"injection": "cross-attention"}),
    "gsLearned": ("diffusion-gs", {"gate": "learned"}),
    "gsUngated": ("diffusion-gs", {"gate": "none"}),
    "gsNoNoise": ("diffusion-gs", {"noise": False}),
    "gsMeanSquared": ("diffusion-gs", {"constraint": "mean-squared"}),
    "gsToken": ("diffusion-gs", {"target": "token"}),
    "gsTokenConcatenated": ("diffusion-gs", {"target": "token", "injection": "concatenated"}),
    "sasrec": ("search-sasrec", {"blocks": 2}),
    "simSoft": ("search-sim", {"kept": 3}),
    "simHard": ("search-sim", {"kept": 2, "search": "hard"}),
    "qin": ("qin", {"relevant": 4, "kept": 2}),
    "hstu": ("hstu", {"layers": 2}),
    "mtgr": ("mtgr", {"layers": 2}),
    "mtgrPlain": ("mtgr", {"layers": 2, "groupNorm": False, "crossFeatures": False}),
    "shownOrder": ("shown-order", {"place": 1}),
    "shownRepeats": ("shown-order", {"place": 1, "repeats": 7}),
    "gsCounts": ("diffusion-gs", {"crossFeatures": True}),
}

# Other ways to run the reverse process of "gs" and "gsToken".
SEARCH_CHAINS = {
    "ddpm": {"sampler": "ddpm"},
    "ddim": {"sampler": "ddim", "samplerSteps": 3},
    "clean": {"noisedStart": False},
}


def search_encoder_shapes(width: int, side: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}

    def network(name: str, size: int) -> None:
        shapes[name + ".up.weight"], shapes[name + ".up.bias"] = (2 * width, size), (2 * width,)
        shapes[name + ".down.weight"], shapes[name + ".down.bias"] = (width, 2 * width), (width,)

    tables = {"items": 11, "actions": 7, "places": 8, "ages": 41, "hours": 24, "days": 7, "words": 13, "userIDs": 5}
    shapes |= {f"encoder.{name}.weight": (count, width) for name, count in tables.items()}
    for name, count in {"features.0.vectors": 4, "features.1.vectors": 3, "profiles.0.vectors": 3, "contexts.0": 3}.items():
        shapes[f"encoder.{name}.weight"] = (count, side)
    network("encoder.fusion", width + 2 * side)
    network("encoder.query", width)
    network("encoder.profile", 3 * width + 2 * side)
    for name in ("itemNorm", "queryNorm", "profileNorm"):
        shapes[f"encoder.{name}.weight"] = shapes[f"encoder.{name}.bias"] = (width,)
    shapes["encoder.eventQuery.weight"] = (width, width)
    shapes["encoder.shown.weight"], shapes["encoder.shown.bias"] = (width, 2), (width,)
    return shapes


def search_shapes(kind: str, o: dict) -> dict[str, tuple[int, ...]]:
    """What a model has besides its encoder."""
    width, heads, shapes = 6, 2, {}

    def linear(name: str, size: int, out: int, bias: bool = True) -> None:
        shapes[name + ".weight"] = (out, size)
        if bias:
            shapes[name + ".bias"] = (out,)

    def norm(name: str) -> None:
        shapes[name + ".weight"] = shapes[name + ".bias"] = (width,)

    def network(name: str, hidden: int) -> None:
        linear(name + ".up", width, hidden)
        linear(name + ".down", hidden, width)

    def judge(name: str, is_own: bool) -> None:
        linear(name + ".shared", width * (2 if is_own else 3), 6)
        linear(name + ".own", width * (4 if is_own else 3), 6, bias=False)
        linear(name + ".layers.0", 6, 5)
        linear(name + ".output", 5, 2)

    if kind == "shown-order":
        linear("map", 2 if o.get("repeats") else 1, 2)
        return shapes
    if o.get("crossFeatures", kind == "mtgr"):
        linear("encoder.cross", 6, width, bias=False)
    judge("head", not (kind == "search-sasrec" or kind == "diffusion-gs" and o.get("target") != "token"))
    if kind == "diffusion-gs":
        for name in ("norm", "outputNorm"):
            norm(name)
        for name in ("query", "staticHead", "dynamicHead"):
            linear(name, width, width)
        if o.get("noise", True):
            network("step", 4 * width)
        for number in range(o["layers"]):
            name = f"layers.{number}."
            norm(name + "norm")
            norm(name + "feedForwardNorm")
            linear(name + "projection", width, 3 * width)
            linear(name + "output", width, width)
            network(name + "feedForward", 2 * width)
            if o.get("gate") != "none":
                linear(name + "gate", width if o.get("gate") == "learned" else 2 * width, heads)
    if kind == "search-sasrec":
        norm("norm")
        for number in range(o["blocks"]):
            name = f"blocks.{number}."
            norm(name + "attentionNorm")
            norm(name + "feedForwardNorm")
            linear(name + "attention.projection", width, 3 * width)
            linear(name + "attention.output", width, width)
            network(name + "feedForward", 4 * width)
    if kind == "search-sim":
        for name in ("query", "key", "value"):
            linear("attention." + name, width, width, bias=False)
        if o.get("search") != "hard":
            judge("auxiliary", True)
    if kind == "search-sim" and o.get("search") != "hard" or kind == "qin":
        for stage in ("relevance", "similarity") if kind == "qin" else ("search",):
            linear(stage + ".behaviour", width, width, bias=False)
            linear(stage + ".candidate", width, width, bias=False)
    if kind == "qin":
        shapes["engagement.weight"] = (7, 2)
        linear("mixture", 2 * width, width)
    if kind in ("hstu", "mtgr"):
        norm("norm")
        grouped = kind == "mtgr" and o.get("groupNorm", True)
        for number in range(o["layers"]):
            name, is_last = f"layers.{number}.", number + 1 == o["layers"]
            linear(name + "projection", width, 4 * width)
            linear(name + "output", width, width)
            shapes[name + "places.weight"] = (7 + (4 if kind == "mtgr" else 3), heads)
            shapes[name + "gaps.weight"] = (40, heads)
            for group in (".byGroup.0", ".byGroup.1", ".byGroup.2") if grouped else (".same",):
                norm(name + "norm" + group)
            for group in (".byGroup.0", ".byGroup.1", ".byGroup.2") if grouped and not is_last else (".same",):
                norm(name + "mixedNorm" + group)
    return shapes


TABLES = ("items", "actions", "places", "ages", "hours", "days", "words", "userIDs", "vectors", "engagement", "gaps")


def search_draw(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    drawn = torch.randn(shape, generator=generator)
    if len(shape) == 1:
        return 0.1 * drawn + (1.0 if name.endswith("weight") else 0.0)
    return 0.5 * drawn if name.split(".")[-2] in TABLES or ".contexts." in name else drawn / math.sqrt(shape[1])


def search_requests(generator: torch.Generator) -> list[dict]:
    """Long, short, empty, without a query; one person who is not known, lists of different lengths."""
    now = 1_700_000_000

    def some(low: int, high: int, count: int) -> list[int]:
        return torch.randint(low, high + 1, (count,), generator=generator).tolist()

    def request(row: int, user: int, ages: list[int], query: list[int], asked: list[list[int]], width: int) -> dict:
        time = now + 100_003 * row
        events = zip(some(1, 10, len(ages)), ages, some(1, 6, len(ages)), asked)
        shown = torch.randn(width, 2, generator=generator).tolist()
        return {
            "user": user,
            "time": time,
            "query": query,
            "context": [row % 3],
            "history": [{"item": i, "time": time - age, "action": a, "query": q} for i, age, a, q in events],
            "candidates": [
                {"item": item, "click": float(place == row % width), "purchase": float(place == row == 0), "shown": numbers}
                for place, (item, numbers) in enumerate(zip(some(1, 10, width), shown))
            ],
        }

    ages = [9_000_000, 86_400 * 3, 86_399, 4_000, 4_000, 61, 0]
    asked: list[list[int]] = [[], [5, 6], [5, 6], [7], [], [5, 6], [12]]
    return [
        request(0, 0, ages, [5, 6], asked, 3),
        request(1, 2, [500_000, 33], [7, 12, 12], [[9], []], 4),
        request(2, -1, [], [5], [], 2),
        request(3, 3, [31, 15, 7, 3], [], [[], [8, 1], [], []], 1),
    ]


def search_inputs(requests: list[dict], length: int, width: int) -> dict[str, np.ndarray]:
    """The same, padded: history on the left, candidates on the right."""
    queries: list[list[int]] = [[]]

    def row(query: list[int]) -> int:
        if query not in queries:
            queries.append(query)
        return queries.index(query)

    def history(value, kind=np.int32) -> np.ndarray:
        return np.array([[0] * (length - len(r["history"])) + [value(e) for e in r["history"]] for r in requests], kind)

    def listed(key: str, empty, kind) -> np.ndarray:
        rows = [[c[key] for c in r["candidates"]] + [empty] * (width - len(r["candidates"])) for r in requests]
        return np.array(rows, kind)

    found = {
        "items": history(lambda e: e["item"]),
        "times": history(lambda e: e["time"], np.int64),
        "actions": history(lambda e: e["action"]),
        "historyQueries": history(lambda e: row(e["query"])),
        "lengths": np.array([len(r["history"]) for r in requests], np.int32),
        "users": np.array([r["user"] for r in requests], np.int32),
        "requestTimes": np.array([r["time"] for r in requests], np.int64),
        "queries": np.array([row(r["query"]) for r in requests], np.int32),
        "context": np.array([r["context"] for r in requests], np.int32),
        "candidates": listed("item", 0, np.int32),
        "clicks": listed("click", 0, np.float32),
        "purchases": listed("purchase", 0, np.float32),
        "shown": listed("shown", [0, 0], np.float32),
    }
    longest = max(len(query) for query in queries)
    found["tokens"] = np.array([query + [0] * (longest - len(query)) for query in queries], np.int32)
    return {f"input.{key}": value for key, value in found.items()}


def search() -> None:
    # Chains of untrained networks can magnify rounding a thousandfold; with these weights they do not.
    generator = torch.Generator().manual_seed(49)
    length, width, side = 7, 6, 3
    requests = search_requests(generator)
    for request in requests:  # as float32 has them
        for candidate in request["candidates"]:
            candidate["shown"] = np.array(candidate["shown"], np.float32).astype(np.float64).tolist()
    item_features = [[0] + [1 + i % 3 for i in range(10)], [0] + [1 + i // 5 for i in range(10)]]
    user_features = [[0, 1, 2, 2, 1]]
    noise, steps = torch.randn(len(requests), length, width, generator=generator), [3, 1, 5, 2]
    tensors = search_inputs(requests, length, 4) | {"input.noise": noise, "input.steps": np.array(steps, np.int64)}
    for place, codes in enumerate(item_features):
        tensors[f"input.itemFeature.{place}"] = np.array(codes[1:], np.int32) - 1
    tensors["input.userFeature.0"] = np.array(user_features[0][1:], np.int32) - 1
    encoder = {name: search_draw(name, shape, generator) for name, shape in search_encoder_shapes(width, side).items()}
    tensors |= {f"weight.{name}": value.numpy() for name, value in encoder.items()}
    for name, (kind, given) in SEARCH.items():
        options = {"heads": 2, "layers": 4, "steps": 5, "firstBeta": 0.05, "lastBeta": 0.3, "constraintWeight": 0.4,
                   "purchases": 0.7, **given}
        own = {key: search_draw(key, shape, generator) for key, shape in search_shapes(kind, options).items()}
        drawn = own if kind == "shown-order" else encoder | own
        weights = {key: value.double().requires_grad_() for key, value in drawn.items()}
        model = SEARCH_MODELS[kind](kind, options, weights, item_features, user_features)
        with torch.no_grad():
            inference, _ = judge_search(model, requests, noise.double(), None)
        training, terms = judge_search(model, requests, noise.double(), steps)
        sum(terms.values()).backward()
        tensors |= {f"{name}.weight.{key}": value.numpy() for key, value in own.items()}
        tensors |= {f"{name}.gradient.{key}": value.grad for key, value in weights.items()}
        tensors |= {f"{name}.expected.inference": inference, f"{name}.expected.training": training}
        tensors |= {f"{name}.expected.loss.{key}": value.reshape(1) for key, value in terms.items()}
        for chain, change in SEARCH_CHAINS.items() if name in ("gs", "gsToken") else ():
            model.o = options | change
            with torch.no_grad():
                tensors[f"{name}.expected.{chain}"], _ = judge_search(model, requests, noise.double(), None)
    store("search", tensors, {"source": "reference_search.py"})


def betas(name: str, steps: int) -> np.ndarray:
    r = np.arange(1, steps + 1, dtype=np.float64)
    if name == "exponential":  # T2Diff eq 13: beta_r = a exp(b r) with beta_1 = 1e-4, beta_T = 0.2
        b = math.log(0.2 / 1e-4) / (steps - 1)
        return 1e-4 / math.exp(b) * np.exp(b * r)
    if name == "linear":  # beta_r = 1e-4 + (0.2 - 1e-4) (r - 1) / (T - 1)
        return 1e-4 + (0.2 - 1e-4) * (r - 1) / (steps - 1)
    if name == "logarithmic":  # beta_r = 1e-4 + (0.2 - 1e-4) ln(r) / ln(T)
        return 1e-4 + (0.2 - 1e-4) * np.log(r) / math.log(steps)
    if name == "cosine":
        # f(u) = cos^2((u + 0.008) / 1.008 * pi / 2); beta_r = 1 - f(r/T) / f((r-1)/T), kept within [1e-4, 0.9999]
        f = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * math.pi / 2) ** 2
        return np.clip(1 - f[1:] / f[:-1], 1e-4, 0.9999)
    if name == "truncatedLinear":
        # DiffuRec: s = 1000/T; evenly from s 1e-4 + 0.01 to s 0.02 + 0.01 (to s 0.001 + 0.01 where that exceeds 1)
        scale = 1000 / steps
        last = scale * 0.02 + 0.01
        return np.linspace(scale * 1e-4 + 0.01, scale * 0.001 + 0.01 if last > 1 else last, steps)
    if name == "variancePreserving":
        # DreamRec: 1 - exp(-0.1/T - x_r (10 - 0.1) / (2 T^2)), x evenly spaced from 1 to 2T + 1
        x = np.linspace(1, 2 * steps + 1, steps)
        return 1 - np.exp(-0.1 / steps - x * 0.5 * (10 - 0.1) / steps**2)
    raise ValueError(name)


def diffusion() -> None:
    tensors: dict[str, np.ndarray] = {}
    for steps in (10, 50):
        for name in ("exponential", "linear", "logarithmic", "cosine", "truncatedLinear", "variancePreserving"):
            beta = betas(name, steps)
            bar = np.concatenate([[1.0], np.cumprod(1 - beta)])  # alpha-bar_0 = 1
            key = f"{name}.{steps}."
            tensors[key + "beta"] = beta
            tensors[key + "alphaBar"] = bar  # T + 1 values, from 0
            # mean of q(x_{t-1} | x_t, x_0) = clean x_0 + noisy x_t; variance beta-tilde
            tensors[key + "posteriorClean"] = np.sqrt(bar[:-1]) * beta / (1 - bar[1:])
            tensors[key + "posteriorNoisy"] = np.sqrt(1 - beta) * (1 - bar[:-1]) / (1 - bar[1:])
            tensors[key + "posteriorVariance"] = (1 - bar[:-1]) / (1 - bar[1:]) * beta
    torch.testing.assert_close(Schedule(50).betas, torch.from_numpy(tensors["exponential.50.beta"]))

    # One vector through the process: x_t = sqrt(ab_t) x_0 + sqrt(1 - ab_t) eps, and one DDIM step back (eta 0).
    schedule = Schedule(50)
    generator = torch.Generator().manual_seed(5)
    x0, noise, estimate = (torch.randn(2, 3, 4, generator=generator).double() for _ in range(3))
    t = torch.tensor([1, 37])
    tensors["process.clean"], tensors["process.noise"] = x0.float().numpy(), noise.float().numpy()
    tensors["process.estimate"], tensors["process.t"] = estimate.float().numpy(), t.int().numpy()
    noised = schedule.noised(x0, noise, t)
    tensors["process.noised"] = noised.numpy()
    tensors["process.ddim37to20"] = schedule.ddim(noised[1], estimate[1], 37, 20).numpy()
    tensors["process.posteriorMean37"] = schedule.posterior_mean(noised[1], estimate[1], 37).numpy()
    store("diffusion", tensors, {"first": "1e-4", "last": "0.2", "process": "exponential, T = 50"})


if __name__ == "__main__":
    torch.set_num_threads(1)
    sasrec()
    multvae()
    contrast_vae()
    t2diff()
    multi_interest()
    dimerec()
    euclidean()
    backbones(store, gradients)
    ranking()
    search()
    diffusion()
