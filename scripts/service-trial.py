#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Puts a service through what an operator fears, on loopback:

    scripts/service-trial.py kill CONFIG [--times 20]       kill -9 under a load of events; nothing acknowledged is lost
    scripts/service-trial.py replace CONFIG SLOT A B [--times 20]   replace a model under load; none fails, none mixes
    scripts/service-trial.py soak CONFIG [--minutes 10]     steady load; memory at the first and at the last minute
    scripts/service-trial.py loop CONFIG STORE [--times 20]   kill -9 of `cascade loop` at random moments; the next goes on

CONFIG is a configuration of `cascade serve` without tokens, or of `cascade loop`, whose folder is used up. Needs .build/release/cascade, or CASCADE_BINARY.
Ends with 0 when the promise holds and prints what it saw.
"""
import argparse
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CASCADE_BINARY", str(ROOT / ".build/release/cascade"))


class Service:
    """A running `cascade serve` on a free port."""

    def __init__(self, config):
        self.log = tempfile.TemporaryFile("w+")
        command = [BINARY, "serve", "--config", config, "--port", "0"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT)
        self.port = self._wait(lambda: self._port())
        self._wait(lambda: self.ask("GET", "/health/ready")[0] == 200)

    def _wait(self, ready):
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if found := ready():
                    return found
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"the service did not become ready:\n{self._text()}")

    def _text(self):
        self.log.seek(0)
        return self.log.read()

    def _port(self):
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", self._text())
        return int(found[1]) if found else None

    def ask(self, method, path, body=None, connection=None):
        """Status and document; through a connection that is kept open when one is given."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        own.request(method, path, json.dumps(body) if body is not None else None, {"content-type": "application/json"})
        answer = own.getresponse()
        text = answer.read()
        if not connection:
            own.close()
        return answer.status, json.loads(text) if text else None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            sys.exit(f"the service did not stop in good order:\n{self._text()}")

    def memory(self):
        """Resident memory in MiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def in_threads(count, work):
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def kill(arguments):
    acknowledged, numbers, lock = set(), itertools.count(), threading.Lock()
    start = int(time.time())
    for round_number in range(arguments.times):
        service = Service(arguments.config)

        def send(_):
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            while True:
                number = next(numbers)
                event = {"id": f"trial-{start}-{number}", "user": f"trial-{number % 50}", "item": "1", "action": "click",
                         "time": start}
                try:
                    status, _ = service.ask("POST", "/v1/events", event, connection)
                except (OSError, http.client.HTTPException):
                    return
                if status in (200, 202):
                    with lock:
                        acknowledged.add((event["user"], event["id"]))

        threads = in_threads(8, send)
        time.sleep(random.uniform(0.1, 1.5))
        service.kill()
        for thread in threads:
            thread.join()
        print(f"kill {round_number + 1}: {len(acknowledged)} acknowledged so far", flush=True)
    service = Service(arguments.config)
    stored = []
    for user in range(50):
        status, export = service.ask("GET", f"/v1/users/trial-{user}")
        if status == 200:
            stored += [(export["user"], event["id"]) for event in export["events"]]
    service.stop()
    lost, doubled = acknowledged - set(stored), len(stored) - len(set(stored))
    print(f"{len(acknowledged)} acknowledged, {len(stored)} stored, {len(lost)} lost, {doubled} twice")
    return not lost and not doubled and bool(acknowledged)


def replace(arguments):
    service = Service(arguments.config)
    stopping, lock = threading.Event(), threading.Lock()
    failed, late, versions, asked = [], [], {}, itertools.count()

    def ask(number):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        users = itertools.cycle(range(1 + number * 100, 101 + number * 100))
        while not stopping.is_set():
            next(asked)
            status, page = service.ask("GET", f"/v1/users/{next(users)}/recommendations?k=10", connection=connection)
            with lock:
                if status == 200 and page["degraded"] and all(left["reason"] == "deadline" for left in page["degraded"]):
                    late.append(page)  # A busy machine's, not the replacement's.
                elif status != 200 or page["degraded"]:
                    failed.append((status, page))
                else:
                    name = page["versions"].get(arguments.slot)
                    versions[name] = versions.get(name, 0) + 1
                    # Every stage of a request must name the version that the page names.
                    explained = service.ask("GET", f"/v1/explain/{page['request']}")[1]
                    named = {stage["version"].split("+")[0] for stage in explained["stages"] if stage.get("version")}
                    if name and any(other != name.split("+")[0] and other.startswith(name.split("-")[0]) for other in named):
                        failed.append(("mixed", named))

    threads = in_threads(4, ask)
    for number in range(arguments.times):
        path = [arguments.b, arguments.a][number % 2]
        status, answer = service.ask("POST", f"/v1/models/{arguments.slot}", {"path": path})
        if status != 200:
            failed.append((status, answer))
        time.sleep(0.3)
    stopping.set()
    for thread in threads:
        thread.join()
    service.stop()
    print(f"{arguments.times} replacements, {next(asked)} requests, {len(failed)} failed or mixed, {len(late)} missed a deadline; "
          f"answers by version: {versions}")
    for failure in failed[:3]:
        print(failure)
    return not failed and len(versions) == 2


def soak(arguments):
    service = Service(arguments.config)
    stopping, counts = threading.Event(), [0] * 4
    run = f"soak-{int(time.time())}"

    def work(number):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        words = ["love", "star", "story", "night", "war", "king"]
        for turn in itertools.count():
            if stopping.is_set():
                return
            user = random.randrange(1, 6000)
            if turn % 10 == 0:
                event = {"id": f"{run}-{number}-{turn}", "user": str(user), "item": str(random.randrange(1, 3000)),
                         "action": "click", "time": int(time.time())}
                service.ask("POST", "/v1/events", event, connection)
            elif turn % 10 == 1:
                service.ask("GET", f"/v1/search?q={random.choice(words)}&user={user}&k=10", connection=connection)
            else:
                service.ask("GET", f"/v1/users/{user}/recommendations?k=10", connection=connection)
            counts[number] += 1

    threads = in_threads(4, work)
    memory = []
    for minute in range(arguments.minutes):
        time.sleep(60)
        memory.append(service.memory())
        print(f"minute {minute + 1}: {memory[-1]:.0f} MiB, {sum(counts)} requests", flush=True)
    stopping.set()
    for thread in threads:
        thread.join()
    service.stop()
    print(f"memory {memory[0]:.0f} MiB after a minute, {memory[-1]:.0f} MiB after {arguments.minutes}")
    return memory[-1] < memory[0] * 1.25


def loop(arguments):
    """Kills rounds at random moments until so many were killed; every decision is recorded once, and no round is lost."""
    command = [BINARY, "loop", "--config", arguments.config, "--once", "--json", "--now", str(arguments.now)]

    def whole():
        began = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        return json.loads(done.stdout), time.monotonic() - began

    first, seconds = whole()
    generator, killed, moments = random.Random(1), 0, []
    while killed < arguments.times:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        delay = generator.uniform(0.02, seconds)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            moments.append(delay)
    last, _ = whole()
    database = sqlite3.connect(arguments.store)
    decisions, places = database.execute("SELECT count(*), count(DISTINCT place) FROM promotions").fetchone()
    sound = subprocess.run([BINARY, "store", "verify", arguments.store], stdout=subprocess.DEVNULL).returncode == 0
    folder = pathlib.Path(arguments.config).parent
    left = [path for path in folder.rglob(".cascade-*.tmp")]
    print(
        f"a round takes {seconds:.1f} s; {killed} kills at {', '.join(f'{moment:.2f}' for moment in sorted(moments))} s; "
        f"{last['number']} rounds, the last {last['status']}; {decisions} decisions about {places} runs; "
        f"store {'sound' if sound else 'DAMAGED'}; {len(left)} temporary files left"
    )
    expected = (last["number"] - first["number"] + 1) * len(last["slots"])
    return sound and not left and decisions == places == expected and last["status"] == "finished"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, work in [("kill", kill), ("replace", replace), ("soak", soak), ("loop", loop)]:
        command = commands.add_parser(name)
        command.add_argument("config")
        command.set_defaults(work=work)
        if name == "replace":
            for argument in ("slot", "a", "b"):
                command.add_argument(argument)
        if name == "loop":
            command.add_argument("store")
            command.add_argument("--now", type=int, default=int(time.time()), help="the present for the loop")
        if name == "soak":
            command.add_argument("--minutes", type=int, default=10)
        else:
            command.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    return 0 if arguments.work(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
