#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# export.t
#     osprofiler trace export: what other programs read. The Trace Event Format is
#     checked by a schema of it, and by its rule that events of a thread nest; CSV by
#     Python's reader.
#
# BUILD names the build directory.

import collections
import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("1..0 # SKIP python3-jsonschema is not installed")
    sys.exit(0)

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD", TOP + "/build")
VECTORS = TOP + "/tests/vectors/findings/"
BASE = "11111111-2222-4333-8444-555555555555"
HOSTILE = ['a "b", c', "line\r\nline\nx", "</script>", "\x00\x1b[31m", "ж\U0001f40c",
           ";=1", "\ud800 half", "", "\u202eevil", "a =1", '"=1"', " x", "\u3000"]
FORMULAS = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\nSELECT 1", " =1",
            "  \t -2+3", "\u00a0@A1", "\u3000=1", "\ufeff=1", "\u200b+1", "\x00=1", "\uff1d1", "\uff0b1",
            "\u3164=1", "\u2800+1", "\u115f-1", "\u034f@A1", "\ufe0f=1", "\ufffe=1", "\uff0d1", "\uff20A1", " \uff1dcmd", "\ufe661", "\ufe621", "\ufe631", "\ufe6bA1", "\u22121"]
APOSTROPHES = ["'quoted", "'", "''", "'=1", "''=1", "'+1'", "' =1", "'\t=1"]
HOSTILE += FORMULAS + APOSTROPHES
with open(HERE + "/trace_event.schema.json", encoding="ascii") as schema:
    VALIDATOR = jsonschema.Draft7Validator(json.load(schema))

tests = 0
failures = 0


def check(good, name, more=""):
    global tests, failures
    tests += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {tests} - {name}")
    if not good and more:
        print("# " + str(more).replace("\n", "\n# ")[:2000])


def run(*args, stdout=subprocess.PIPE, **options):
    done = subprocess.run([BUILD + "/bin/osprofiler", "trace", "export", *args],
                          stdout=stdout, stderr=subprocess.PIPE, check=False,
                          **options)
    return done.returncode, done.stdout, done.stderr.decode()


def export(form, path):
    status, out, err = run("--format", form, path)
    check((status, err) == (0, ""), f"{form} of {os.path.basename(path)}", err)
    return out.decode("utf-8")


def fails(status, pattern, *args, **options):
    result, out, err = run(*args, **options)
    check(result == status and pattern in err and not out and
          err.startswith("osprofiler: ") and err.count("\n") == 1,
          "one line: " + pattern, f"{result} {err}")


def points(name, key, parent, begin, end, info=None, stop=None, service="svc"):
    """The points of an operation, from one microsecond to another."""
    base = {"base_id": BASE, "trace_id": key, "parent_id": parent,
            "project": None, "service": service}
    for kind, at, more in (("start", begin, info), ("stop", end, stop)):
        if at is not None:
            yield {**base, "name": f"{name}-{kind}", "info": {"host": "h", **(more or {})},
                   "timestamp": f"2026-11-28T10:00:{at // 1000000:02}.{at % 1000000:06}"}


def write(name, *operations):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        for operation in operations:
            for item in operation:
                file.write(json.dumps(item) + "\n")
    return path


def read_chrome(path):
    """The operations of a trace, after all checks of the format."""
    trace = json.loads(export("chrome", path))
    errors = [e.message for e in VALIDATOR.iter_errors(trace)]
    check(not errors, "  it is valid", errors[:3])
    bars = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    threads = collections.defaultdict(list)
    for bar in bars:
        # In ns: thousandths of a microsecond are written digit for digit.
        threads[bar["pid"], bar["tid"]].append(
            (round(bar["ts"] * 1000), round((bar["ts"] + bar["dur"]) * 1000)))
    crossing = 0
    for spans in threads.values():
        open_ends = []
        last = 0
        for begin, end in spans:
            crossing += begin < last
            last = begin
            while open_ends and open_ends[-1] <= begin:
                open_ends.pop()
            crossing += bool(open_ends) and end > open_ends[-1]
            open_ends.append(end)
    check(crossing == 0, "  events of each thread nest", threads)
    named = {e["pid"] for e in trace["traceEvents"] if e["ph"] == "M"}
    check(named == {bar["pid"] for bar in bars}, "  all processes have a name")
    return bars


def read_csv(path):
    text = export("csv", path)
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    check(text.endswith("\r\n") and all(len(r) == len(rows[0]) for r in rows),
          "  every row has all columns")
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def operations_of(path):
    with open(path, encoding="ascii") as file:
        return {json.loads(line)["trace_id"] for line in file}


def test_recorded():
    for name in sorted(os.listdir(VECTORS)):
        if name.endswith(".points") and "_near" not in name and \
                name.startswith(("w", "f", "s", "tr")):
            path = VECTORS + name
            bars = read_chrome(path)
            check({b["args"]["trace_id"] for b in bars} == operations_of(path),
                  "  all operations are there")
            rows = read_csv(path)
            check({r["trace_id"] for r in rows} == operations_of(path),
                  "  all operations are rows")


def test_times():
    path = write("times", points("app", "1", BASE, 0, 100),
                 points("db", "2", "1", 10, 50, {"db": {"statement": "SELECT 1"}},
                        {"elapsed_ns": 40123, "db": {"rows": 7}}),
                 points("db", "3", "1", 20, 60), points("db", "4", "1", 60, 90),
                 points("pg", "5", "2", 12, 48, service="server"))
    bars = {bar["args"]["trace_id"]: bar for bar in read_chrome(path)}
    check((bars["2"]["ts"], bars["2"]["dur"]) == (10, 40.123), "nanoseconds are kept", bars["2"])
    check(bars["2"]["name"] == "db SELECT 1" and bars["2"]["cat"] == "db", "name")
    check(len(bars["2"]["args"]["points"]) == 2, "the points are there")
    check(bars["1"]["tid"] == bars["2"]["tid"] == bars["4"]["tid"] != bars["3"]["tid"],
          "what runs beside another one has its own lane", bars)
    check(bars["5"]["pid"] != bars["2"]["pid"], "another service is another process")
    rows = {row["trace_id"]: row for row in read_csv(path)}
    check(rows["2"]["duration_ms"] == "0.040123" and rows["2"]["rows"] == "7" and
          rows["2"]["offset_ms"] == "0.010000" and rows["2"]["depth"] == "1" and
          rows["2"]["started"] == "2026-11-28T10:00:00.000010" and
          rows["2"]["text"] == "SELECT 1" and rows["2"]["state"] == "ended", "a row", rows["2"])


def nest_by_parents(bars):
    """Is what is drawn around an operation, in its thread, always one of its ancestors?"""
    parents = {bar["args"]["trace_id"]: bar["args"]["parent_id"] for bar in bars}
    open_bars = collections.defaultdict(list)
    for bar in bars:
        thread = open_bars[bar["pid"], bar["tid"]]
        begin = round(bar["ts"] * 1000)
        while thread and thread[-1][0] <= begin:
            thread.pop()
        ancestors = []
        at = bar["args"]["trace_id"]
        while parents.get(at) in parents:
            at = parents[at]
            ancestors.append(at)
        if thread and thread[-1][1] not in ancestors:
            return False
        thread.append((round((bar["ts"] + bar["dur"]) * 1000), bar["args"]["trace_id"]))
    return True


def test_lanes():
    """Lanes of operations that begin, and end, at any time: a child goes with its parent."""
    def lanes(name, *operations):
        bars = read_chrome(write(name, *operations))
        check(nest_by_parents(bars), "  only ancestors are drawn around an operation", bars)
        return {bar["args"]["trace_id"]: (bar["pid"], bar["tid"]) for bar in bars}

    at = lanes("lanes", points("a", "p1", BASE, 0, 6), points("a", "p2", BASE, 5, 10),
               points("a", "child", "p2", 7, 8), points("a", "below", "child", 7, 8))
    check(at["p1"] != at["p2"] == at["child"] == at["below"],
          "a child is in its parent's lane, though an earlier one is free", at)
    at = lanes("siblings", points("a", "p", BASE, 0, 100), points("a", "s1", "p", 10, 50),
               points("a", "s2", "p", 20, 40), points("a", "c1", "s1", 25, 45),
               points("a", "c2", "s2", 22, 30), points("a", "s3", "p", 60, 70))
    check(at["p"] == at["s1"] == at["c1"] == at["s3"] != at["s2"] == at["c2"],
          "a sibling is not drawn within the other", at)
    at = lanes("longer", points("a", "p", BASE, 0, 10), points("a", "late", "p", 5, 30),
               points("a", "later", "p", 12, 14), points("a", "below", "late", 20, 30))
    check(at["p"] == at["later"] != at["late"] == at["below"],
          "what outlives its parent has a lane, and keeps its own children", at)
    at = lanes("services", points("a", "p1", BASE, 0, 50), points("b", "q1", "p1", 1, 20, service="b"),
               points("a", "p2", BASE, 2, 60), points("b", "q2", "p2", 15, 40, service="b"),
               points("b", "r2", "q2", 25, 30, service="b"), points("a", "back", "r2", 26, 27))
    check(at["q1"][0] == at["q2"][0] != at["p1"][0] and at["q1"] != at["q2"] == at["r2"] and
          at["back"] == at["p2"], "in another process, too", at)


def test_broken():
    path = write("broken", points("a", "1", "2", 0, 10), points("a", "2", "1", 0, 10),
                 points("orphan", "3", "nowhere", 5, 8, None, {"etype": "boom", "message": "m"}),
                 points("open", "4", BASE, 7, None), points("late", "5", BASE, None, 9),
                 points("backwards", "6", BASE, 9, 3))
    check(len(read_chrome(path)) == 6, "all are there")
    rows = {row["trace_id"]: row for row in read_csv(path)}
    check(rows["3"]["error"] == "boom: m", "the error")
    check(rows["4"]["duration_ms"] == "" and rows["4"]["state"] == "unfinished",
          "an operation without an end has no duration", rows["4"])
    check(rows["5"]["duration_ms"] == "" and rows["5"]["state"] == "start lost", "nor one without a start")


def test_numbers_that_are_none():
    inf = float("inf")
    info = {"a": inf, "b": [-inf, {"c": float("nan")}], "d": "Infinity \" -Infinity, NaN", "e": -1.5E-7, "N": "N"}
    path = write("numbers", points("db", "1", BASE, 0, 5, info))
    refused = []
    chrome = json.loads(export("chrome", path), parse_constant=refused.append)
    bar = [event for event in chrome["traceEvents"] if event["ph"] == "X"][0]
    check(not refused, "chrome: numbers that JSON does not have", refused)
    told = bar["args"]["points"][0]["info"]
    check(told["a"] is None and told["b"] == [None, {"c": None}] and told["d"] == info["d"] and
          told["e"] == info["e"] and told["N"] == "N", "they are null, and all else is as it was", told)


def test_hostile():
    path = write("hostile", *(points("db", f"{i}", BASE, i, i + 1, {"db": {"statement": text}},
                                     None, service=text) for i, text in enumerate(HOSTILE)))
    bars = {bar["args"]["trace_id"]: bar for bar in read_chrome(path)}
    for i, text in enumerate(HOSTILE):
        check(bars[str(i)]["args"].get("text", "") == text, f"chrome: {text!r}",
              bars[str(i)]["args"])
    for row in read_csv(path):
        text = HOSTILE[int(row["trace_id"])]
        guarded = "'" + text if text in FORMULAS + APOSTROPHES else text
        guarded = guarded.replace("\ud800", "\ufffd").replace("\x00", "\ufffd")
        check(row["text"] == guarded == row["service"], f"csv: {text!r}", row)
        check(row["text"].removeprefix("'") == text.replace("\ud800", "\ufffd").replace("\x00", "\ufffd"),
              "  it is read back", row)


def test_random():
    """Operations on several hosts that overlap in every way."""
    source = random.Random(7)
    made = [points("app", "0", BASE, 0, 999999)]
    for i in range(1, 1000):
        begin = source.randrange(0, 999999)
        made.append(points("db", str(i), str(source.randrange(0, i)), begin,
                           begin + source.choice([0, 1, 10, 1000, 500000]),
                           service=source.choice("abc")))
    path = write("random", *made)
    check(len(read_chrome(path)) == 1000, "a thousand overlapping operations")
    check(len(read_csv(path)) == 1000, "in a table, too")


def test_faults():
    small = write("small", points("app", "1", BASE, 0, 10))
    fails(2, "--format is missing", small)
    fails(2, "--format takes", "--format", "xml", small)
    fails(2, "missing", "--format", "csv")
    fails(1, "cannot open", "--format", "csv", folder + "/nothing")
    for form in ("chrome", "otlp", "csv"):
        with open("/dev/full", "w", encoding="ascii") as full:
            status, _, err = run("--format", form, small, stdout=full)
            check(status == 1 and err == "osprofiler: trace export: cannot write to standard "
                  "output: No space left on device\n", form + ": a full disk", err)
        fails(1, "standard output: ", "--format", form, small, stdout=None,
              preexec_fn=lambda: os.close(1))
        out = os.path.join(folder, "out")
        fails(1, "No such file", "--format", form, "--out", out + "/no", small)
        status, text, err = run("--format", form, "--out", out, small)
        with open(out, "rb") as file:
            check((status, text, err) == (0, b"", "") and
                  file.read() == run("--format", form, small)[1], form + ": --out")
        os.unlink(out)

        # A limit on the size of files is what a full disk is; nothing is left.
        large = VECTORS + "repeat.points"
        fails(1, "File too large", "--format", form, "--out", out, large,
              preexec_fn=lambda: __import__("resource").setrlimit(
                  __import__("resource").RLIMIT_FSIZE, (1000, 1000)))
        check(not [n for n in os.listdir(folder) if n.startswith(("out", "."))],
              form + ": no partial file is left")


def test_terminal():
    """What a collector holds does not drive a terminal; a file gets it as it is."""
    path = os.path.join(folder, "escape")
    with open(path, "w", encoding="utf-8") as file:
        for end in ("start", "stop"):
            file.write(json.dumps({
                "name": "db-" + end, "base_id": "00000000-0000-4000-8000-000000000001",
                "trace_id": "00000000-0000-4000-8000-000000000002",
                "parent_id": "00000000-0000-4000-8000-000000000001",
                "timestamp": "2026-11-29T12:00:00.000000", "project": "p", "service": "s",
                "info": {"host": "h", "db": {"statement": "SELECT \x1b]0;OWNED\x07\u009b31m"}}}) + "\n")
    check(b"\x1b]0;" in run("--format", "csv", path)[1], "csv: a file has the text as it is")
    master, terminal = os.openpty()
    subprocess.run([BUILD + "/bin/osprofiler", "trace", "export", "--format", "csv", path],
                   stdout=terminal, check=True)
    os.close(terminal)
    seen = b""
    try:
        while chunk := os.read(master, 65536):
            seen += chunk
    except OSError:
        pass
    os.close(master)
    check(b"\\x1b]0;OWNED\\x07" in seen and b"\x1b" not in seen and b"\xc2\x9b" not in seen,
          "csv: a terminal has no control characters")


def test_many_processes():
    """Of a trace with as many services as operations each is a process, in time that grows with them."""
    path = os.path.join(folder, "many")
    with open(path, "w", encoding="utf-8") as file:
        for i in range(20000):
            file.write('{"name": "db-start", "base_id": "00000000-0000-4000-8000-000000000001", "trace_id": '
                       '"00000000-0000-4000-8000-%012d", "parent_id": "00000000-0000-4000-8000-000000000001", '
                       '"timestamp": "2026-11-29T12:00:00.000000", "project": "p", "service": "s%d", '
                       '"info": {"host": "h%d"}}\n' % (i + 2, i, i % 7))
    events = json.loads(run("--format", "chrome", path)[1])["traceEvents"]
    check(len({e["pid"] for e in events}) == 20000, "chrome: many processes")


os.environ["OSPROFILER_DRIVER_PATH"] = BUILD + "/drivers"
os.environ["LC_ALL"] = "C.UTF-8"
folder = tempfile.mkdtemp(prefix="osprofiler-export.")
try:
    for test in (test_recorded, test_times, test_lanes, test_broken, test_numbers_that_are_none, test_hostile, test_random,
                 test_faults, test_terminal, test_many_processes):
        test()
finally:
    shutil.rmtree(folder)
print(f"1..{tests}")
sys.exit(failures > 0)
