# SPDX-License-Identifier: Apache-2.0
"""What the tests of integrations/python share: a PostgreSQL that is traced, the
points of both sides, checks of trees.

PostgreSQL refuses to run as root: then everything runs as the user postgres.
BUILD is the build directory, PG_CONFIG the pg_config of the PostgreSQL to use.
"""

import atexit
import collections
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(TOP, "build")))
KEY = "SECRET_KEY"


if os.geteuid() == 0:
    os.environ["HOME"] = "/"
    os.execvp("setpriv", ["setpriv", "--reuid=postgres", "--regid=postgres",
                          "--clear-groups", *sys.orig_argv])

_bin = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"],
                               text=True).strip()


class Server:
    """A PostgreSQL on a Unix socket in a directory of its own."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="osprofiler-python.")
        self.socket = self._directory.name
        self.collector = os.path.join(self.socket, "traces.jsonl")
        self._read = 0
        self._points = []
        self._data = os.path.join(self.socket, "data")
        self._run("initdb", "-U", "app", "-A", "trust", "--no-sync", "-E", "UTF8",
                  "--locale=C.UTF-8")
        keys = os.path.join(self.socket, "keys")
        with open(os.open(keys, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(KEY + "\n")
        os.mkdir(os.path.join(self.socket, "run"), 0o700)
        with open(os.path.join(self._data, "postgresql.conf"), "a") as file:
            file.write(self._settings(keys))
        self._run("pg_ctl", "-w", "-l", os.path.join(self.socket, "log"), "start")

    def _settings(self, keys):
        return f"""
listen_addresses = ''
unix_socket_directories = '{self.socket}'
fsync = off
max_connections = 150
log_min_messages = warning
dynamic_library_path = '{TOP}/pg_osprofiler:$libdir'
session_preload_libraries = 'osprofiler'
osprofiler.points = 'statement, nested, commit'
osprofiler.node_min_duration = -1
osprofiler.hmac_keys_file = '{keys}'
osprofiler.run_directory = '{self.socket}/run'
osprofiler.connection_string = 'file://{self.collector}'
osprofiler.agent = '{BUILD}/bin/osprofiler'
"""

    def _run(self, program, *arguments):
        subprocess.run([os.path.join(_bin, program), "-D", self._data, *arguments],
                       check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "OSPROFILER_DRIVER_PATH": BUILD + "/drivers"})

    def stop(self):
        self._run("pg_ctl", "-w", "-m", "fast", "stop")
        self._directory.cleanup()

    @property
    def dsn(self):
        return f"host={self.socket} user=app dbname=postgres"

    def url(self, driver, options="plugin=osprofiler"):
        return f"postgresql+{driver}://app@/postgres?host={self.socket}&{options}"

    def log(self):
        with open(os.path.join(self.socket, "log")) as file:
            return file.read()

    def points(self):
        """All points that the collector has."""
        try:
            with open(self.collector) as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            new = ""
        new = new[:new.rfind("\n") + 1]
        self._read += len(new.encode())
        self._points += [json.loads(line) for line in new.splitlines()]
        return self._points


@functools.lru_cache(maxsize=None)
def the_server():
    """The one server of this process."""
    server = Server()
    atexit.register(server.stop)
    return server


Op = collections.namedtuple("Op", "name id parent base text stop")


def operations(points):
    """Pairs of start and stop points, in order of their starts."""
    stops = {p["trace_id"]: p["info"] for p in points if p["name"].endswith("-stop")}
    return [Op(p["name"][:-len("-start")], p["trace_id"], p["parent_id"], p["base_id"],
               p["info"].get("db", {}).get("statement"), stops.get(p["trace_id"]))
            for p in sorted(points, key=lambda p: p["timestamp"])
            if p["name"].endswith("-start")]


class TracedCase(unittest.TestCase):
    """Tests with a server, and the service's own points in a list."""

    @classmethod
    def setUpClass(cls):
        cls.server = the_server()

    def setUp(self):
        from osprofiler import notifier, profiler
        self.own = []
        self._before = len(self.server.points())
        notifier.set(lambda info: self.own.append(json.loads(json.dumps(info))))
        profiler.clean()
        self.addCleanup(profiler.clean)

    def server_operations(self, count, base=None):
        """Waits for so many statements ("pg") of a trace; returns its operations."""
        deadline = time.monotonic() + 30
        while True:
            found = [op for op in operations(self.server.points()[self._before:])
                     if base is None or op.base == base]
            statements = sum(op.name == "pg" for op in found)
            if statements >= count and all(op.stop is not None for op in found):
                return found
            if time.monotonic() > deadline:
                self.fail("%d of %d operations: %r" % (len(found), count, found))
            time.sleep(0.02)

    def assert_one_below_each(self, base, count, extra=("pg.commit",)):
        """Each "db" of the trace has one "pg" below it, of the same statement."""
        mine = [op for op in operations(self.own) if op.base == base and op.name == "db"]
        self.assertEqual(len(mine), count)
        theirs = self.server_operations(count, base)
        texts = {op.id: op.text for op in mine}
        found = [op for op in theirs if op.name == "pg"]
        self.assertEqual(sorted(op.parent for op in found), sorted(texts))
        for op in found:
            self.assertEqual(op.text.split()[0].upper(), texts[op.parent].split()[0].upper())
        self.assertEqual({op.name for op in theirs} - {"pg"} - set(extra), set())
        self.assert_nothing_secret()
        return mine, theirs

    def assert_nothing_secret(self):
        """Neither side has recorded the key or a signature."""
        recorded = json.dumps([self.own, self.server.points()[self._before:]])
        self.assertNotIn(KEY, recorded)
        self.assertNotIn("trace_hmac=", recorded)
        self.assertNotRegex(recorded, r"\b[0-9a-f]{40}\b")
