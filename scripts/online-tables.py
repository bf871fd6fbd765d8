#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""A/B tests in the kind of the papers' online tables, on a simulated population whose true effects are known:

    scripts/online-tables.py BASE RUNS [--days 4]

BASE is a folder that `make loop-demo` has left (store, population); RUNS holds runs that were trained on its store:
sasrec, t2diff, dimerec, dare, twin, and diffusion-gs and search-sim for searches. Each test begins with a copy of BASE,
and lets the same people live on for some days. Prints one line for each test.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CASCADE_BINARY", str(ROOT / ".build/release/cascade"))
START = 1_704_067_200
POPULAR = "{builtin: popular, quota: 30}"


def retrieval(slots, rank=None):
    sources = [f"{{slot: {slot}, quota: 60, deadline_ms: 2000}}" for slot in slots] + [POPULAR]
    ranker = f", rank: {{slot: {rank}, keep: 60, deadline_ms: 2000}}" if rank else ", rank: false"
    return f"{{recommendation: {{deadline_ms: 5000, sources: [{', '.join(sources)}]{ranker}}}}}"


def search(rank):
    return f"{{search: {{deadline_ms: 5000, rank: {{slot: {rank}, keep: 50, deadline_ms: 2000}}}}}}"


TESTS = {
    "T2Diff as a retrieval source": (retrieval(["sasrec"]), retrieval(["sasrec", "t2diff"])),
    "DimeRec as an additional source": (retrieval(["sasrec"]), retrieval(["sasrec", "dimerec"])),
    "DARE against TWIN as ranker": (retrieval(["sasrec"], "twin"), retrieval(["sasrec"], "dare")),
    "T2Diff as a retrieval source, DARE ranks": (
        retrieval(["sasrec"], "dare"), retrieval(["sasrec", "t2diff"], "dare"),
    ),
    "DiffusionGS against SIM for searches": (search("search-sim"), search("diffusion-gs")),
}
KINDS = {
    "sasrec": "retriever", "t2diff": "retriever", "dimerec": "retriever", "dare": "ranker", "twin": "ranker",
    "diffusion-gs": "search-ranker", "search-sim": "search-ranker",
}


def configure(folder, runs, arms):
    slots = "".join(
        f"  {name}: {{kind: {kind}, path: {runs}/{name}}}\n" for name, kind in KINDS.items() if (runs / name).is_dir()
    )
    (folder / "serve.yaml").write_text(
        f"store: {{path: {folder}/store.sqlite}}\nslots:\n{slots}"
        f"recommendation: {{deadline_ms: 5000, sources: [{{slot: sasrec, quota: 60, deadline_ms: 2000}}, {POPULAR}]}}\n"
        "search: {deadline_ms: 5000, sources: [{builtin: lexical, quota: 100}]}\n"
        f"variants:\n  control: {arms[0]}\n  treatment: {arms[1]}\n"
        "ab_tests:\n  - {name: papers, arms: [{name: control, share: 0.5, funnel: control}, "
        "{name: treatment, share: 0.5, funnel: treatment}]}\n"
        "history: {deadline_ms: 5000}\npopularity: {refresh_seconds: 5}\n"
        "server: {port: 0, simulated_time: true, timeouts: {response_seconds: 30}}\n"
    )


def trial(base, runs, work, arms, options):
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name in ["store.sqlite", "store.sqlite-wal", "population.json"]:
        if (base / name).exists():
            shutil.copy(base / name, work / name)
    configure(work, runs, arms)
    log = work / "serve.log"
    with open(log, "w") as file:
        command = [BINARY, "serve", "--config", str(work / "serve.yaml")]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        for _ in range(1200):
            if '"ready"' in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.1)
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
        if not found:
            sys.exit(f"online-tables: the service did not start: {log.read_text()[-1000:]}")
        report = work / "report.json"
        subprocess.run(
            [BINARY, "simulate", "live", "--config", str(work / "serve.yaml"), "--url", f"http://127.0.0.1:{found[1]}",
             "--users", str(options.users), "--items", str(options.items), "--days", str(options.days),
             "--seed", str(options.seed), "--start", str(START), "--state", str(work / "population.json"),
             "--json", str(report)],
            check=True, stdout=subprocess.DEVNULL, stderr=open(work / "live.log", "w"),
        )
        return json.loads(report.read_text())
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", type=pathlib.Path)
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| test | expected click rate: control | treatment | requests with a click: reported effect, points [95 %] | p | true effect | categories a page | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name, arms in TESTS.items():
        began = time.monotonic()
        found = trial(options.base.resolve(), options.runs.resolve(), ROOT / ".deps/online-tables", arms, options)
        test = found["ab_tests"][0]
        control, treatment = [
            next(arm for arm in test["arms"] if arm["arm"] == name) for name in ("control", "treatment")
        ]
        effect = test["effects"][0]
        reported = effect["reported"]
        # From the interval, as of a normal distribution.
        deviation = (reported["high"] - reported["low"]) / 2 / 1.959964
        p_value = math.erfc(abs(reported["effect"]) / deviation / math.sqrt(2)) if deviation > 0 else 1.0
        print(
            f"| {name} | {100 * control['expected_click_rate']:.2f} % | {100 * treatment['expected_click_rate']:.2f} % "
            f"| {100 * reported['effect']:+.2f} [{100 * reported['low']:+.2f}, {100 * reported['high']:+.2f}] "
            f"| {p_value:.3f} | {100 * effect['true_effect']:+.2f} | {control['categories_per_page']:.2f}, {treatment['categories_per_page']:.2f} | {time.monotonic() - began:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
