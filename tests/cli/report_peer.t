#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# report_peer.t
#     Reports beside those of the Python OSProfiler: random traces, as its
#     library writes them and as a writer in another language may, in a Redis of
#     this test. Every member must be the same; siblings must be in true order.
#
# BUILD names the build directory. SEED repeats a run, ROUNDS makes it longer.

import datetime
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", TOP + "/build")
SERVER = TOP + "/tests/drivers/redis_server.sh"
UPSTREAM = "/usr/bin/osprofiler"
ROUNDS = int(os.environ.get("ROUNDS", "24"))

try:
    import redis
    from osprofiler import notifier
    from osprofiler import profiler
    from osprofiler.drivers import base
except ImportError:
    print("1..0 # SKIP the Python OSProfiler is not installed")
    sys.exit(0)

NAMES = ["db", "pg", "pg.plan", "rpc-call", "wsgi", "neutron-api", "sqlite",
         "a \"b\"\\c", "ж", "", "x-stop-y"]
STRINGS = ["SELECT 1", "", "ж é \U0001f40c", "\x00\x1f\x7f\u2028",
           "<b>\"'\\/</b>", "line\nline\ttab", "\ud800 half", "x" * 3000]


class Random(random.Random):
    """What may stand in an info."""

    def value(self, depth=0):
        kind = self.random()
        if depth < 4 and kind < 0.2:
            return {self.choice(STRINGS[:7]): self.value(depth + 1)
                    for _ in range(self.randint(0, 4))}
        if depth < 4 and kind < 0.3:
            return [self.value(depth + 1) for _ in range(self.randint(0, 4))]
        return self.choice([None, True, False, 0, -1, 10**25, 1.5, -2.5e-9,
                            1e300, float("nan"), float("inf")] + STRINGS)

    def info(self):
        info = {}
        if self.random() < 0.5:
            info["db"] = {"statement": self.choice(STRINGS)}
        if self.random() < 0.3:
            info["extra"] = self.value()
        return info


def foreign_trace(rng):
    """Notifications of a trace, its base id; times in microseconds."""
    base_id = rng.choice([str(uuid.uuid4()), uuid.uuid4().hex])
    clock = datetime.datetime(2026, 12, 31, 23, 59, 59, 990000)
    points, stack, done = [], [], []

    def emit(kind, node, info):
        nonlocal clock
        clock += datetime.timedelta(
            microseconds=rng.choice([0, 1, 7, 300, 5000, 10**6]))
        when = clock.strftime("%Y-%m-%dT%H:%M:%S.%f")
        if when.endswith("000") and rng.random() < 0.3:
            when = when[:-3]
        info["host"] = node["host"]
        point = {"name": node["name"] + kind, "base_id": base_id,
                 "trace_id": node["id"], "parent_id": node["parent"],
                 "timestamp": when, "info": info, "project": node["project"],
                 "service": node["service"]}
        if rng.random() < 0.1:
            point["extra"] = rng.value()
        points.append(point)

    for _ in range(rng.choice([1, 5, 40, 150])):
        if stack and rng.random() < 0.5:
            node = stack.pop()
            info = rng.info()
            if rng.random() < 0.2:
                info["etype"] = rng.choice(["unique_violation", None, 42501])
            if rng.random() < 0.9:
                emit("-stop", node, info)
            done.append(node)
        else:
            parent = stack[-1]["id"] if stack else base_id
            if rng.random() < 0.1:
                parent = rng.choice(["nobody", None, ""])
            elif done and rng.random() < 0.1:
                parent = rng.choice(done)["id"]
            node = {"name": rng.choice(NAMES), "parent": parent,
                    "id": rng.choice([str(uuid.uuid4()),
                                      "id %d" % len(points)]),
                    "host": rng.choice(["vm", "höst", None]),
                    "project": rng.choice([None, "pro", 7]),
                    "service": rng.choice([None, "svc", {"a": [1]}])}
            stack.append(node)
            emit("-start", node, rng.info())
    if rng.random() < 0.3:
        rng.shuffle(points)
    if rng.random() < 0.3:
        points += rng.sample(points, len(points) // 3)
    return base_id, points


def write_foreign(rng, store):
    base_id, points = foreign_trace(rng)
    raw = rng.random() < 0.3
    for point in points:
        text = json.dumps(point, ensure_ascii=not raw)
        if "\ud800" in text:
            text = json.dumps(point)
        store.lpush("osprofiler_opt:" + base_id, text)
    return base_id


def write_with_library(rng, uri):
    notifier.set(notifier.create(uri, conf={}, project="pro", service="py"))
    prof = profiler.init("KEY")

    def operate(depth):
        for _ in range(rng.randint(0, 3)):
            try:
                with profiler.Trace(rng.choice(NAMES), info=rng.info()):
                    if depth < 5:
                        operate(depth + 1)
                    if rng.random() < 0.2:
                        raise ValueError(rng.choice(STRINGS))
            except ValueError:
                pass

    with profiler.Trace("wsgi", info=rng.info()):
        operate(0)
    return prof.get_base_id()


def run(*command):
    env = dict(os.environ, OSPROFILER_DRIVER_PATH=BUILD + "/drivers")
    return subprocess.run(command, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)


def normal(node):
    """The same report with siblings in an order that does not matter."""
    node["children"].sort(key=lambda child: json.dumps(child["trace_id"]))
    for child in node["children"]:
        normal(child)
    return json.dumps(node, sort_keys=True)


def times_of(node):
    """Start and end of a node in a report, from its payloads."""
    start = stop = None
    for name, payload in node["info"].items():
        if name.startswith("meta.raw_payload."):
            when = datetime.datetime.strptime(payload["timestamp"],
                                              "%Y-%m-%dT%H:%M:%S.%f")
            if payload["name"].endswith("stop"):
                stop = when
            else:
                start = when
    return start or stop, stop or start


def in_true_order(node):
    times = [times_of(child) for child in node["children"]]
    return times == sorted(times) and all(map(in_true_order,
                                              node["children"]))


class Tap:
    count = 0
    failed = 0

    def ok(self, good, what, note=""):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, what))
        if not good:
            for line in str(note).splitlines():
                print("# " + line[:1000])
        sys.stdout.flush()


def compare(tap, what, theirs, ours):
    if ours.returncode != 0:
        tap.ok(False, what, ours.stderr.decode(errors="replace"))
        return
    report = json.loads(ours.stdout)
    tap.ok(in_true_order(report), what + ": siblings")
    a, b = normal(theirs), normal(report)
    at = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), 0)
    tap.ok(a == b, what,
           "theirs: %s\nours: %s" % (a[max(0, at - 100):at + 100],
                                     b[max(0, at - 100):at + 100]))


def main():
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    rng = Random(seed)
    tap = Tap()
    directory = tempfile.mkdtemp(prefix="osprofiler-peer.")
    started = subprocess.run([SERVER, "start", directory],
                             stdout=subprocess.PIPE, check=False)
    print("# SEED=%d" % seed)
    try:
        if started.returncode != 0:
            print("1..0 # SKIP no redis-server")
            return 0
        uri = "redis://127.0.0.1:%d/0" % int(started.stdout)
        store = redis.StrictRedis.from_url(uri)
        show = [BUILD + "/bin/osprofiler", "trace", "show", "--json",
                "--connection-string", uri]
        for number in range(ROUNDS):
            if number % 3 == 0:
                base_id, kind = write_with_library(rng, uri), "library"
            else:
                base_id, kind = write_foreign(rng, store), "foreign"
            theirs = base.get_driver(uri, conf={}).get_report(base_id)
            compare(tap, "%s trace %d" % (kind, number),
                    json.loads(json.dumps(theirs)), run(*show, base_id))

            # The command itself, now and then: it takes long to start.
            if number % 20 < 2:
                theirs = run(UPSTREAM, *show[1:], base_id)
                compare(tap, "%s trace %d, by command" % (kind, number),
                        json.loads(theirs.stdout), run(*show, base_id))
    finally:
        subprocess.run([SERVER, "stop", directory], check=False)
        shutil.rmtree(directory)
    print("1..%d" % tap.count)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
