#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pg_tps.py WORK BINDIR CONTEXT POINTS: transactions per second to those without us, as ratios.

One pgbench for each kind of session, -S -M prepared and then TPC-B: without the extension, with it
and nothing traced, and with every statement traced: statements alone, with POINTS (the default
kinds of points, and nodes of slow statements), with plan nodes. All are of one server, for two differ by more than a session that
is not traced; a session is one without the extension if it does not load it. They take turns on one
core, a moment at a time in random order, all others stopped; so all see the same machine, however it
drifts, and none is short enough for the start of a session to count. That is one block; there are
many, as where a process lies in memory may matter more than we do. Each session has a database of its
own, as one that is stopped may hold locks; which one, is drawn for each block, as two of them, with
what was left behind in them by then, differ as well.
"""
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time

BLOCKS = int(os.environ.get("BENCH_BLOCKS", "20"))
BLOCK_S = float(os.environ.get("BENCH_BLOCK_SECONDS", "9"))
SLICE_S = 0.03
PORT = "5433"
SCRIPTS = {"-S -M prepared": ["-S", "-M", "prepared"],
           "TPC-B -M prepared": ["-M", "prepared"]}
LABELS = {"again": "bare to bare (the noise)", "untraced": "loaded, nothing traced",
          "statement": "every statement traced", "default": "default points",
          "node": "with plan nodes"}
DATABASES = ["bench_%d" % number for number in range(6)]
AIMS = {"untraced": 0.995, "statement": 0.975, "default": 0.96, "node": 0.92}


class Session:
    """A pgbench that runs when it is told to."""

    def __init__(self, work, bindir, script, database, options):
        self.seconds = 0.0
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", bindir + "/pgbench", "-n", *script, "-T", str(int(BLOCK_S)),
             "-h", work, "-p", PORT, "-U", "postgres", database],
            env=dict(os.environ, PGOPTIONS=options), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.process.send_signal(signal.SIGSTOP)

    def run(self, seconds):
        start = time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGSTOP)
        self.seconds += time.monotonic() - start

    def tps(self):
        """When the block is over. pgbench's own clock began when it was connected, so there may be
        a rest for it to run, which counts as the slices do; to connect does not count."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        out = self.process.communicate()[0]
        self.seconds += time.monotonic() - start
        self.seconds -= float(re.search(r"initial connection time = ([\d.]+) ms", out).group(1)) / 1000
        return int(re.search(r"actually processed: (\d+)", out).group(1)) / self.seconds


def block(work, bindir, script, kinds):
    databases = random.sample(DATABASES, len(kinds))
    sessions = {kind: Session(work, bindir, script, database, options)
                for database, (kind, options) in zip(databases, kinds.items())}
    points = work + "/points"
    order = list(sessions.values())
    end = time.monotonic() + BLOCK_S
    while time.monotonic() < end:
        random.shuffle(order)
        for session in order:
            session.run(SLICE_S)
        if os.path.exists(points):
            os.truncate(points, 0)
    return {kind: session.tps() for kind, session in sessions.items()}


def base(kind, tps):
    """Two sessions without the extension are less a matter of luck than one."""
    return tps["bare"] if kind == "again" else (tps["bare"] + tps["again"]) / 2


def main():
    work, bindir, context, points = sys.argv[1:]
    bare = "-c session_preload_libraries="
    kinds = {"bare": bare, "again": bare, "untraced": "", "statement": context + " -c osprofiler.node_min_duration=-1",
             "default": context + " -c osprofiler.points=" + points,
             "node": context + " -c osprofiler.points=statement,node"}
    for database in DATABASES:
        subprocess.run([bindir + "/createdb", "-h", work, "-p", PORT, "-U", "postgres",
                        "-T", "bench", database], check=True)
    os.sched_setaffinity(0, {1})
    for name, script in SCRIPTS.items():
        print("== PostgreSQL: TPS to bare, pgbench %s, client and server on one core" % name)
        blocks = [block(work, bindir, script, kinds) for _ in range(BLOCKS)]
        for kind, label in LABELS.items():
            found = [tps[kind] / base(kind, tps) for tps in blocks]
            low, middle, high = statistics.quantiles(found, n=4)
            aim = "  aim %.3f" % AIMS[kind] if kind in AIMS else ""
            print("%-28s %.3f  [%.3f .. %.3f]  median and quartiles of %d%s"
                  % (label, middle, low, high, len(found), aim))
        print("%-28s %d" % ("TPS without the extension",
                            statistics.median(tps["bare"] for tps in blocks)))


main()
