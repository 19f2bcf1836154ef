#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Producers and agent in PID namespaces of their own that share a run directory.

Every producer has pid 1 or 2 in its namespace, with a /proc of its own or with
that of its parent, so pids say nothing to the agent. Some are killed. Every
committed point must be in the collector, and no ring may stay. Prints TAP.
"""

import argparse
import glob
import os
import random
import subprocess
import sys
import time

import faultlib

RATE = 2000

# An unprivileged user may have PID namespaces in a user namespace.
USER = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
NAMESPACES = ["unshare"] + USER + ["--pid", "--fork", "--kill-child"]


class NamespaceProducer(faultlib.Producer):
    """fault_producer in namespaces, which ends by itself unless it is killed."""

    def __init__(self, *arguments, own_proc, seconds):
        super().__init__(*arguments)
        self.prefix = NAMESPACES + (["--mount-proc"] if own_proc else [])
        self.prefix += ["timeout", "-s", "TERM", str(seconds)]

    def start(self):
        program, self.program = self.program, self.prefix[0]
        name = "producer-%d" % faultlib.Producer.number
        faultlib.Producer.number += 1
        self.names.append(name)
        self.args = self.prefix + [
            program, self.run_directory, name,
            os.path.join(self.directory, name), str(self.rate)]
        faultlib.Process.start(self)


def run_round(build, place, producers):
    started = []
    for number in range(3):
        producer = NamespaceProducer(
            os.path.join(build, "tests", "faults", "fault_producer"),
            place.path, place.run_directory, RATE,
            own_proc=number % 2 == 0, seconds=random.uniform(0.2, 0.8))
        producer.start()
        started.append(producer)
        time.sleep(0.05)
    time.sleep(0.3)
    if random.random() < 0.5:
        started[0].kill()
    for producer in started:
        if producer.process is not None:
            producer.process.wait(20)
    producers += started


def run(arguments):
    with faultlib.Workplace(arguments.keep) as place:
        redis = faultlib.Redis(place.path)
        redis.start()
        agent = faultlib.Agent(
            NAMESPACES + ["--mount-proc",
                          os.path.join(arguments.build, "bin", "osprofiler")],
            place.path, place.run_directory, redis.uri,
            os.path.join(arguments.build, "drivers"))
        agent.start()
        producers = []
        try:
            for _ in range(arguments.rounds):
                run_round(arguments.build, place, producers)
            faultlib.wait_until(lambda: not glob.glob(
                os.path.join(place.run_directory, "ring.*")))
            committed = {}
            for producer in producers:
                committed.update(producer.committed())
            faultlib.check_points(redis.points(), committed)
        finally:
            agent.kill()
            redis.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=faultlib.default_build())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true",
                        help="keep directories and logs")
    arguments = parser.parse_args()
    print("1..1")
    try:
        run(arguments)
    except (faultlib.Failed, subprocess.TimeoutExpired) as failure:
        print("not ok 1 - namespaces\n# %s" % (
            str(failure).replace("\n", "\n# ")))
        return 1
    print("ok 1 - namespaces, %d rounds" % arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
