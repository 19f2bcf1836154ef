#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""large_traces.py BUILD [COLLECTOR...]: every collector that can be read, with 10,000
traces of ten points and one of 100,000.

`trace list`, `show`, `check`, `delete` and `prune` must give the right answer and hold no
more memory than the bounds below: what a report of that size takes (show, check), and what
a list takes (the others). Prints TAP, with the seconds and the peak of each command, and
the points per second at which the collector was filled.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir,
                                "faults"))
import faultlib  # pylint: disable=wrong-import-position

TRACES = int(os.environ.get("LARGE_TRACES", 10000))
POINTS = int(os.environ.get("LARGE_POINTS", 100000))
LONG = "ffffffff-0000-4000-8000-000000000000"
FIRST = "00000000-0000-4000-8000-000000000000"

# Peaks of memory in MB.
LIST_MB = 64
REPORT_MB = 128


class Standin(faultlib.ScriptServer):
    script = "standin_server.sh"

    @property
    def uri(self):
        return "%s://127.0.0.1:%d" % (self.name, self.port)


class Elasticsearch(Standin):
    name = "elasticsearch"
    options = ["elastic_standin.py", "7.17.6"]

    def wait_ready(self):
        """The stand-in reads what it has stored when it is asked for the first time."""
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen("http://127.0.0.1:%d/osprofiler-notifications/_mapping"
                                   % self.port, timeout=300).close()


class Mongo(Standin):
    name = "mongodb"
    options = ["mongo_standin.py"]


class RedisCluster(faultlib.ScriptServer):
    script = "redis_group.sh"
    name = "redis-cluster"
    options = ["cluster"]

    @property
    def uri(self):
        return "redis://127.0.0.1:%d" % self.port


class File:
    """A collector that is a file."""

    def __init__(self, directory, form):
        self.uri = form % directory

    def start(self):
        pass

    wait_ready = end = start


COLLECTORS = {
    "sqlite": lambda directory: File(directory, "sqlite:///%s/traces.db?keep=0&max_size=0"),
    "file": lambda directory: File(directory, "file://%s/traces"),
    "redis": faultlib.Redis,
    "rediscluster": RedisCluster,
    "postgresql": faultlib.Postgres,
    "mysql": faultlib.Mariadb,
    "elasticsearch": Elasticsearch,
    "mongodb": Mongo,
    "messaging": faultlib.Rabbit,
}


def count_in(file, what):
    """How often the bytes occur. Not all of it is read at once: the peak of a process that
    is started later would be ours."""
    found, tail = 0, b""
    while True:
        piece = file.read(1 << 20)
        if not piece:
            return found
        found += (tail + piece).count(what)
        tail = piece[-len(what) + 1:]


class Command:
    """osprofiler trace with a collector: what it printed, up to 8 MB, how many points are
    in that, its status, seconds, peak in MB."""

    def __init__(self, build, uri, *words):
        env = dict(os.environ, OSPROFILER_DRIVER_PATH=os.path.join(build, "drivers"),
                   OSPROFILER_CONNECTION_STRING=uri)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            begin = time.monotonic()
            process = subprocess.Popen([os.path.join(build, "bin", "osprofiler"), "trace",
                                        *words], env=env, stdout=out, stderr=said)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = self.status = os.waitstatus_to_exitcode(status)
            self.seconds = time.monotonic() - begin
            self.peak_mb = usage.ru_maxrss / 1024
            out.seek(0)
            said.seek(0)
            self.points = count_in(out, b'"meta.raw_payload.')
            out.seek(0)
            self.text = out.read(8 << 20).decode(errors="replace")
            self.said = said.read(4096).decode(errors="replace")


class Tests:
    def __init__(self, build):
        self.build = build
        self.count = 0
        self.failed = 0

    def ok(self, good, what, why=""):
        self.count += 1
        self.failed += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.count, what))
        for line in () if good else why.splitlines()[:20]:
            print("# " + line[:300])
        sys.stdout.flush()

    def command(self, name, uri, limit_mb, is_right, *words):
        done = Command(self.build, uri, *words)
        right = is_right(done)
        what = "%s: trace %s: %.2f s, %.0f MB" % (
            name, " ".join(words).replace(LONG, "LONG").replace(FIRST, "FIRST"), done.seconds, done.peak_mb)
        self.ok(right and done.peak_mb <= limit_mb, what, "status %d, bound %d MB\n%s\n%s"
                % (done.status, limit_mb, done.said, done.text[:1000]))

    def read(self, name, uri):
        def listed(count):
            return lambda done: done.status == 0 and len(json.loads(done.text)["traces"]) == count

        self.command(name, uri, LIST_MB, lambda done: done.status == 0, "list")
        self.command(name, uri, LIST_MB, listed(TRACES + 1), "list", "--all", "--json")
        self.command(name, uri, LIST_MB, listed(20), "list", "--limit", "20", "--json")
        self.command(name, uri, LIST_MB,
                     lambda done: done.status == 0 and "pg" in done.text, "show", FIRST)
        self.command(name, uri, REPORT_MB,
                     lambda done: done.points == POINTS,
                     "show", "--json", LONG)
        self.command(name, uri, REPORT_MB,
                     lambda done: done.status == 0 and "pg" in done.text, "show", LONG)
        self.command(name, uri, REPORT_MB, lambda done: done.status == 0, "check", LONG)

    def remove(self, name, uri):
        def removed(count):
            return lambda done: done.status == 0 and done.text.startswith("%d trace" % count)

        self.command(name, uri, LIST_MB, removed(1), "delete", FIRST)
        self.command(name, uri, LIST_MB, removed(1), "delete", LONG)
        self.command(name, uri, LIST_MB, lambda done: done.status == 1, "show", "--no-wait", LONG)
        self.command(name, uri, LIST_MB, removed(TRACES - 1), "prune", "--older-than", "1h")
        self.command(name, uri, LIST_MB,
                     lambda done: done.status == 0 and json.loads(done.text)["traces"] == [],
                     "list", "--all", "--json")

    def collector(self, name):
        directory = tempfile.mkdtemp(prefix="osprofiler-large-")
        os.chmod(directory, 0o711)
        server = COLLECTORS[name](directory)
        server.start()
        try:
            server.wait_ready()
            begin = time.monotonic()
            subprocess.run([os.path.join(self.build, "tests", "drivers", "peer"), "fill",
                            server.uri, str(TRACES), str(POINTS)], check=True,
                           env=dict(os.environ, OSPROFILER_DRIVER_PATH=os.path.join(
                               self.build, "drivers")))
            took = time.monotonic() - begin
            print("# %s: %d points stored, %d a second"
                  % (name, TRACES * 10 + POINTS, (TRACES * 10 + POINTS) / took))
            server.wait_ready()
            self.read(name, server.uri)
            if name != "file":  # from which nothing can be removed
                self.remove(name, server.uri)
        finally:
            server.end()
            shutil.rmtree(directory, ignore_errors=True)


def main():
    build, *names = sys.argv[1:]
    tests = Tests(build)
    for name in names or COLLECTORS:
        tests.collector(name)
    print("1..%d" % tests.count)
    return tests.failed != 0


if __name__ == "__main__":
    sys.exit(main())
