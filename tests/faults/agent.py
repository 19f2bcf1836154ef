#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""osprofiler agent as a process: signals, exit statuses, one log line for all.

Prints TAP.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import time

import faultlib


class Agents:
    """What the tests share: a place, a collector, producers, agents."""

    def __init__(self, build, place):
        self.build = build
        self.place = place
        self.drivers = os.path.join(build, "drivers")
        self.program = os.path.join(build, "bin", "osprofiler")
        self.redis = faultlib.Redis(place.path)
        self.producers = []

    def agent(self, uri=None, *options):
        agent = faultlib.Agent([self.program], self.place.path,
                               self.place.run_directory,
                               self.redis.uri if uri is None else uri,
                               self.drivers)
        agent.args += options
        return agent

    def start_agent(self, *options):
        agent = self.agent(*options)
        agent.start()
        faultlib.wait_until(lambda: os.path.exists(
            os.path.join(self.place.run_directory, "lock")))
        time.sleep(0.1)
        agent.expect_running()
        return agent

    def produce(self, seconds=0.2):
        """Commits some points, and returns how many."""
        producer = faultlib.Producer(
            os.path.join(self.build, "tests", "faults", "fault_producer"),
            self.place.path, self.place.run_directory, 2000)
        producer.start()
        time.sleep(seconds)
        producer.end()
        self.producers.append(producer)
        return producer.committed()[producer.names[0]][0]

    def committed(self):
        result = {}
        for producer in self.producers:
            for name, (least, _) in producer.committed().items():
                result[name] = (least, least)
        return result

    def check(self):
        return faultlib.check_points(self.redis.points(), self.committed())

    def log(self):
        with open(os.path.join(self.place.path, "agent.log")) as log:
            return log.read()


def expect(what, wanted, found):
    if wanted != found:
        raise faultlib.Failed("%s: wanted %r, found %r" % (what, wanted, found))


def test_delivers_until_told(agents):
    agent = agents.start_agent()
    agents.produce()
    expect("status after SIGTERM", 0, agent.end())
    agents.check()
    expect("log", "", agents.log())


def test_low_priority(agents):
    agent = agents.start_agent()
    tasks = "/proc/%d/task" % agent.process.pid
    threads = os.listdir(tasks)
    for thread in threads:
        with open("%s/%s/stat" % (tasks, thread)) as stat:
            fields = stat.read().rpartition(")")[2].split()
        expect("nice value", max(5, os.nice(0)), int(fields[16]))
        expect("policy (batch)", 3, int(fields[38]))
    expect("threads beside the first", True, len(threads) > 1)
    expect("status", 0, agent.end())


def test_one_agent(agents):
    agent = agents.start_agent()
    second = subprocess.run(agent.args, env=agent.env, capture_output=True,
                            text=True, timeout=20)
    expect("status of a second agent", 3, second.returncode)
    expect("lines of a second agent", 1, second.stderr.count("\n"))
    agent.kill()
    agent.start()
    time.sleep(0.1)
    expect("status of the next", 0, agent.end())


def test_collector_that_hangs(agents):
    agent = agents.start_agent()
    agents.produce(0.1)
    time.sleep(0.3)
    agents.redis.pause()
    agents.produce()
    begin = time.monotonic()
    expect("status while the collector hangs", 0, agent.end())
    took = time.monotonic() - begin
    agents.redis.resume()
    if took > 3:
        raise faultlib.Failed("ending took %.1f s" % took)
    agents.agent().deliver()
    agents.check()


MUTE = ["redis://%s", "rediss://%s", "redissentinel://%s/service", "messaging://%s",
        "messaging+amqps://%s", "mongodb://%s", "postgresql://user@%s/database",
        "mysql://user@%s/database", "elasticsearch://%s", "elasticsearch+https://%s",
        "otlp://%s", "otlp+https://%s"]


def test_every_driver_that_waits(agents):
    """A server waits two seconds for its shipper, and then kills it."""
    for uri in MUTE:
        driver = re.split("[+:]", uri)[0] + ".so"
        if not os.path.exists(os.path.join(agents.drivers, driver)):
            if os.environ.get("OSP_REQUIRE_ALL") == "1":
                raise faultlib.Failed("%s was not built" % driver)
            continue
        with socket.create_server(("127.0.0.1", 0)) as mute:
            mute.settimeout(20)
            agent = agents.agent(uri % ("127.0.0.1:%d" % mute.getsockname()[1]))
            agents.produce(0.05)
            agent.start()
            with mute.accept()[0]:
                time.sleep(0.2)
                begin = time.monotonic()
                expect("status with " + uri, 0, agent.end())
                took = time.monotonic() - begin
        if took > 3:
            raise faultlib.Failed("%s: ending took %.1f s" % (uri, took))
    agents.agent().deliver()
    agents.check()


def test_once(agents):
    agents.produce()
    uri = "redis://127.0.0.1:%d" % faultlib.free_port()
    once = agents.agent(uri, "--once")
    result = subprocess.run(once.args, env=once.env, capture_output=True,
                            text=True, timeout=60)
    expect("status without a collector", 1, result.returncode)
    for _ in range(2):
        once = agents.agent(None, "--once")
        result = subprocess.run(once.args, env=once.env, capture_output=True,
                                text=True, timeout=60)
        expect("with a collector", (0, ""), (result.returncode, result.stderr))
    agents.check()


def test_new_configuration(agents):
    conf = os.path.join(agents.place.path, "osprofiler.conf")
    wrong = "redis://127.0.0.1:%d" % faultlib.free_port()

    def write(text):
        with open(conf, "w") as f:
            f.write("[profiler]\n" + text)
        os.chmod(conf, 0o600)

    write("connection_string = %s\n" % wrong)
    agent = agents.agent("", "--conf", conf)
    del agent.env["OSPROFILER_CONNECTION_STRING"]
    agent.start()
    agents.produce()
    time.sleep(0.3)

    # One that makes no sense changes nothing; then a right one.
    write("spool_limit = much\n")
    agent.process.send_signal(faultlib.signal.SIGHUP)
    time.sleep(0.3)
    agent.expect_running()
    write("connection_string = %s\n" % agents.redis.uri)
    agent.process.send_signal(faultlib.signal.SIGHUP)
    faultlib.wait_until(
        lambda: "configuration read again" in agents.log())
    faultlib.wait_until(lambda: len(list(agents.redis.points())) ==
                        sum(c for c, _ in agents.committed().values()))
    expect("status", 0, agent.end())
    agents.check()
    for line in agents.log().splitlines():
        if not line.startswith("osprofiler agent: "):
            raise faultlib.Failed("a strange line in the log: %s" % line)


def test_wrong_calls(agents):
    def status(*arguments):
        result = subprocess.run([agents.program, "agent"] + list(arguments),
                                capture_output=True, text=True, timeout=20)
        expect("lines of %r" % (arguments,), 1, result.stderr.count("\n"))
        return result.returncode

    expect("unknown option", 2, status("--nonesuch"))
    expect("operand", 2, status("operand"))
    expect("limit", 2, status("--spool-limit", "much"))
    expect("open directory", 1, status("--run-directory", "/tmp"))
    expect("relative directory", 1, status("--run-directory", "tmp"))
    expect("configuration", 1, status("--conf", "/nonexistent"))


TESTS = [test_delivers_until_told, test_low_priority, test_one_agent, test_collector_that_hangs,
         test_every_driver_that_waits,
         test_once, test_new_configuration, test_wrong_calls]


def run(test, build, keep):
    with faultlib.Workplace(keep) as place:
        agents = Agents(build, place)
        agents.redis.start()
        try:
            agents.redis.wait_ready()
            test(agents)
        finally:
            agents.redis.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=faultlib.default_build())
    parser.add_argument("--keep", action="store_true",
                        help="keep directories and logs")
    arguments = parser.parse_args()
    print("1..%d" % len(TESTS))
    status = 0
    for number, test in enumerate(TESTS, 1):
        name = test.__name__[len("test_"):].replace("_", " ")
        try:
            run(test, arguments.build, arguments.keep)
            print("ok %d - %s" % (number, name))
        except faultlib.Failed as failure:
            print("not ok %d - %s\n# %s" % (
                number, name, str(failure).replace("\n", "\n# ")))
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
