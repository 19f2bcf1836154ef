#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# peer_trace.py
#	  The Python OSProfiler as a peer of the tests of the command.
#
#	  peer_trace.py write URI         traces a few operations, prints the base id
#	  peer_trace.py random SEED       prints notifications of a random trace
#	  peer_trace.py report < FILE     prints Python's report of notifications

import datetime
import json
import random
import sys
import time
import uuid

from osprofiler import notifier
from osprofiler import profiler
from osprofiler.drivers import base


def write(uri):
    """Operations that nest, follow one another, and fail."""
    notifier.set(notifier.create(uri, conf={}, project="pro",
                                 service="py"))
    prof = profiler.init("KEY")
    with profiler.Trace("wsgi", info={"request": {"path": "/é", "n": 2**60}}):
        for number in range(3):
            with profiler.Trace("db", info={"db": {"params": {"x": number}}}):
                time.sleep(0.003)
            time.sleep(0.003)
        try:
            with profiler.Trace("rpc-call"):
                time.sleep(0.003)
                raise ValueError("no \U0001f40c")
        except ValueError:
            pass
    print(prof.get_base_id())


def random_trace(seed):
    """A tree of operations; some lack their stop, times are far apart."""
    rng = random.Random(seed)
    clock = datetime.datetime(2026, 11, 22, 23, 59, 58, 999999)
    base_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    open_points = []
    points = []

    def emit(name, point, info):
        nonlocal clock
        clock += datetime.timedelta(microseconds=rng.randint(1000, 5000000))
        points.append({
            "name": name, "base_id": base_id, "trace_id": point[1],
            "parent_id": point[2],
            "timestamp": clock.strftime("%Y-%m-%dT%H:%M:%S.%f"),
            "info": dict(info, host="h"), "project": rng.choice([None, "p"]),
            "service": "s"})

    for _ in range(rng.randint(1, 200)):
        if open_points and rng.random() < 0.5:
            point = open_points.pop()
            if rng.random() < 0.9:
                info = rng.choice([{}, {"etype": "E", "message": "m"}])
                emit(point[0] + "-stop", point, info)
        else:
            parent = open_points[-1][1] if open_points else base_id
            point = (rng.choice(["pg", "db", "rpc-call", "pg.plan"]),
                     str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                     parent)
            open_points.append(point)
            emit(point[0] + "-start", point, rng.choice([
                {}, {"a": [1, 2.5, None, True, "é\n\u2028"]},
                {"db": {"statement": "SELECT '<b>'", "n": 10**25}}]))
    for point in points:
        print(json.dumps(point))


def report(text):
    """What upstream's drivers do with the notifications they read."""
    driver = base.Driver("file://")
    for line in text.splitlines():
        n = json.loads(line)
        driver._append_results(n["trace_id"], n["parent_id"], n["name"],
                               n["project"], n["service"], n["info"]["host"],
                               n["timestamp"], n)
    print(json.dumps(driver._parse_results(), indent=2,
                     separators=(",", ": ")))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    elif sys.argv[1] == "random":
        random_trace(int(sys.argv[2]))
    else:
        report(sys.stdin.read())
