#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""The demonstration behind `make loop-demo`: a shop that learns from what it served.

A service starts with popularity alone. A simulated population with known tastes uses it for 14 days; every night
`cascade loop` makes a data set of the store, trains a model, and promotes or refuses it. Prints one table, and draws the
click rate of each day beside the best possible one. Everything is under .deps/loop-demo, and is made anew each time.

    scripts/loop-demo.py [--days 14] [--users 1500] [--items 400] [--budget 30cpu-s] [--model sasrec] [--seed 1]

Needs .build/release/cascade, or CASCADE_BINARY.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CASCADE_BINARY", str(ROOT / ".build/release/cascade"))
START = 1_704_067_200  # 2024-01-01 UTC
DAY = 86_400
HOLDOUT_HOURS = 16  # the newest hours of each day, on which the gate compares


def configure(folder, options):
    """Writes the configurations of service and loop."""
    service = f"""
store: {{path: {folder}/store.sqlite}}
slots:
  recall: {{kind: retriever, path: {folder}/nothing-yet}}
recommendation:
  sources:
    - {{slot: recall, quota: 100, deadline_ms: 1000}}
    - {{builtin: popular, quota: 25}}
    - {{builtin: newest, quota: 10}}
  rerank:
    exploration: {{kind: epsilon, epsilon: 0.3, positions: 3, pool: 100, newest: true}}
popularity: {{refresh_seconds: 5}}
promotion: {{min_users: 30}}
server: {{port: 0, simulated_time: true}}
"""
    loop = f"""
service: serve.yaml
folder: rounds
keep_rounds: 2
wait_seconds: 30
data: {{holdout_hours: {HOLDOUT_HOURS}}}
models:
  recall:
    model: {options.model}
    budget: {options.budget}
    seed: {options.seed}
    # The first day's histories are short; what they suggest would stay, as each round begins with the weights of the last.
    settings: {{max_sequence_length: 30, training.batch_size: 32}}
"""
    (folder / "serve.yaml").write_text(service)
    (folder / "loop.yaml").write_text(loop)


def start(folder):
    """Starts the service; the process and its address."""
    log = open(folder / "serve.log", "w+")
    command = [BINARY, "serve", "--config", str(folder / "serve.yaml")]
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    for _ in range(600):
        time.sleep(0.1)
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", (folder / "serve.log").read_text())
        if found:
            return process, f"http://127.0.0.1:{found[1]}"
        if process.poll() is not None:
            break
    sys.exit(f"loop-demo: the service did not start: {(folder / 'serve.log').read_text()[-1000:]}")


def run(folder, name, *words):
    """Runs a command of Cascade; what it prints."""
    with open(folder / f"{name}.log", "a") as log:
        done = subprocess.run([BINARY, *words], stdout=subprocess.PIPE, stderr=log, text=True)
    if done.returncode:
        sys.exit(f"loop-demo: cascade {' '.join(words)} ended with {done.returncode}; see {folder}/{name}.log")
    return done.stdout


def live(folder, address, options):
    """One more day of the population; the report of all days."""
    report = folder / "report.json"
    run(
        folder, "live", "simulate", "live", "--config", str(folder / "serve.yaml"), "--url", address,
        "--users", str(options.users), "--items", str(options.items), "--days", "1", "--seed", str(options.seed),
        "--start", str(START), "--state", str(folder / "population.json"), "--json", str(report),
    )
    return json.loads(report.read_text())


def night(folder, day):
    """A round of the loop after a day; its outcome."""
    now = START + (day + 1) * DAY
    text = run(folder, "loop", "loop", "--config", str(folder / "loop.yaml"), "--once", "--json", "--now", str(now))
    return json.loads(text)["slots"]["recall"]


def draw(path, rows):
    """The click rate of each day beside the best possible one, as SVG."""
    width, height, left, bottom = 760, 380, 60, 50
    steps = int(max(row["best"] for row in rows) * 20) + 1  # lines at every 5 %
    top = steps / 20

    def place(day, rate):
        x = left + (width - left - 20) * day / max(1, len(rows) - 1)
        return x, height - bottom - (height - bottom - 20) * rate / top

    def line(key, color, dash=""):
        points = " ".join("%.1f,%.1f" % place(row["day"], row[key]) for row in rows)
        return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2.5" stroke-dasharray="{dash}"/>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for tick in range(steps + 1):
        rate = tick / 20
        x, y = place(0, rate)
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * rate:.0f} %</text>')
    for row in rows:
        x, _ = place(row["day"], 0)
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 18}" text-anchor="middle">{row["day"]}</text>')
        if row["decision"] in ("promoted", "refused"):
            color = "#2a7" if row["decision"] == "promoted" else "#c33"
            _, y = place(row["day"], row["observed"])
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{color}"/>')
    parts += [
        line("best", "#888", "6 4"), line("expected", "#27c"), line("observed", "#e80", "2 3"),
        f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">simulated day; after it the model of the night was '
        'promoted (green) or refused (red)</text>',
        f'<text x="{left + 10}" y="16">click rate: best possible (gray), expected (blue), observed (orange)</text>',
        "</svg>",
    ]
    path.write_text("\n".join(parts) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--budget", default="30cpu-s")
    parser.add_argument("--model", default="sasrec")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    folder = ROOT / ".deps/loop-demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    configure(folder, options)
    process, address = start(folder)
    rows = []
    try:
        print("day  requests  click rate  expected  best possible  share of it  the night's model", flush=True)
        for day in range(options.days):
            found = live(folder, address, options)["days"][-1]
            outcome = night(folder, day)
            row = {
                "day": day, "requests": found["requests"], "observed": found["click_rate"],
                "expected": found["expected_click_rate"], "best": found["best_click_rate"],
                "decision": outcome["decision"], "reason": outcome["reason"],
            }
            rows.append(row)
            share = row["expected"] / row["best"]
            print(
                f"{day:3}  {row['requests']:8}  {100 * row['observed']:8.2f} %  {100 * row['expected']:6.2f} %"
                f"  {100 * row['best']:11.2f} %  {100 * share:9.1f} %  {row['decision']}: {row['reason'][:90]}",
                flush=True,
            )
    finally:
        process.terminate()
        process.wait()
    draw(folder / "click-rate.svg", rows)
    (folder / "days.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"\n{folder.relative_to(ROOT)}/click-rate.svg; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
