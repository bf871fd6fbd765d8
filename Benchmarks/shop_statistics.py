# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""What hand-made summaries of a history are worth in the world `shop`: a yardstick for models of personalised search.

    python3 shop_statistics.py DATASET [--epochs 15]

DATASET is a directory of `cascade data simulate --world shop`. Every shown item becomes some twenty numbers: how often
such items were clicked for such a query in training, the place, how often this person chose its style in its department,
how far its price is from those that they chose. A logistic regression and a small network are fitted to the clicks of all
but the last two requests of each user, the network's epoch is chosen on the second last, and the AUC of clicks on the last
is printed. It knows which features matter, as a model of the toolkit does not; it knows no taste and no budget, as the best
possible score does. Needs torch and numpy.
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np
import torch

DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U8": np.uint8}
VIEW = 0  # the action that is no choice when it has a query
STYLE_PRIOR, PRICE_PRIOR, RATE_PRIOR = 6.0, 3.0, 30.0  # events that were not seen, at the mean of all
FORGETTING = 0.97  # how much of a taste is left at the next request


class Shop:
    """The columns of a data set directory."""

    def __init__(self, directory: Path):
        path = directory / "columns.safetensors"
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(size))
        data = np.memmap(path, mode="r", offset=8 + size)

        def column(name: str) -> np.ndarray:
            entry = header[name]
            values = data[slice(*entry["data_offsets"])].view(DTYPES[entry["dtype"]])
            return values.astype(int) if values.dtype.kind in "iu" else np.array(values)

        self.category, self.department, self.style, self.price = (
            column(f"item.{name}.values") for name in ("category", "department", "style", "price")
        )
        self.items, self.queries, self.offsets = (column(name) for name in ("items", "queries", "offsets"))
        self.chosen = (column("actions") != VIEW) | (self.queries < 0)
        self.users, self.ends, self.query, self.lists, self.shown = (
            column(f"requests.{name}") for name in ("users", "ends", "queries", "offsets", "items")
        )
        self.clicked = (column("requests.outcomes") > 0).astype(np.float32)
        self.rank, self.device = column("requests.shown.rank"), column("request.device.values")
        # The request of each shown item, and how many requests of its user come after.
        self.request = np.repeat(np.arange(len(self.users)), np.diff(self.lists))
        counts = np.bincount(self.users)
        place = np.arange(len(self.users)) - np.concatenate([[0], np.cumsum(counts)[:-1]])[self.users]
        self.later = (counts[self.users] - 1 - place)[self.request]


def click_rates(shop: Shop, key: np.ndarray) -> np.ndarray:
    """The log-odds of a click for each key, in training."""
    known = shop.later >= 2
    mean = shop.clicked[known].mean()
    shows = np.bincount(key[known], minlength=key.max() + 1)
    clicks = np.bincount(key[known], weights=shop.clicked[known], minlength=key.max() + 1)
    rate = (clicks + RATE_PRIOR * mean) / (shows + RATE_PRIOR)
    return np.log(rate / (1 - rate))[key]


def of_histories(shop: Shop) -> list[np.ndarray]:
    """What each shown item has to do with what its user did before: taste, refusals, departments, prices, categories."""
    departments, styles = shop.department.max() + 1, shop.style.max() + 1
    usual = np.zeros((departments, styles))
    np.add.at(usual, (shop.department[shop.items], shop.style[shop.items]), 1)
    usual /= usual.sum(1, keepdims=True)
    taste, refused, seen, price, category = (np.zeros(len(shop.shown)) for _ in range(5))
    user, start = -1, 0
    for request, owner in enumerate(shop.users):
        if owner != user:
            user, start = owner, shop.offsets[owner]
            chosen, left = np.zeros((departments, styles)), np.zeros((departments, styles))
            categories, prices, events = np.zeros(shop.category.max() + 1), 0.0, 0
            row = start
        end = start + shop.ends[request] if shop.ends[request] < start else shop.ends[request]
        chosen, left = chosen * FORGETTING, left * FORGETTING
        items, is_choice = shop.items[row:end], shop.chosen[row:end]
        for table, part in ((chosen, items[is_choice]), (left, items[~is_choice])):
            np.add.at(table, (shop.department[part], shop.style[part]), 1)
        np.add.at(categories, shop.category[items[is_choice]], 1)
        prices, events, row = prices + shop.price[items[is_choice]].sum(), events + is_choice.sum(), end
        where = slice(shop.lists[request], shop.lists[request + 1])
        shown = shop.shown[where]
        d, s = shop.department[shown], shop.style[shown]
        total = chosen[d].sum(1)
        taste[where] = np.log((chosen[d, s] / usual[d, s] + STYLE_PRIOR) / (total + STYLE_PRIOR))
        refused[where] = np.log1p(left[d, s]) - np.log1p(chosen[d, s])
        seen[where] = np.log1p(total)
        price[where] = (prices + 4.5 * PRICE_PRIOR) / (events + PRICE_PRIOR)  # 4.5 is the middle of ten
        category[where] = np.log1p(categories[shop.category[shown]])
    own = shop.price[shop.shown].astype(float)
    gap = own - price
    return [taste, taste * seen, refused, seen, own, np.abs(gap), gap**2, price, own * price, category]


def of_items(shop: Shop) -> list[np.ndarray]:
    """What is known of each shown item without its user."""
    asked = shop.query[shop.request] * (shop.category.max() + 1) + shop.category[shop.shown]
    styled = asked * (shop.style.max() + 1) + shop.style[shop.shown]
    device = shop.device[shop.request]
    rates = [click_rates(shop, key) for key in (asked, styled, shop.shown)]
    return rates + [shop.rank] + [(device == value).astype(float) for value in np.unique(device)]


def auc(clicked: np.ndarray, scores: np.ndarray) -> float:
    """The area under the curve; scores of a network have no ties to speak of."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores)] = np.arange(1, len(scores) + 1)
    positives = clicked.sum()
    return (ranks[clicked == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(clicked) - positives))


def fit(network: torch.nn.Module, features: torch.Tensor, shop: Shop, epochs: int) -> tuple[float, float]:
    """AUC on validation and on test, of the epoch that is best on validation."""
    clicks = torch.from_numpy(shop.clicked)
    known = torch.from_numpy(np.flatnonzero(shop.later >= 2))
    parameters = list(network.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    step, found = 0, []
    for _ in range(epochs):
        for batch in known[torch.randperm(len(known))].split(4096):
            scores = network(features[batch])[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, clicks[batch])
            gradients = torch.autograd.grad(loss, parameters)
            step += 1
            with torch.no_grad():  # Adam; torch.optim would need more packages than libtorch comes with
                for p, g, m, v in zip(parameters, gradients, first, second):
                    m.mul_(0.9).add_(g, alpha=0.1)
                    v.mul_(0.999).addcmul_(g, g, value=0.001)
                    p.sub_(3e-3 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8))
        with torch.no_grad():
            scores = network(features)[:, 0].numpy()
        found.append(tuple(auc(shop.clicked[shop.later == n], scores[shop.later == n]) for n in (1, 0)))
    return max(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    shop = Shop(options.dataset)
    parts = {"without histories": of_items(shop)}
    parts["with histories"] = parts["without histories"] + of_histories(shop)
    for name, columns in parts.items():
        x = np.stack(columns, 1).astype(np.float32)
        known = x[shop.later >= 2]
        features = torch.from_numpy((x - known.mean(0)) / (known.std(0) + 1e-6))
        width = features.shape[1]
        layers = [torch.nn.Linear(width, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU()]
        for kind, network in (
            ("linear", torch.nn.Linear(width, 1)),
            ("network", torch.nn.Sequential(*layers, torch.nn.Linear(64, 1))),
        ):
            validation, test = fit(network, features, shop, options.epochs)
            print(f"{name}, {kind}: AUC of clicks {validation:.4f} on validation, {test:.4f} on test", flush=True)


if __name__ == "__main__":
    main()
