#!/usr/bin/env python3
# Part of Cascade. SPDX-License-Identifier: Apache-2.0
"""Runs what went wrong for users once, and shows what Cascade prints now:

    scripts/cases.py [NAME...]        all cases, or those whose names contain NAME

Each case makes its own input, runs the command as a user would, and checks the answer. Needs `cascade`: CASCADE_BINARY, or
.build/release/cascade. Exit code 0: every case came out as its first line says; 1: one did not.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("CASCADE_BINARY", str(ROOT / ".build/release/cascade"))
KEEP_ALL = ["--min-user-events", "1", "--min-item-events", "1"]


class Failure(Exception):
    """A case did not come out as it should."""


def expect(holds, what):
    if not holds:
        raise Failure(what)


class Case:
    """A folder to work in, and what has been printed."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, content):
        data = content if isinstance(content, bytes) else content.encode()
        (self.folder / name).write_bytes(data)
        return self.path(name)

    def show(self, text):
        for line in text.replace(str(self.folder), "$T").splitlines():
            print("    " + line)

    def cascade(self, *words, status=0, **options):
        """Runs the command, shows what it prints, and returns standard output and standard error together."""
        shown = " ".join(words).replace(str(self.folder), "$T")
        print(f"    $ cascade {shown}")
        done = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=120, check=False, **options)
        self.show(done.stdout + done.stderr)
        expect(status is None or done.returncode == status, f"exit code {done.returncode}, expected {status}")
        return done.stdout + done.stderr

    def imports(self, source, target="data", *options, status=0, form="csv"):
        return self.cascade(
            "data", "import", "--from", form, source, "--to", self.path(target), *KEEP_ALL, *options, status=status
        )

    def base(self, extra="", name="base.csv"):
        """Thirty users, twenty-five items, eight events a user."""
        rows = [f"{u},{(u * 7 + k * 3) % 25 + 1},{1 + (u + k) % 5},{1600000000 + u * 500 + k * 60}" for u in range(1, 31) for k in range(8)]
        return self.write(name, "user_id,item_id,rating,timestamp\n" + "\n".join(rows) + "\n" + extra)

    @contextlib.contextmanager
    def serve(self, configuration, until="", **options):
        """A service on a free port; yields a function that sends a request and returns status and text.

        It is ready then, or its readiness says what `until` says.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        file = self.write(f"serve-{port}.yaml", configuration + f"\nserver: {{port: {port}}}\n")
        log = open(self.path(f"log-{port}"), "w", encoding="utf-8")
        process = subprocess.Popen([BINARY, "serve", "--config", file], stderr=log, stdout=log, **options)

        def send(method, path, body=None, headers=None):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            given = {"content-type": "application/json"} if body is not None else {}
            text = json.dumps(body, ensure_ascii=False).encode() if body is not None else None
            connection.request(method, path, text, {**given, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        send.port, send.process = port, process
        try:
            deadline = time.monotonic() + 120
            while True:
                expect(process.poll() is None, "the server ended: " + pathlib.Path(log.name).read_text())
                try:
                    status, text = send("GET", "/health/ready")
                    if status == 200 or until and until in text:
                        break
                except OSError:
                    pass
                expect(time.monotonic() < deadline, "the server was not ready after two minutes")
                time.sleep(0.02)
            yield send
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
            log.close()

    def store(self):
        return f"store: {{path: {self.path('s.sqlite')}, seed: {self.path('data')}}}"


def page(send, user, count=30):
    status, text = send("GET", f"/v1/users/{urllib.parse.quote(user)}/recommendations?k={count}")
    expect(status == 200, f"status {status}: {text}")
    return [item["item"] for item in json.loads(text)["items"]]


def event(send, name, user, item, **more):
    return send("POST", "/v1/events", {"id": name, "user": user, "item": item, "action": "click", **more})


def columns_dropped_in_silence(case):
    """The import says which columns it took; event_time and event_type are understood; a time that nobody took stops it."""
    rows = "\n".join(f"2019-10-{1 + k % 28:02} 00:0{k % 10}:00 UTC,{'purchase' if k % 3 else 'view'},{k % 9},{k % 4}" for k in range(60))
    shop = case.write("shop.csv", "event_time,event_type,product_id,user_id\n" + rows + "\n")
    printed = case.imports(shop)
    for column in ["event_time", "event_type", "product_id"]:
        expect(column in printed, f"{column} is not said")
    described = case.cascade("data", "describe", case.path("data"))
    expect(re.search(r"action purchase +\d", described) and "2019-10" in described, "actions or times are lost")
    newest = "\n".join(f"{u},{8 - k},{1600000000 + (8 - k) * 60}" for u in range(1, 13) for k in range(8))
    case.imports(case.write("newest-first.csv", "user_id,item_id,created_at\n" + newest + "\n"), "b")
    case.cascade("train", "--model", "popularity", "--data", case.path("b"), "--to", case.path("r"))
    shown = case.cascade("recommend", case.path("r"), "--user", "3", "-k", "1", "--json")
    expect(json.loads(shown)["history"][0]["item"] == "8", "item 8 is the latest of user 3")
    unknown = case.write("unknown.csv", "user_id,item_id,when_it_was\n" + "\n".join(f"{k},{k},{1600000000 + k}" for k in range(20)) + "\n")
    expect("when_it_was" in case.imports(unknown, "c", status=None), "a column that looks like a time is not named")


def store_import_of_a_grown_data_set(case):
    """Importing yesterday and today into a store that has yesterday adds what is new alone."""
    case.imports(case.base())
    case.imports(case.base("31,5,4,1700000000\n", "grown.csv"), "grown")
    case.cascade("store", "import", case.path("data"), "--to", case.path("s.sqlite"))
    printed = case.cascade("store", "import", case.path("grown"), "--to", case.path("s.sqlite"))
    expect("1 new event" in printed and "(240 already stored)" in printed, "240 events were there")


def retain_in_another_unit(case):
    """A date in milliseconds or in the future, and a compact date, are refused; nothing is removed."""
    case.imports(case.base())
    case.cascade("store", "import", case.path("data"), "--to", case.path("s.sqlite"))
    for date in ["20260131", f"{int(time.time())}000", f"{int(time.time()) + 10**7}"]:
        case.cascade("store", "retain", case.path("s.sqlite"), "--before", date, status=None)
    expect("240 events" in case.cascade("store", "verify", case.path("s.sqlite")), "events are gone")


def erased_person(case):
    """The nightly import of the same data does not bring an erased person back, and says so."""
    case.imports(case.base())
    with case.serve(case.store()) as send:
        case.show(str(send("DELETE", "/v1/users/1")))
        printed = case.cascade("store", "import", case.path("data"), "--to", case.path("s.sqlite"))
        expect("erased" in printed, "the events that were left out are not said")
        status, text = send("GET", "/v1/users/1")
        case.show(f"{status} {text[:200]}")
        expect('"action"' not in text, "the person is back")


def blocked_id_with_leading_zeros(case):
    """An id in the configuration is the text that stands there, quoted or not; unknown ones are named."""
    rows = "\n".join(f"{u},{(u * 7 + k * 3) % 25 + 1:013},{1600000000 + u * 500 + k}" for u in range(1, 31) for k in range(8))
    case.imports(case.write("ids.csv", "user_id,item_id,timestamp\n" + rows + "\n"))
    rules = "rerank: {blocked: [0000000000013], pinned: [0000000000007, 99]}"
    file = case.write("check.yaml", f"{case.store()}\nrecommendation: {{sources: [{{builtin: popular, quota: 100}}], {rules}}}\n")
    printed = case.cascade("serve", "--config", file, "--check", status=None)
    if "quotes" in printed:
        return
    with case.serve(pathlib.Path(file).read_text()) as send:
        items = page(send, "n")
        case.show(" ".join(items))
        expect("0000000000013" not in items and "13" not in items, "the blocked item is shown")
        expect("7" not in items, "an item that nobody has is shown")
        expect(items[0] == "0000000000007", "the pinned item is not first")


def two_unicode_forms(case):
    """Two ids that differ in Unicode normal form are two people, everywhere."""
    case.imports(case.base())
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    with case.serve(case.store()) as send:
        event(send, "a", composed, "1")
        event(send, "b", decomposed, "11")
        first, second = page(send, composed), page(send, decomposed)
        case.show(f"{composed}: {sorted(map(int, first))}\n{decomposed}: {sorted(map(int, second))}")
        expect("1" not in first and "11" in first, "the first page lacks 1 alone")
        expect("11" not in second and "1" in second, "the second page lacks 11 alone")


def lost_output(case):
    """A result that cannot be printed is exit code 1, and is named."""
    case.imports(case.base())
    case.cascade("train", "--model", "popularity", "--data", case.path("data"), "--to", case.path("r"))
    with open("/dev/full", "w", encoding="utf-8") as full:
        for words in [["evaluate", case.path("r"), "--json"], ["data", "describe", case.path("data")]]:
            done = subprocess.run([BINARY, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            case.show(f"exit code {done.returncode}: {done.stderr}")
            expect(done.returncode == 1 and "No space left on device" in done.stderr, "the loss is not said")


def words_for_actions(case):
    """addtocart and transaction are understood; other words are mapped by --action; none is dropped in silence."""
    words = ["view", "addtocart", "transaction"]
    rows = "\n".join(f"{1433220000000 + k * 1000},{k % 9},{words[k % 3]},{k % 7}" for k in range(60))
    shop = case.write("shop.csv", "timestamp,visitorid,event,itemid\n" + rows + "\n")
    case.imports(shop)
    described = case.cascade("data", "describe", case.path("data"))
    expect(re.search(r"action purchase +20", described) and re.search(r"action cart +20", described), "purchases are lost")
    other = case.write("other.csv", "timestamp,user_id,event,item_id\n" + "\n".join(f"{1433220000 + k},{k % 9},{['looked', 'took'][k % 2]},{k % 7}" for k in range(60)) + "\n")
    expect("--action" in case.imports(other, "b", status=65), "the option is not named")
    case.imports(other, "b", "--action", "view=looked", "--action", "purchase=took")
    expect(re.search(r"action purchase +30", case.cascade("data", "describe", case.path("b"))), "the words are not mapped")


def times_of_databases(case):
    """Times as databases write them are read; a number in another unit is refused with the right one, or understood."""
    forms = ["2020-09-13 13:16:36 UTC", "2020-09-13 13:16:36 +0000", "2020/09/13 13:16:36", "20200913T131636Z", "2020-09-13T13:16:36.25+00:00"]
    for number, form in enumerate(forms):
        source = case.write(f"t{number}.csv", "user_id,item_id,timestamp\n" + "\n".join(f"{k},{k},{form}" for k in range(3)) + "\n")
        case.imports(source, f"t{number}", "--time-unit", "iso8601")
        expect("2020-09-13" in case.cascade("data", "describe", case.path(f"t{number}")), "the time is another one")
    source = case.write("us.csv", "user_id,item_id,timestamp\n" + "\n".join(f"{k},{k},{1600002996257896 + k}" for k in range(3)) + "\n")
    case.imports(source, "us", "--time-unit", "microseconds")
    expect("microseconds" in case.imports(source, "guess", status=None), "the unit is not named")


def quotes_in_tabs(case):
    """In a file with tabs a quote is a character; a backslash escape is read by an option that the error names."""
    rows = '\n'.join(f'{k}\t{k % 3}\t"Weird Al" Yankovic\t{k + 1}' for k in range(9))
    columns = ["--no-header", "--user-column", "1", "--item-column", "2", "--title-column", "3", "--value-column", "4"]
    case.imports(case.write("music.tsv", rows + "\n"), "a", *columns)
    escaped = case.write("escaped.csv", 'user_id,item_id,title\n' + '\n'.join(f'{k},{k},"a \\"b\\" c"' for k in range(4)) + "\n")
    expect("--escape" in case.imports(escaped, "b", status=65), "the option is not named")
    case.imports(escaped, "b", "--escape", "backslash")


def other_processes(case):
    """What another process writes to the store is known to the next page; so is what it removes."""
    case.imports(case.base())
    case.imports(case.write("more.csv", "user_id,item_id,title,timestamp\n1,7,Brand new,1700000003\n"), "more")
    with case.serve(case.store()) as send:
        expect("7" in page(send, "1"), "item 7 is not there at first")
        case.cascade("store", "import", case.path("more"), "--to", case.path("s.sqlite"))
        expect("7" not in page(send, "1"), "the page does not know the new event")
        case.cascade("store", "retain", case.path("s.sqlite"), "--before", "1700000004", "--yes")
        expect(len(page(send, "1")) == 25, "the page still knows what was removed")


def two_trainers(case):
    """A second process that would train the same run is refused, and told which one trains it."""
    case.imports(case.base())
    settings = ["width=32", "epochs=400", "batch=4", "training.patience=1000", "training.checkpointSeconds=1"]
    words = ["train", "--model", "sasrec", "--data", case.path("data"), "--to", case.path("r")]
    words += [word for setting in settings for word in ("--set", setting)]
    first = subprocess.Popen([BINARY, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not os.path.exists(case.path("r/manifest.json")) and time.monotonic() < deadline:
            time.sleep(0.1)
        printed = case.cascade(*words, "--resume", status=1)
        expect(str(first.pid) in printed, "the other process is not named")
    finally:
        first.send_signal(signal.SIGINT)
        first.wait(60)


def store_file_gone(case):
    """A store whose file is gone takes no event and is not ready, and says why."""
    case.imports(case.base())
    with case.serve(case.store()) as send:
        for file in case.folder.glob("s.sqlite*"):
            file.unlink()
        for status, text in [event(send, "g", "g", "3"), send("GET", "/health/ready")]:
            case.show(f"{status} {text}")
            expect(status == 503, f"status {status}, expected 503")


def backup_put_back_after_kill(case):
    """A backup replaces a store whose server was killed, without its stale log; people erased since stay erased."""
    case.imports(case.base())
    case.imports(case.base("1,5,4,1700000000\n", "grown.csv"), "grown")
    store, copy = case.path("s.sqlite"), case.path("copy.sqlite")
    case.cascade("store", "import", case.path("data"), "--to", store)
    with case.serve(case.store()) as send:
        case.cascade("store", "backup", store, "--to", copy)
        for number in range(20):
            expect(event(send, f"later-{number}", "9", "3")[0] == 200, "the event is not taken")
        expect(send("DELETE", "/v1/users/2")[0] == 200, "the person is not erased")
        expect("has the store open" in case.cascade("store", "restore", copy, "--to", store, status=1), "it is not refused")
        send.process.kill()
        send.process.wait(60)
    expect(os.path.getsize(store + "-wal") > 0, "the killed server has left no log")
    expect("restored 232 events; erased 8 rows" in case.cascade("store", "restore", copy, "--to", store), "not what was backed up")
    expect("sound; 232 events" in case.cascade("store", "verify", store), "the store is not sound")
    printed = case.cascade("store", "import", case.path("grown"), "--to", store)
    expect("1 new events (232 already stored)" in printed and "8 events of 1 erased" in printed, "the erasure is forgotten")


def first_start_interrupted(case):
    """A first start that is killed while it fills the store is taken up by the next, which is ready only when it is done."""
    case.cascade("data", "simulate", "--world", "drift", "--to", case.path("data"), "--users", "2000", "--items", "300", "--seed", "1")
    with case.serve(case.store(), until="filling its store") as send:
        send.process.kill()
        send.process.wait(60)
    with case.serve(case.store()) as send:
        total = json.loads((case.folder / "data/manifest.json").read_text())["events"]
        expect(f"sound; {total} events" in case.cascade("store", "verify", case.path("s.sqlite")), "events are missing")


def two_servers_on_one_store(case):
    """What one of two servers on one store takes in is in the other's next page."""
    case.imports(case.base())
    with case.serve(case.store()) as first, case.serve(case.store()) as second:
        item = page(first, "1")[0]
        expect(page(second, "1")[0] == item, "they differ at first")
        expect(event(second, "two", "1", item)[0] == 200, "the event is not taken")
        expect(item not in page(first, "1"), "the first does not know what the second took in")
        second("DELETE", "/v1/users/1")
        expect(len(page(first, "1")) == 25, "the first still knows who was erased by the second")


def movielens_of_today(case):
    """ratings.csv with userId, and movies.csv with titles and genres, are read by every MovieLens format."""
    folder = case.folder / "ml"
    folder.mkdir()
    ratings = "\n".join(f"{u},{m},{1 + (u + m) % 9 * 0.5},{1600000000 + u * 10 + m}" for u in range(1, 9) for m in range(1, 7))
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + ratings + "\n")
    movies = "\n".join(f'{m},"Film, The {m} (1999)",Comedy|Drama' for m in range(1, 7))
    (folder / "movies.csv").write_text("movieId,title,genres\n" + movies + "\n")
    case.imports(str(folder), form="ml-1m")
    case.cascade("train", "--model", "popularity", "--data", case.path("data"), "--to", case.path("r"))
    expect("Film, The" in case.cascade("recommend", case.path("r"), "--user", "1", "-k", "2"), "titles are lost")


def not_a_text_file(case):
    """The first bytes name what a file is, and what to do with it."""
    text = pathlib.Path(case.base()).read_bytes()
    with zipfile.ZipFile(case.path("a.zip"), "w") as archive:
        archive.writestr("base.csv", text)
    case.write("a.parquet", b"PAR1" + bytes(40) + b"PAR1")
    case.write("a.zst", b"\x28\xb5\x2f\xfd" + bytes(40))
    case.write("a.xz", b"\xfd7zXZ\x00" + bytes(40))
    case.write("a.jsonl", '{"user_id": "1", "item_id": "2"}\n' * 3)
    case.write("a.utf16", text.decode().encode("utf-16"))
    names = {"a.zip": "zip", "a.parquet": "Parquet", "a.zst": "zst", "a.xz": "xz", "a.jsonl": "JSON", "a.utf16": "UTF-16"}
    for file, name in names.items():
        printed = case.imports(case.path(file), file.replace(".", "-"), status=65)
        expect(name.lower() in printed.lower(), f"{name} is not named")
    printed = case.imports(case.write("cr.csv", text.replace(b"\n", b"\r")), "cr", status=None)
    expect("240 events" in printed or "carriage return" in printed.lower(), "lines that end in CR are not understood")


def http_details(case):
    """100-continue is answered at once, HTTP/1.0 is closed, a fraction of a second is no lack of JSON."""
    case.imports(case.base())
    with case.serve(f"store: {{path: {case.path('s.sqlite')}}}") as send:
        body = json.dumps({"id": "x", "user": "1", "item": "5", "action": "click"}).encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        with socket.create_connection(("127.0.0.1", send.port), 30) as connection:
            connection.sendall(head.encode())
            expect(connection.recv(99).startswith(b"HTTP/1.1 100"), "no 100 Continue")
            connection.sendall(body)
            expect(b" 200 " in connection.recv(999).split(b"\r\n")[0], "the event is not taken")
        with socket.create_connection(("127.0.0.1", send.port), 30) as connection:
            connection.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
            while connection.recv(9999):
                pass
        status, text = event(send, "y", "1", "5", time=1764000000.5)
        case.show(f"{status} {text}")
        expect(status == 200 or "time" in text, "the field is not named")


def ids_longer_than_the_service_takes(case):
    """Ids longer than the service takes are a warning of the import and of serve --check, with the value to set."""
    rows = "\n".join(f"{u},https://shop.example/{'x' * 300}/{i},{1600000000 + u * 10 + i}" for u in range(5) for i in range(8))
    printed = case.imports(case.write("long.csv", "user_id,item_id,timestamp\n" + rows + "\n"))
    expect("limits.id" in printed, "the import does not say it")
    file = case.write("check.yaml", case.store() + "\n")
    expect("limits.id" in case.cascade("serve", "--config", file, "--check", status=None), "--check does not say it")
    expect(not os.path.exists(case.path("s.sqlite")), "--check has made a store")


CASES = [
    columns_dropped_in_silence, store_import_of_a_grown_data_set, retain_in_another_unit, erased_person,
    blocked_id_with_leading_zeros, two_unicode_forms, lost_output, words_for_actions, times_of_databases, quotes_in_tabs,
    other_processes, two_servers_on_one_store, two_trainers, store_file_gone, backup_put_back_after_kill,
    first_start_interrupted, movielens_of_today, not_a_text_file, http_details,
    ids_longer_than_the_service_takes,
]


def main():
    if not shutil.which(BINARY):
        sys.exit(f"cases: {BINARY} is no program; run `make build`, or set CASCADE_BINARY")
    failed = []
    chosen = [case for case in CASES if not sys.argv[1:] or any(word in case.__name__ for word in sys.argv[1:])]
    for case in chosen:
        name = case.__name__.replace("_", " ")
        print(f"\n== {name}\n   {case.__doc__}")
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(Case(folder))
            except (Failure, OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as failure:
                print(f"    FAILED: {failure}")
                failed.append(name)
    print(f"\ncases: {len(chosen) - len(failed)} of {len(chosen)} came out as they should")
    for name in failed:
        print(f"  FAILED: {name}")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
