# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Search models written down naively: one request, one candidate, one event at a time.

A request is a dictionary: `user` (from 0, -1 for nobody known), `time`, `query` (tokens), `context` (one value a feature, 0
without one), `history` (events from the oldest: `item`, `time`, `action`, `query`) and `candidates` (`item`, `click`,
`purchase`, `shown`). `judge` gives the log-odds of every candidate and the terms of the loss. Weights are named as in a Cascade
checkpoint. Noise is given: `noise[row][k]` belongs to the event that k others follow.
"""

import math

import torch
from torch.nn.functional import gelu, layer_norm, silu, softplus

AGE_BUCKETS = 40
GAP_BUCKETS = 40

Vector = torch.Tensor


def doubling_bucket(seconds: int, count: int) -> int:
    """0 below one second, then the whole part of log2(seconds + 1), at most count - 1."""
    return min(int(math.floor(math.log2(max(seconds, 0) + 1))), count - 1)


class Model:
    """One of the models: its options, its weights, and the features of items and users (values from 1, by number)."""

    def __init__(self, kind: str, options: dict, weights: dict[str, Vector], item_features: list, user_features: list):
        self.kind, self.o, self.w = kind, options, weights
        self.item_features, self.user_features = item_features, user_features

    # ---- Layers ----

    def linear(self, name: str, x: Vector) -> Vector:
        y = self.w[name + ".weight"] @ x
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def network(self, name: str, x: Vector) -> Vector:
        """GELU, exact, between two maps."""
        return self.linear(name + ".down", gelu(self.linear(name + ".up", x)))

    def norm(self, name: str, x: Vector) -> Vector:
        return layer_norm(x, (len(x),), self.w[name + ".weight"], self.w[name + ".bias"])

    def row(self, name: str, number: int) -> Vector:
        return self.w[f"encoder.{name}.weight"][number]

    # ---- Tokens (reading G8) ----

    def item(self, number: int) -> Vector:
        parts = [self.row("items", number)]
        parts += [self.row(f"features.{f}.vectors", values[number]) for f, values in enumerate(self.item_features)]
        return self.norm("encoder.itemNorm", self.network("encoder.fusion", torch.cat(parts)))

    def query(self, tokens: list[int]) -> Vector:
        total = torch.zeros_like(self.row("words", 0))
        for token in tokens:
            total = total + self.row("words", token)
        return self.norm("encoder.queryNorm", self.network("encoder.query", total / max(len(tokens), 1)))

    def moment(self, time: int) -> list[Vector]:
        """Hour of the day and day of the week in UTC."""
        return [self.row("hours", time // 3600 % 24), self.row("days", time // 86400 % 7)]

    def event(self, event: dict, after: int, now: int) -> Vector:
        """An event that `after` others follow."""
        token = self.item(event["item"]) + self.row("actions", event["action"]) + self.row("places", after + 1)
        token = token + self.row("ages", 1 + doubling_bucket(now - event["time"], AGE_BUCKETS))
        for vector in self.moment(event["time"]):
            token = token + vector
        if "encoder.eventQuery.weight" in self.w:
            token = token + self.linear("encoder.eventQuery", self.query(event["query"]))
        return token

    def events(self, request: dict) -> list[Vector]:
        history = request["history"]
        return [self.event(e, len(history) - 1 - place, request["time"]) for place, e in enumerate(history)]

    def person(self, request: dict) -> Vector:
        user = request["user"] + 1
        parts = self.moment(request["time"])
        if "encoder.userIDs.weight" in self.w:
            parts.append(self.row("userIDs", user))
        parts += [self.row(f"profiles.{f}.vectors", values[user]) for f, values in enumerate(self.user_features)]
        parts += [self.row(f"contexts.{f}", value) for f, value in enumerate(request["context"])]
        return self.norm("encoder.profileNorm", self.network("encoder.profile", torch.cat(parts)))

    def target(self, request: dict, candidate: dict) -> Vector:
        token = self.item(candidate["item"])
        if "encoder.shown.weight" in self.w:
            token = token + self.linear("encoder.shown", torch.tensor(candidate["shown"], dtype=token.dtype))
        if "encoder.cross.weight" in self.w:
            token = token + self.linear("encoder.cross", self.counts(request, candidate["item"]))
        return token

    def counts(self, request: dict, item: int) -> Vector:
        """How often the item and its values occur, in the whole history and under the request's query."""
        found = []
        for value in [lambda number: number] + [values.__getitem__ for values in self.item_features]:
            events = [e for e in request["history"] if value(e["item"]) == value(item)]
            asked = [e for e in events if e["query"] and e["query"] == request["query"]]
            found += [math.log(1 + len(events)), math.log(1 + len(asked))]
        return torch.tensor(found, dtype=torch.float64)

    # ---- Judging (reading G1) ----

    def head(self, name: str, interest: Vector, query: Vector, person: Vector, target: Vector, is_own: bool) -> Vector:
        """Log-odds of a click and a purchase; `is_own` is an interest of the candidate's own."""
        shared = [query, person] if is_own else [interest, query, person]
        own = ([interest] if is_own else []) + [target, target * interest, target * query]
        x = torch.relu(self.linear(name + ".shared", torch.cat(shared)) + self.linear(name + ".own", torch.cat(own)))
        layer = 0
        while f"{name}.layers.{layer}.weight" in self.w:
            x = torch.relu(self.linear(f"{name}.layers.{layer}", x))
            layer += 1
        return self.linear(name + ".output", x)


def attention(scores: list[Vector], values: list[Vector], width: int) -> Vector:
    """Softmax attention by explicit sums; 0 without anything to attend to."""
    total = torch.zeros(width, dtype=torch.float64)
    if scores:
        top = max(score.item() for score in scores)
        shares = [torch.exp(s - top) for s in scores]
        for share, value in zip(shares, values):
            total = total + share / sum(shares) * value
    return total


def best(scores: dict[int, float], count: int) -> list[int]:
    return sorted(sorted(scores, key=lambda place: -scores[place])[:count])


def split(x: Vector, heads: int) -> list[Vector]:
    return list(x.reshape(heads, -1))


# ---- DiffusionGS --------------------------------------------------------------------------------------------------


class Chain:
    """Steps from 1 to T of a linear schedule, in float64."""

    def __init__(self, steps: int, first: float, last: float):
        self.steps = steps
        self.beta = [0.0] + [first + (last - first) * (r - 1) / (steps - 1) for r in range(1, steps + 1)]
        self.bar = [1.0]
        for r in range(1, steps + 1):
            self.bar.append(self.bar[-1] * (1 - self.beta[r]))

    def noised(self, clean: Vector, r: int, noise: Vector) -> Vector:
        return math.sqrt(self.bar[r]) * clean + math.sqrt(1 - self.bar[r]) * noise

    def posterior_mean(self, noisy: Vector, clean: Vector, r: int) -> Vector:
        of_clean = math.sqrt(self.bar[r - 1]) * self.beta[r] / (1 - self.bar[r])
        of_noisy = math.sqrt(1 - self.beta[r]) * (1 - self.bar[r - 1]) / (1 - self.bar[r])
        return of_clean * clean + of_noisy * noisy

    def implicit(self, noisy: Vector, clean: Vector, r: int, after: int) -> Vector:
        noise = (noisy - math.sqrt(self.bar[r]) * clean) / math.sqrt(1 - self.bar[r])
        return math.sqrt(self.bar[after]) * clean + math.sqrt(1 - self.bar[after]) * noise


class DiffusionGS(Model):
    def gates(self, name: str, y: Vector, person: Vector) -> list[Vector]:
        """One gate a head for a key; 1 for all without a gate (readings G2)."""
        kind = self.o.get("gate", "profile")
        if kind == "none":
            return [torch.ones(())] * self.o["heads"]
        u = self.linear(name + ".gate", torch.cat([y, person]) if kind == "profile" else y)
        return list(2 * torch.sigmoid(u))

    def layer(self, name: str, x: list[Vector], person: Vector, query: Vector | None) -> list[Vector]:
        """The user-aware layer over real tokens; with a query, that query asks instead of the tokens (reading G9)."""
        heads, n, width = self.o["heads"], len(x), len(person)
        normed = [self.norm(name + ".norm", token) for token in x]
        q, k, v = [], [], []
        for y in normed:
            parts = self.linear(name + ".projection", y).reshape(3, heads, width // heads)
            q.append(parts[0])
            k.append(parts[1])
            v.append(parts[2])
        gates = [self.gates(name, y, person) for y in normed]
        found = []
        for i in range(n):
            by_head = []
            for h in range(heads):
                if query is None:  # row i of (Q K^T / n * U) V
                    total = torch.zeros(width // heads, dtype=torch.float64)
                    for j in range(n):
                        total = total + (q[i][h] @ k[j][h]) / n * gates[j][h] * v[j][h]
                else:  # what event i adds to the sum over all events
                    total = (split(query, heads)[h] @ k[i][h]) * gates[i][h] * v[i][h]
                by_head.append(total)
            y = x[i] + self.linear(name + ".output", torch.cat(by_head))
            found.append(y + self.network(name + ".feedForward", self.norm(name + ".feedForwardNorm", y)))
        return found

    def step(self, r: int, width: int) -> Vector:
        half = width // 2
        angles = [r * math.exp(-math.log(10_000) * i / half) for i in range(half)]
        wave = torch.tensor([math.sin(a) for a in angles] + [math.cos(a) for a in angles], dtype=torch.float64)
        return self.linear("step.down", silu(self.linear("step.up", wave)))

    def denoise(self, noisy: list[Vector], r: int | None, query: Vector, person: Vector) -> list[tuple[Vector, Vector]]:
        """The static and the dynamic part of every clean token."""
        x = noisy if r is None else [token + self.step(r, len(person)) for token in noisy]
        injection, layers = self.o.get("injection", "additive"), self.o["layers"]
        if injection == "concatenated":
            x = x + [query]
        for number in range(layers):
            if injection == "additive" and number == layers // 2:
                x = [token + query for token in x]
            crosses = injection == "cross-attention" and number == layers - 1
            x = self.layer(f"layers.{number}", x, person, query if crosses else None)
        out = [self.norm("outputNorm", token) for token in x[: len(noisy)]]
        return [(self.linear("staticHead", y), self.linear("dynamicHead", y)) for y in out]

    def parts(self, clean: list[Vector], noise: list[Vector], r: int | None, query: Vector, person: Vector):
        """Training denoises one step `r`; inference (None) runs the chain that the options name."""
        if not self.o.get("noise", True):
            return self.denoise(clean, None, query, person)
        chain = Chain(self.o["steps"], self.o["firstBeta"], self.o["lastBeta"])
        if r is not None:
            return self.denoise([chain.noised(c, r, e) for c, e in zip(clean, noise)], r, query, person)
        if not self.o.get("noisedStart", True):
            noise = [torch.zeros_like(e) for e in noise]
        x = [chain.noised(c, chain.steps, e) for c, e in zip(clean, noise)]
        kind = self.o.get("sampler", "one-step")
        visited = [chain.steps]
        if kind == "ddpm":
            visited = list(range(chain.steps, 0, -1))
        elif kind == "ddim":
            count = self.o["samplerSteps"]
            visited = [chain.steps * (count - i) // count for i in range(count)]
        for place, r in enumerate(visited):
            found = self.denoise(x, r, query, person)
            if place + 1 == len(visited):
                return found
            after = visited[place + 1]
            x = [
                chain.posterior_mean(state, s + d, r) if kind == "ddpm" else chain.implicit(state, s + d, r, after)
                for state, (s, d) in zip(x, found)
            ]

    def deviation(self, clean: Vector, parts: tuple[Vector, Vector]) -> Vector:
        """How far the sum of the parts is from the clean token, which learns nothing from it (eq 12, reading G4)."""
        found, wanted = parts[0] + parts[1], clean.detach()
        if self.o.get("constraint", "divergence") == "mean-squared":
            return ((found - wanted) ** 2).mean()
        p, q = torch.softmax(found, 0), torch.softmax(wanted, 0)
        return (p * torch.log(p / q)).sum()

    def judge(self, request: dict, noise: Vector, r: int | None) -> tuple[list[Vector], dict[str, list[Vector]]]:
        person, asked = self.person(request), self.query(request["query"])
        query = self.linear("query", asked)
        clean = [self.norm("norm", token) for token in self.events(request)]
        drawn = [noise[len(clean) - 1 - place] for place in range(len(clean))]
        targets = [self.target(request, c) for c in request["candidates"]]
        is_token = self.o.get("target", "interaction") == "token"
        sequences = [clean + [self.norm("norm", t)] for t in targets] if is_token else [clean]
        logits, deviations = [], []
        interests = []
        for sequence in sequences:
            found = self.parts(sequence, drawn + [torch.zeros_like(person)] * is_token, r, query, person)
            deviations += [self.deviation(c, p) for c, p in zip(sequence, found)]
            total = torch.zeros_like(person)
            for _, dynamic in found:
                total = total + dynamic
            interests.append(total / max(len(found), 1))
        for place, target in enumerate(targets):
            interest = interests[place if is_token else 0]
            logits.append(self.head("head", interest, asked, person, target, is_token))
        return logits, {"constraint": deviations}


# ---- Rivals -------------------------------------------------------------------------------------------------------


class SearchSASRec(Model):
    """A causal Transformer whose last token is the query (reading G11)."""

    def judge(self, request: dict, *_) -> tuple[list[Vector], dict]:
        person, asked, heads = self.person(request), self.query(request["query"]), self.o["heads"]
        x = self.events(request) + [asked]
        width = len(person)
        for number in range(self.o["blocks"]):
            name = f"blocks.{number}"
            parts = [
                self.linear(name + ".attention.projection", self.norm(name + ".attentionNorm", token)).reshape(3, heads, -1)
                for token in x
            ]
            after = []
            for i, token in enumerate(x):
                mixed = []
                for h in range(heads):
                    scores = [parts[i][0, h] @ parts[j][1, h] / math.sqrt(width // heads) for j in range(i + 1)]
                    mixed.append(attention(scores, [parts[j][2, h] for j in range(i + 1)], width // heads))
                y = token + self.linear(name + ".attention.output", torch.cat(mixed))
                after.append(y + self.network(name + ".feedForward", self.norm(name + ".feedForwardNorm", y)))
            x = after
        interest = self.norm("norm", x[-1])
        return [self.head("head", interest, asked, person, self.target(request, c), False) for c in request["candidates"]], {}


class SearchSIM(Model):
    """Behaviours are searched for by the candidate, then attended to (reading G12)."""

    def judge(self, request: dict, *_) -> tuple[list[Vector], dict]:
        person, asked, heads = self.person(request), self.query(request["query"]), self.o["heads"]
        tokens, width = self.events(request), len(person)
        logits, others = [], []
        for candidate in request["candidates"]:
            target = self.target(request, candidate)
            if self.o.get("search", "soft") == "soft":
                wanted = self.linear("search.candidate", target)
                products = [wanted @ self.linear("search.behaviour", token) for token in tokens]
                ranking = {place: product.item() for place, product in enumerate(products)}
                whole = attention([p / math.sqrt(width) for p in products], tokens, width)
                others.append(self.head("auxiliary", whole, asked, person, target, True))
            else:
                kinds = self.item_features[0]
                ranking = {
                    place: float(place)
                    for place, event in enumerate(request["history"])
                    if kinds[event["item"]] == kinds[candidate["item"]]
                }
            kept = best(ranking, self.o["kept"])
            q = split(self.linear("attention.query", target), heads)
            mixed = []
            for h in range(heads):
                keys = [split(self.linear("attention.key", tokens[place]), heads)[h] for place in kept]
                values = [split(self.linear("attention.value", tokens[place]), heads)[h] for place in kept]
                mixed.append(attention([q[h] @ k / math.sqrt(len(k)) for k in keys], values, width // heads))
            logits.append(self.head("head", torch.cat(mixed), asked, person, target, True))
        return logits, {"auxiliary": others} if others else {}


class QIN(Model):
    """What fits the query, of that what fits the candidate, then two attentions in one (reading G13)."""

    def judge(self, request: dict, *_) -> tuple[list[Vector], dict]:
        person, asked = self.person(request), self.query(request["query"])
        tokens, width = self.events(request), len(person)
        scale = math.sqrt(width)
        wanted = self.linear("relevance.candidate", asked)
        fitting = [wanted @ self.linear("relevance.behaviour", token) / scale for token in tokens]
        relevant = best({place: score.item() for place, score in enumerate(fitting)}, self.o["relevant"])
        logits = []
        for candidate in request["candidates"]:
            target = self.target(request, candidate)
            wanted = self.linear("similarity.candidate", target)
            content = [wanted @ self.linear("similarity.behaviour", token) / scale for token in tokens]
            kept = best({place: content[place].item() for place in relevant}, self.o["kept"])
            found = []
            for view in range(2):
                scores = []
                for place in kept:
                    event = request["history"][place]
                    depth = self.w["engagement.weight"][event["action"], view]
                    same = self.row("items", candidate["item"]) @ self.row("items", event["item"])
                    scores.append((same if view == 0 else content[place]) + fitting[place] + depth)
                found.append(attention(scores, [tokens[place] for place in kept], width))
            interest = self.linear("mixture", torch.cat(found))
            logits.append(self.head("head", interest, asked, person, target, True))
        return logits, {}


class HSTU(Model):
    """Pointwise attention over [person (MTGR),] history, query and one candidate, which is the last token (G14, G15)."""

    def normed(self, name: str, group: str, x: Vector) -> Vector:
        groups = {"person": 0, "history": 1, "candidate": 2}
        own = f"{name}.byGroup.{groups[group]}"
        return self.norm(own if own + ".weight" in self.w else name + ".same", x)

    def layer(self, name: str, x: list[Vector], groups: list[str], times: list[int]) -> list[Vector]:
        heads, width = self.o["heads"], len(x[0])
        furthest = len(self.w[name + ".places.weight"]) - 1
        parts = [
            silu(self.linear(name + ".projection", self.normed(name + ".norm", group, token))).reshape(4, -1)
            for token, group in zip(x, groups)
        ]
        after = []
        for i, group in enumerate(groups):
            seen = [j for j in range(len(x)) if j <= i]
            # Each sequence token divides by the sequence's length; the candidate makes it one longer.
            n = len(x) if group == "candidate" else len(x) - 1
            mixed = torch.zeros(heads, width // heads, dtype=torch.float64)
            for j in seen:
                far = furthest if "person" in (group, groups[j]) else min(i - j, furthest)
                gap = doubling_bucket(times[i] - times[j], GAP_BUCKETS)
                for h in range(heads):
                    bias = self.w[name + ".places.weight"][far, h] + self.w[name + ".gaps.weight"][gap, h]
                    score = split(parts[i][2], heads)[h] @ split(parts[j][3], heads)[h] + bias
                    mixed[h] = mixed[h] + silu(score) / n * split(parts[j][1], heads)[h]
            y = self.normed(name + ".mixedNorm", group, mixed.reshape(-1)) * parts[i][0]
            after.append(x[i] + self.linear(name + ".output", y))
        return after

    def judge(self, request: dict, *_) -> tuple[list[Vector], dict]:
        person, asked = self.person(request), self.query(request["query"])
        history, now = self.events(request), request["time"]
        times = [event["time"] for event in request["history"]] + [now, now]
        groups = ["history"] * (len(history) + 1) + ["candidate"]
        before = []
        if self.kind == "mtgr":
            before, times, groups = [person], [now] + times, ["person"] + groups
        logits = []
        for candidate in request["candidates"]:
            target = self.target(request, candidate)
            x = before + history + [asked, target]
            for number in range(self.o["layers"]):
                x = self.layer(f"layers.{number}", x, groups, times)
            logits.append(self.head("head", self.norm("norm", x[-1]), asked, person, target, True))
        return logits, {}


class ShownOrder(Model):
    """A logistic regression on one number of the list, and on whether the candidate is in the history."""

    def judge(self, request: dict, *_) -> tuple[list[Vector], dict]:
        place, met = self.o["place"], {event["item"] for event in request["history"]}
        logits = []
        for candidate in request["candidates"]:
            numbers = [candidate["shown"][place]]
            if self.o.get("repeats", 0) > 0:
                numbers.append(float(candidate["item"] in met))
            logits.append(self.linear("map", torch.tensor(numbers, dtype=torch.float64)))
        return logits, {}


MODELS = {
    "diffusion-gs": DiffusionGS,
    "search-sasrec": SearchSASRec,
    "search-sim": SearchSIM,
    "qin": QIN,
    "hstu": HSTU,
    "mtgr": HSTU,
    "shown-order": ShownOrder,
}


def cross_entropy(logits: list[Vector], labels: list[float]) -> Vector:
    total = torch.zeros((), dtype=torch.float64)
    for logit, label in zip(logits, labels):
        total = total + softplus(logit) - label * logit
    return total / len(logits)


def judge(model: Model, requests: list[dict], noise: Vector, steps: list[int] | None):
    """Log-odds `[M, 2]` of all candidates one after another, and the weighted terms of the loss.

    Training denoises request i at `steps[i]`; without steps it is inference.
    """
    logits, clicks, purchases = [], [], []
    further: dict[str, list[Vector]] = {}
    for row, request in enumerate(requests):
        found, terms = model.judge(request, noise[row], steps[row] if steps else None)
        logits += found
        clicks += [c["click"] for c in request["candidates"]]
        purchases += [c["purchase"] for c in request["candidates"]]
        for name, values in terms.items():
            further.setdefault(name, []).extend(values)
    weight = model.o["purchases"]

    def both(judged: list[Vector]) -> tuple[Vector, Vector]:
        """The click and the weighted purchase term."""
        return (
            cross_entropy([x[0] for x in judged], clicks),
            weight * cross_entropy([x[1] for x in judged], purchases),
        )

    terms = dict(zip(("click", "purchase"), both(logits)))
    if "constraint" in further:
        mean = torch.stack(further["constraint"]).mean()
        terms["constraint"] = model.o["constraintWeight"] * mean
    if "auxiliary" in further:
        terms["auxiliary"] = sum(both(further["auxiliary"]))
    return torch.stack(logits), terms
