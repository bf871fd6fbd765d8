# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Click models over long histories, written down naively: one behaviour, one candidate, one request at a time.

`judge(kind, options, weights, inputs)` returns the feature vectors that the heads judge: of the kept behaviours and, where a
model trains it, of the whole history. `weights` are named as in a Cascade checkpoint.
"""

import math

import torch

AGE_BUCKETS = 40


class Network:
    def __init__(self, kind: str, options: dict, weights: dict[str, torch.Tensor], categories: list[int]):
        self.kind, self.options, self.w, self.categories = kind, options, weights, categories
        self.root = "" if kind == "sdim" else "network."

    def table(self, role: str, feature: str) -> torch.Tensor:
        """The rows of a feature's table; a shared table is stored under the first role that has it."""
        for holder in (role, "keys", "values"):
            name = f"{self.root}{holder}.{feature}.table.weight"
            if name in self.w and (holder == role or self.shares(role, holder)):
                return self.w[name]
        raise KeyError((role, feature))

    def shares(self, role: str, holder: str) -> bool:
        if self.kind == "dare":
            return (role, holder) in (("queries", "keys"), ("targets", "values"))
        return self.kind != "twin-4e" and holder == "keys"

    def mapped(self, role: str, feature: str, row: torch.Tensor) -> torch.Tensor:
        holder = {"queries": "keys", "targets": "values"}.get(role, role)
        name = f"{self.root}{holder}.{feature}.map.first.weight"
        return row if name not in self.w else self.w[name] @ row

    def vector(self, role: str, feature: str, number: int) -> torch.Tensor:
        return self.mapped(role, feature, self.table(role, feature)[number])

    def meaning(self, role: str, item: int) -> torch.Tensor:
        return torch.cat([self.vector(role, "items", item), self.vector(role, "categories", self.categories[item])])

    def time(self, role: str, place: int, age: int) -> torch.Tensor:
        vector = self.vector(role, "places", place)
        if self.options.get("ages"):
            vector = vector + self.vector(role, "ages", age)
        return vector


def age_bucket(seconds: int) -> int:
    return 1 + min(int(math.floor(math.log2(max(seconds, 0) + 1))), AGE_BUCKETS - 1)


def softmax(scores: list[torch.Tensor]) -> list[torch.Tensor]:
    return list(torch.softmax(torch.stack(scores), 0)) if scores else []


def signs(vector: torch.Tensor, directions: torch.Tensor) -> list[int]:
    return [1 if float(x) >= 0 else -1 for x in vector.detach() @ directions]


def features(n: Network, history: list[tuple[int, int]], now: int, candidate: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the head and the auxiliary head see for one candidate, from (item, time) pairs in order."""
    role_k, role_q, role_v, role_t = ("encoder",) * 4 if n.kind == "sdim" else ("keys", "queries", "values", "targets")
    behaviours = []  # (item, place, age)
    for index, (item, time) in enumerate(history):
        behaviours.append((item, len(history) - index, age_bucket(now - time)))
    target = torch.cat([n.meaning(role_t, candidate), n.time(role_t, 0, 0)])
    width = len(target)
    values = [torch.cat([n.meaning(role_v, i), n.time(role_v, p, a)]) for i, p, a in behaviours]
    keys = [n.meaning(role_k, i) for i, _, _ in behaviours]
    query = n.meaning(role_q, candidate)

    if n.kind == "sdim":
        directions = n.w["signature.directions"]
        hashes = n.options["hashes"]
        bits = directions.shape[1] // hashes
        wanted = signs(query, directions)
        parts = []
        for h in range(hashes):
            total = torch.zeros(width, dtype=target.dtype)
            for key, value in zip(keys, values):
                own = signs(key, directions)
                if own[h * bits : (h + 1) * bits] == wanted[h * bits : (h + 1) * bits]:
                    total = total + value
            parts.append(total / torch.sqrt((total * total).sum() + 1e-12))
        interest = torch.stack(parts).mean(0)
        seen = torch.cat([target, interest, interest * target])
        return seen, seen

    sizes = [1] * len(behaviours)
    standing = list(range(len(behaviours)))
    if n.kind == "twin-v2":
        span = n.options["span"]
        groups: dict[tuple[int, int], list[int]] = {}
        for index, (item, place, _) in enumerate(behaviours):
            groups.setdefault(((place - 1) // span, n.categories[item]), []).append(index)
        standing = sorted(members[-1] for members in groups.values())
        for members in groups.values():
            mean = torch.stack([keys[m] for m in members]).mean(0)
            for m in members:
                keys[m], sizes[m] = mean, len(members)
                values[m] = torch.cat([mean, values[m][len(mean) :]])

    def score(index: int) -> torch.Tensor:
        _, place, age = behaviours[index]
        if n.kind == "din":
            k = keys[index]
            x = torch.cat([query, k, query - k, query * k])
            unit = "network.attention.unit."
            hidden = n.w[unit + "hidden.weight"] @ x + n.w[unit + "hidden.bias"]
            slope = n.w[unit + "rectifier.slope"]
            hidden = torch.where(hidden > 0, hidden, slope * hidden)
            return (n.w[unit + "output.weight"] @ hidden + n.w[unit + "output.bias"])[0] / len(k)
        moment = n.time(role_k, place, age)
        result = (query @ keys[index]) / math.sqrt(len(query))
        result = result + (n.time(role_q, 0, 0) @ moment) / math.sqrt(len(moment))
        return result + math.log(sizes[index])

    scores = {index: score(index) for index in standing}
    search = n.options.get("search", "soft")
    if n.kind == "eta":
        directions = n.w["network.search.hamming.directions"]
        wanted = signs(query, directions)
        equal = {i: sum(a == b for a, b in zip(signs(keys[i], directions), wanted)) for i in standing}
        order = sorted(standing, key=lambda i: (-equal[i], behaviours[i][1]))
    elif search == "hard":
        same = [i for i in standing if n.categories[behaviours[i][0]] == n.categories[candidate]]
        order = sorted(same, key=lambda i: behaviours[i][1])
    elif n.kind == "sim":
        left = {i: n.w["network.search.product.behaviour.weight"] @ keys[i] for i in standing}
        right = n.w["network.search.product.candidate.weight"] @ query
        products = {i: left[i] @ right for i in standing}
        order = sorted(standing, key=lambda i: -products[i].item())
    else:
        order = sorted(standing, key=lambda i: (-scores[i].item(), behaviours[i][1]))
    kept = order[: n.options["kept"]]

    def weighted(members: list[int], shares: list[torch.Tensor]) -> torch.Tensor:
        total = torch.zeros(width, dtype=target.dtype)
        for m, share in zip(members, shares):
            total = total + share * values[m]
        return total

    def seen(interest: torch.Tensor) -> torch.Tensor:
        return torch.cat([target, interest, interest * target] if n.options.get("targetAware", True) else [target, interest])

    near = weighted(kept, softmax([scores[i] for i in kept]))
    if n.kind == "sim" and search == "soft":
        whole = weighted(standing, [products[i] / len(behaviours) for i in standing])
    else:
        whole = weighted(standing, softmax([scores[i] for i in standing]))
    return seen(near), seen(whole)


def head(w: dict[str, torch.Tensor], prefix: str, rows: torch.Tensor, training: bool) -> torch.Tensor:
    """Batch normalisation, then layers with PReLU: `[M, F]` to `[M]`."""
    mean, variance = w[prefix + "norm.mean"], w[prefix + "norm.variance"]
    if training:
        mean, variance = rows.mean(0), rows.var(0, unbiased=False)
    x = (rows - mean) / torch.sqrt(variance + 1e-5) * w[prefix + "norm.weight"] + w[prefix + "norm.bias"]
    layer = 0
    while prefix + f"layers.{layer}.weight" in w:
        x = x @ w[prefix + f"layers.{layer}.weight"].T + w[prefix + f"layers.{layer}.bias"]
        x = torch.where(x > 0, x, w[prefix + f"rectifiers.{layer}.slope"] * x)
        layer += 1
    return (x @ w[prefix + "output.weight"].T + w[prefix + "output.bias"])[:, 0]


def judge(n: Network, requests: list[dict], training: bool) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Log-odds of every candidate, of the auxiliary head (training), and the loss of both."""
    near, whole, labels = [], [], []
    for request in requests:
        for candidate, label in zip(request["candidates"], request["labels"]):
            a, b = features(n, request["history"], request["now"], candidate)
            near.append(a)
            whole.append(b)
            labels.append(float(label))
    truth = torch.tensor(labels, dtype=torch.float64)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits
    logits = head(n.w, n.root + "head.", torch.stack(near), training)
    loss = loss_of(logits, truth)
    others = None
    if training and n.root + "auxiliary.norm.weight" in n.w:
        others = head(n.w, n.root + "auxiliary.", torch.stack(whole), training)
        loss = loss + loss_of(others, truth)
    return logits, others, loss
