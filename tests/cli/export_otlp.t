#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# export_otlp.t
#     osprofiler trace export --format otlp: an OpenTelemetry Collector takes it as it is.
#     OSPROFILER_OTELCOL names the Collector's program; without it a receiver stands in,
#     which decodes with a protobuf library (tests/drivers/otlp_collector.c).
#
# BUILD names the build directory.

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", TOP + "/build")
VECTORS = TOP + "/tests/vectors/findings/"
BASE = "11111111-2222-4333-8444-555555555555"
WAIT_S = 30

tests = 0
failures = 0


def check(good, name, more=""):
    global tests, failures
    tests += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {tests} - {name}")
    if not good and more:
        print("# " + str(more).replace("\n", "\n# ")[:2000])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Collector:
    """A receiver of OTLP that prints the spans it gets."""

    def __init__(self, folder):
        program = os.environ.get("OSPROFILER_OTELCOL")
        if not program:
            program = BUILD + "/tests/drivers/otlp_collector"
            subprocess.run(["make", "-s", "-C", TOP + "/tests/drivers", "BUILD=" + BUILD,
                            program], check=True, stdout=subprocess.DEVNULL)
        self.port = free_port()
        config = folder + "/otelcol.yaml"
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""receivers:
  otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{self.port}}}}}}}
exporters:
  debug: {{verbosity: detailed}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
""")
        self.path = folder + "/spans"
        self.output = open(self.path, "wb")
        self.process = subprocess.Popen([program, "--config", config],
                                        stdout=subprocess.DEVNULL, stderr=self.output)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.output.close()

    def post(self, body):
        """The status of the answer; the Collector may still be starting."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
                connection.request("POST", "/v1/traces", body,
                                   {"Content-Type": "application/x-protobuf"})
                return connection.getresponse().status
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def spans(self, trace, count):
        """The spans of a trace, when there are as many; attributes are members, too."""
        deadline = time.monotonic() + WAIT_S
        found = []
        while len(found) < count and time.monotonic() < deadline:
            time.sleep(0.05)
            with open(self.path, encoding="utf-8", errors="replace") as file:
                found = [s for s in parse_spans(file) if s.get("Trace ID") == trace]
        return found


def parse_spans(lines):
    spans = []
    resource, span = {}, None
    for line in lines:
        if line.startswith("Resource attributes"):
            resource, span = {}, None
        elif line.startswith("Span #"):
            span = dict(resource)
            spans.append(span)
        elif (match := re.match(r"    (\S.*?) +: (.*?)\s*$", line)) and span is not None:
            span[match[1]] = match[2]
        elif match := re.match(r"     -> ([\w.]+): \w+\((.*)\)$", line):
            (resource if span is None else span)[match[1]] = match[2]
    return spans


def export(path, said=""):
    done = subprocess.run([BUILD + "/bin/osprofiler", "trace", "export", "--format", "otlp", path],
                          capture_output=True, check=False)
    check((done.returncode, done.stderr.decode()) == (0, said), "export of " + os.path.basename(path),
          done.stderr)
    return done.stdout


def point(name, key, parent, us, info, service="shop"):
    return json.dumps({"name": name, "base_id": BASE, "trace_id": key, "parent_id": parent,
                       "timestamp": f"2026-11-28T10:00:00.{us:06}", "info": {"host": "h", **info},
                       "project": None, "service": service})


def key(number):
    return f"aaaaaaaa-bbbb-4ccc-8ddd-{number:012}"


def test_mapping(collector, folder):
    """Ids, parents, times, kinds, attributes and errors, as otlp:// sends them."""
    path = folder + "/small"
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join([
            point("app-start", key(1), BASE, 0, {}),
            point("db-start", key(2), key(1), 10, {"db": {"statement": "SELECT n FROM stock",
                                                           "system": "postgresql"}}),
            point("pg-start", key(3), key(2), 20, {"db": {"statement": "SELECT n FROM stock",
                                                           "system": "postgresql"}}, "base"),
            point("pg.plan-start", key(4), key(3), 21, {}, "base"),
            point("pg.plan-stop", key(4), key(3), 23, {"elapsed_ns": 2001}, "base"),
            point("pg-stop", key(3), key(2), 80, {"etype": "boom", "message": "it \ud800 broke"},
                  "base"),
            point("db-stop", key(2), key(1), 90, {}),
            point("app-stop", key(1), BASE, 100, {}),
            point("open-start", "no uuid", "nowhere", 50, {}),
            point("root-start", key(5), None, 60, {}), point("root-stop", key(5), None, 70, {})]) + "\n")
    check(collector.post(export(path)) == 200, "  it is taken")
    spans = {s["ID"]: s for s in collector.spans(BASE.replace("-", ""), 6)}
    check(len(spans) == 6, "  all operations are spans", spans)
    ids = [key(i).replace("-", "")[16:] for i in range(6)]
    app, db, pg, plan, root = (spans.get(ids[i], {}) for i in range(1, 6))
    check(root.get("Name") == "root" and root.get("Parent ID", "") == "",
          "  one without a parent is a root", root)
    check(app.get("Parent ID", "") == "" and db.get("Parent ID") == ids[1] and
          pg.get("Parent ID") == ids[2] and plan.get("Parent ID") == ids[3], "  parents", spans)
    check((db.get("Kind"), pg.get("Kind"), plan.get("Kind")) == ("Client", "Server", "Internal"),
          "  kinds", spans)
    check(db.get("Name") == "SELECT stock" and plan.get("Name") == "pg.plan" and
          db.get("db.query.text") == "SELECT n FROM stock", "  names and statements", spans)
    check(plan.get("End time", "").endswith("10:00:00.000023001 +0000 UTC"), "  times", plan)
    check((app.get("service.name"), pg.get("service.name")) == ("shop", "base"), "  services", spans)
    check(pg.get("Status code") == "Error" and app.get("Status code") == "Unset" and
          pg.get("Status message") == "it \ufffd broke", "  status", pg)


def time_of(text):
    """The time of day of a printed time, without zeros at the end of its fraction."""
    match = re.search(r" (\d\d:\d\d:\d\d)(\.\d+)? \+0000", text)
    return match and match[1] + (match[2] or "").rstrip("0").rstrip(".")


def test_times(collector, folder):
    """The times of other writers are those that the tree has."""
    other = BASE.replace("11111111", "33333333")
    times = {1: ("2026-11-28T10:00:01", "10:00:01"),
             2: ("2026-11-28T10:00:02Z", "10:00:02"),
             3: ("2026-11-28 10:00:03.25", "10:00:03.25"),
             4: ("2026-11-28T10:00:04.123456789", "10:00:04.123456789"),
             5: ("2026-11-28T12:00:05+02:00", "10:00:05")}
    path = folder + "/times"
    with open(path, "w", encoding="ascii") as file:
        for number, (time_text, _) in times.items():
            for end in ("start", "stop"):
                line = point("app-" + end, key(number), other, 0, {}).replace(BASE, other)
                file.write(line.replace("2026-11-28T10:00:00.000000", time_text) + "\n")
    check(collector.post(export(path)) == 200, "  it is taken")
    spans = {s["ID"]: s for s in collector.spans(other.replace("-", ""), 5)}
    for number, (_, shown) in times.items():
        span = spans.get(key(number).replace("-", "")[16:], {})
        check(time_of(span.get("Start time", "")) == shown == time_of(span.get("End time", "")),
              "  " + times[number][0], span)


def test_parents(collector, folder):
    """Parents are those of the tree: above the root that it makes of a ring there is none."""
    other = BASE.replace("11111111", "44444444")
    points = []
    us = 0
    for number, parent in ((1, 1), (2, 5), (3, 2), (4, 3), (5, 4), (6, 4)):
        us += 10
        points += [point("app-" + end, key(number), key(parent), us, {}) for end in
                   ("start", "stop")]

    # An operation comes again, with another parent: that makes a ring for whoever
    # believes it.
    points += [point("app-start", key(7), other, 80, {}), point("db-start", key(8), key(7), 81, {}),
               point("db-stop", key(8), key(7), 82, {}), point("app-stop", key(7), other, 83, {}),
               point("other-start", key(7), key(8), 84, {}),
               point("other-stop", key(7), key(8), 85, {})]
    path = folder + "/rings"
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(points).replace(BASE, other) + "\n")
    said = ("osprofiler: trace export: 2 points have the ids of other points: of each operation the "
            "last ones count; see 'osprofiler trace check'\n")
    check(collector.post(export(path, said)) == 200, "  it is taken")
    spans = collector.spans(other.replace("-", ""), 8)
    found = {s["ID"][-1]: s.get("Parent ID", "")[-1:] for s in spans}
    check(found == {"1": "", "2": "", "3": "2", "4": "3", "5": "4", "6": "4", "7": "", "8": "7"},
          "  rings are cut where the tree has its roots", found)


def test_recorded(collector):
    """Stored traces of a server and a client, whole."""
    for name in ("deadlock", "workers", "repeat", "failure"):
        path = VECTORS + name + ".points"
        with open(path, encoding="ascii") as file:
            points = [json.loads(line) for line in file]
        count = len({p["trace_id"] for p in points})
        check(collector.post(export(path)) == 200, "  it is taken")
        spans = collector.spans(points[0]["base_id"].replace("-", ""), count)
        check(len({s["ID"] for s in spans}) == count == len(spans), "  all operations are spans",
              f"{len(spans)} of {count}")


def test_pieces(collector, folder):
    """Services that change all the time, and more than one piece of the request."""
    path = folder + "/large"
    other = BASE.replace("11111111", "22222222")
    with open(path, "w", encoding="ascii") as file:
        for i in range(3000):
            text = {"db": {"statement": "SELECT " + "x" * 300}}
            for end in ("start", "stop"):
                file.write(point("db-" + end, key(i), other, i, text if end == "start" else {},
                                 f"s{i % 3 if i < 300 else 0}").replace(BASE, other) + "\n")
    check(collector.post(export(path)) == 200, "  it is taken")
    spans = collector.spans(other.replace("-", ""), 3000)
    check(len({s["ID"] for s in spans}) == 3000, "  all operations are spans", len(spans))
    check({s["service.name"] for s in spans} == {"s0", "s1", "s2"}, "  of their services")


os.environ["OSPROFILER_DRIVER_PATH"] = BUILD + "/drivers"
os.environ["LC_ALL"] = "C.UTF-8"
directory = tempfile.mkdtemp(prefix="osprofiler-otlp.")
receiver = Collector(directory)
try:
    test_mapping(receiver, directory)
    test_times(receiver, directory)
    test_parents(receiver, directory)
    test_recorded(receiver)
    test_pieces(receiver, directory)
finally:
    receiver.end()
    shutil.rmtree(directory)
print(f"1..{tests}")
sys.exit(failures > 0)
