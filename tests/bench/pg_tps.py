#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pg_tps.py WORK BINDIR CONTEXT POINTS: TPS of short slices in random order, as ratios.

Each round runs pgbench -S -M prepared for a second against the bare cluster, the one
with the extension and nothing traced, and the same with every statement traced: statements
alone, with POINTS (the default kinds of points), with plan nodes. The ratio of a round
is to its bare slice. Machines drift; ratios of neighbours do not.
"""
import os
import random
import re
import statistics
import subprocess
import sys

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "25"))


def tps(work, bindir, port, options):
    command = ["taskset", "-c", "0", bindir + "/pgbench", "-n", "-S", "-M", "prepared",
               "-T", "1", "-h", work, "-p", port, "-U", "postgres", "bench"]
    out = subprocess.run(command, env=dict(os.environ, PGOPTIONS=options), check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
    points = work + "/points"
    if os.path.exists(points):
        os.truncate(points, 0)
    return float(re.search(r"tps = ([0-9.]+) \(without", out).group(1))


def main():
    work, bindir, context, points = sys.argv[1:]
    kinds = {"bare": ("5432", ""), "again": ("5432", ""), "untraced": ("5433", ""),
             "statement": ("5433", context),
             "default": ("5433", context + " -c osprofiler.points=" + points),
             "node": ("5433", context + " -c osprofiler.points=statement,node")}
    ratios = {kind: [] for kind in kinds if kind != "bare"}
    for _ in range(ROUNDS):
        order = list(kinds)
        random.shuffle(order)
        result = {kind: tps(work, bindir, *kinds[kind]) for kind in order}
        for kind, found in ratios.items():
            found.append(result[kind] / result["bare"])
    labels = {"again": "bare to bare (the noise)", "untraced": "loaded, nothing traced",
              "statement": "every statement traced", "default": "default points",
              "node": "with plan nodes"}
    for kind, found in ratios.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print("%-28s %.3f  [%.3f .. %.3f]  median and quartiles of %d"
              % (labels[kind], middle, low, high, len(found)))


main()
