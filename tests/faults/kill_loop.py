#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills agent, collector and producers at random while all of them work.

The collector is redis-server, PostgreSQL, MariaDB, or RabbitMQ, which takes seconds to
start and is killed less often.

At the end every point that a producer committed is in the collector: once in the
report, and once in its store too where that drops copies.
"""

import argparse
import os
import random
import signal
import sys

import faultlib


COLLECTORS = {"redis": faultlib.Redis, "messaging": faultlib.Rabbit,
              "mysql": faultlib.Mariadb, "postgresql": faultlib.Postgres}


# In a long run a collector that takes long to start must not let the spool become
# full: what finds no room there is lost, and counted, as it should be.
LONG_RUN = 20  # rounds; longer ones have the limit
LONG_RUN_OPTIONS = ["--spool-limit", "4GB"]


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=faultlib.default_build())
    parser.add_argument("--agent", help="program; default: osprofiler of the build")
    parser.add_argument("--collector", choices=sorted(COLLECTORS), default="redis")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--producers", type=int, default=4)
    parser.add_argument("--rate", type=int, default=2000,
                        help="points a second of each producer")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--keep", action="store_true",
                        help="keep directories and logs")
    return parser.parse_args()


def kill_agent_while_collector_stalls(agent, collector):
    """The server reads what the agent has sent only after the agent's end, and
    what the next one sends besides."""
    agent.pause()
    faultlib.random_pause(200, 400)
    collector.pause()
    agent.resume()
    faultlib.random_pause(20, 80)
    agent.kill()
    agent.start()
    faultlib.random_pause(50, 200)
    collector.resume()


def kill_one(agent, collector, producers):
    """Kills one process; whatever it was runs again afterwards."""
    if random.random() < 0.2:
        kill_agent_while_collector_stalls(agent, collector)
        return
    others = [agent, random.choice(producers)] * (4 if collector.name == "rabbitmq-server" else 1)
    victim = random.choice([collector, agent] + others)
    victim.expect_running()
    victim.kill()
    if victim is collector and random.random() < 0.3:
        # A long outage, in which the agent may be killed as well.
        faultlib.random_pause(200, 800)
        if random.random() < 0.5:
            agent.kill()
            agent.start()
    faultlib.random_pause(0, 50)
    victim.start()


def run(arguments, place):
    agent_program = arguments.agent or os.path.join(
        arguments.build, "bin", "osprofiler")
    collector = COLLECTORS[arguments.collector](place.path)
    collector.start()
    agent = faultlib.Agent([agent_program], place.path, place.run_directory,
                           collector.uri, os.path.join(arguments.build, "drivers"),
                           LONG_RUN_OPTIONS if arguments.rounds > LONG_RUN else ())
    producers = [
        faultlib.Producer(
            os.path.join(arguments.build, "tests", "faults", "fault_producer"),
            place.path, place.run_directory, arguments.rate)
        for _ in range(arguments.producers)]
    everything = [agent] + producers
    try:
        for process in everything:
            process.start()
        for _ in range(arguments.rounds):
            faultlib.random_pause(20, 300)
            kill_one(agent, collector, producers)
        for process in producers + [agent]:
            # One that has just begun may not have made ready to end.
            status = process.end()
            if status not in (0, -signal.SIGTERM):
                raise faultlib.Failed("%s failed with status %s, see %s"
                                      % (process.name, status, process.log))
        collector.wait_ready()
        agent.deliver()
        committed = {}
        for producer in producers:
            committed.update(producer.committed())
        points = list(collector.points())
        total, copies = faultlib.check_points(points, committed)
        traces = faultlib.check_report(agent_program, collector.uri, agent.drivers,
                                       points, collector.report_max)
    finally:
        for process in everything + [collector]:
            process.end()
    return ("%d points of %d producers, %d copies, %d traces shown whole; killed: "
            "agent %d, %s %d, producers %d times"
            % (total, len(committed), copies, traces, agent.kills, collector.name,
               collector.kills,
               sum(p.kills for p in producers)))


if __name__ == "__main__":
    sys.exit(faultlib.main("kill loop", read_arguments(), run))
