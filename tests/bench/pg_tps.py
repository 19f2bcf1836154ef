#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pg_tps.py WORK BINDIR CONTEXT POINTS: TPS of short slices in random order, as ratios.

Each round runs pgbench for a second, -S -M prepared or TPC-B, against the bare cluster, the one
with the extension and nothing traced, and the same with every statement traced: statements
alone, with POINTS (the default kinds of points), with plan nodes. The ratio of a round
is to its bare slice. Machines drift; ratios of neighbours do not. The aims are for -S.
"""
import os
import random
import re
import statistics
import subprocess
import sys

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "25"))
SCRIPTS = {"-S -M prepared": ["-S", "-M", "prepared"],
           "TPC-B -M prepared": ["-M", "prepared"]}
LABELS = {"again": "bare to bare (the noise)", "untraced": "loaded, nothing traced",
          "statement": "every statement traced", "default": "default points",
          "node": "with plan nodes"}
AIMS = {"untraced": 0.995, "statement": 0.98, "default": 0.96, "node": 0.92}


def tps(work, bindir, script, port, options):
    command = ["taskset", "-c", "0", bindir + "/pgbench", "-n", *script,
               "-T", "1", "-h", work, "-p", port, "-U", "postgres", "bench"]
    out = subprocess.run(command, env=dict(os.environ, PGOPTIONS=options), check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout
    points = work + "/points"
    if os.path.exists(points):
        os.truncate(points, 0)
    return float(re.search(r"tps = ([0-9.]+) \(without", out).group(1))


def ratios_of(work, bindir, script, kinds):
    ratios = {kind: [] for kind in kinds if kind != "bare"}
    for _ in range(ROUNDS):
        order = list(kinds)
        random.shuffle(order)
        result = {kind: tps(work, bindir, script, *kinds[kind]) for kind in order}
        for kind, found in ratios.items():
            found.append(result[kind] / result["bare"])
    return ratios


def main():
    work, bindir, context, points = sys.argv[1:]
    kinds = {"bare": ("5432", ""), "again": ("5432", ""), "untraced": ("5433", ""),
             "statement": ("5433", context),
             "default": ("5433", context + " -c osprofiler.points=" + points),
             "node": ("5433", context + " -c osprofiler.points=statement,node")}
    for name, script in SCRIPTS.items():
        print("== PostgreSQL: TPS to bare, pgbench %s, client and server on one core" % name)
        for kind, found in ratios_of(work, bindir, script, kinds).items():
            low, middle, high = statistics.quantiles(found, n=4)
            aim = "  aim %.3f" % AIMS[kind] if kind in AIMS and "-S" in script else ""
            print("%-28s %.3f  [%.3f .. %.3f]  median and quartiles of %d%s"
                  % (LABELS[kind], middle, low, high, len(found), aim))


main()
