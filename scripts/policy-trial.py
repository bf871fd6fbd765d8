#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Holds off-policy estimates against the truth of a simulated population:

    scripts/policy-trial.py [--seeds 20] [--users 400] [--items 300]

For each seed a service that explores serves two days, and logs its pages. From the log of the second day
`cascade evaluate-policy` estimates the click rate of five other funnels. Then each of these serves the same second day
to the same people, whose true click probabilities are known. Prints bias, error and coverage of the 95 % intervals by
funnel and estimator. Needs .build/release/cascade, or CASCADE_BINARY; works in .deps/policy-trial.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CASCADE_BINARY", str(ROOT / ".build/release/cascade"))
START, DAY = 1_704_067_200, 86_400
LOGGING = "exploration: {kind: epsilon, epsilon: 0.5, positions: 5, pool: 20}"
TARGETS = {
    "no exploration": "exploration: false",
    "epsilon 0.1": "exploration: {kind: epsilon, epsilon: 0.1, positions: 5, pool: 20}",
    "epsilon 1": "exploration: {kind: epsilon, epsilon: 1, positions: 5, pool: 20}",
    "two positions": "exploration: {kind: epsilon, epsilon: 0.5, positions: 2, pool: 20}",
    "diverse": "{exploration: false, diversity: {weight: 0.05}}",
}


def configure(folder, rules):
    rules = rules if rules.startswith("{") else "{" + rules + "}"
    path = folder / "serve.yaml"
    path.write_text(
        f"store: {{path: {folder}/store.sqlite}}\n"
        f"recommendation: {{sources: [{{builtin: popular, quota: 100}}], rerank: {rules}}}\n"
        "popularity: {refresh_seconds: 86400}\n"
        "server: {port: 0, simulated_time: true}\n"
    )
    return path


def simulate(folder, rules, days, options, seed):
    """Days of the population with a service by these rules; the report."""
    config = configure(folder, rules)
    log = folder / "serve.log"
    with open(log, "w") as file:
        process = subprocess.Popen([BINARY, "serve", "--config", str(config)], stdout=file, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
            if found or process.poll() is not None:
                break
            time.sleep(0.05)
        if not found:
            sys.exit(f"policy-trial: the service did not start: {log.read_text()[-1000:]}")
        report = folder / "report.json"
        subprocess.run(
            [BINARY, "simulate", "live", "--config", str(config), "--url", f"http://127.0.0.1:{found[1]}",
             "--users", str(options.users), "--items", str(options.items), "--days", str(days), "--seed", str(seed),
             "--start", str(START), "--state", str(folder / "population.json"), "--json", str(report)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        return json.loads(report.read_text())
    finally:
        process.terminate()
        process.wait()


def copied(folder, name):
    other = folder.parent / name
    shutil.copytree(folder, other)
    for extra in other.glob("store.sqlite-*"):
        extra.unlink()
    return other


def trial(work, options, seed):
    """The estimates and the truth of every target."""
    first = work / "first"
    first.mkdir(parents=True)
    simulate(first, LOGGING, 1, options, seed)
    logged = copied(first, "logged")
    simulate(logged, LOGGING, 1, options, seed)
    results = {}
    for name, rules in TARGETS.items():
        target = copied(first, re.sub(r"\W", "-", name))
        truth = simulate(target, rules, 1, options, seed)["days"][-1]["expected_click_rate"]
        config = configure(target, rules)
        text = subprocess.run(
            [BINARY, "evaluate-policy", str(config), "--store", str(logged / "store.sqlite"), "--since",
             str(START + DAY), "--limit", "100000", "--json"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ).stdout
        results[name] = (truth, {one["estimator"]: one for one in json.loads(text)["estimates"]})
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--items", type=int, default=300)
    options = parser.parse_args()
    work = ROOT / ".deps/policy-trial"
    errors = collections.defaultdict(list)
    covered = collections.defaultdict(list)
    truths = collections.defaultdict(list)
    support = collections.defaultdict(list)
    for seed in range(1, options.seeds + 1):
        shutil.rmtree(work, ignore_errors=True)
        for name, (truth, estimates) in trial(work, options, seed).items():
            truths[name].append(truth)
            for estimator, found in estimates.items():
                if found.get("value") is None:
                    continue
                key = (name, estimator)
                errors[key].append(found["value"] - truth)
                support[key].append(found["support"])
                if found.get("interval"):
                    covered[key].append(found["interval"]["lower"] <= truth <= found["interval"]["upper"])
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    print("| funnel | true click rate | estimator | bias | standard error of it | RMSE | coverage | support |")
    print("|---|---|---|---|---|---|---|---|")
    for (name, estimator), found in errors.items():
        mean = statistics.mean(found)
        spread = statistics.stdev(found) / len(found) ** 0.5 if len(found) > 1 else float("nan")
        rmse = statistics.mean(error * error for error in found) ** 0.5
        share = f"{sum(covered[name, estimator])} of {len(covered[name, estimator])}"
        print(
            f"| {name} | {100 * statistics.mean(truths[name]):.2f} % | {estimator} | {100 * mean:+.3f} | {100 * spread:.3f} "
            f"| {100 * rmse:.3f} | {share} | {100 * statistics.mean(support[name, estimator]):.0f} % |"
        )


if __name__ == "__main__":
    main()
