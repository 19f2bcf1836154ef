# SPDX-License-Identifier: Apache-2.0
"""A real keystone of Debian's packages, unchanged, in uwsgi, with PostgreSQL and
Redis: one token request is one whole tree. Run by make check-openstack.

The configuration is that of docs/python.md, "An OpenStack service". Everything is
in a temporary directory, and all servers end with the test.
"""

import concurrent.futures
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from traced_service import BUILD, KEY, TOP, Server, _bin

sys.path.insert(0, os.path.join(TOP, "tests/drivers"))

import redis  # noqa: E402
from osprofiler import profiler, web  # noqa: E402
from upstream_peer import CLI, Server as RedisServer, raw_payloads  # noqa: E402

OURS = os.path.join(BUILD, "bin/osprofiler")
PASSWORD = "the password of admin"
PARALLEL = 100
THREADS = 16


class KeystoneServer(Server):
    """The PostgreSQL of a keystone: only its role loads the module."""

    def __init__(self, collector):
        self._collector = collector
        super().__init__()
        for statement in (
                "CREATE ROLE keystone LOGIN", "CREATE DATABASE keystone OWNER keystone",
                "ALTER ROLE keystone SET session_preload_libraries = 'osprofiler'"):
            subprocess.run([os.path.join(_bin, "psql"), "-Xqc", statement, self.dsn],
                           check=True)

    def _settings(self, keys):
        lines = super()._settings(keys).splitlines()
        kept = [line for line in lines if not line.startswith(
            ("session_preload", "osprofiler.connection_string", "osprofiler.points"))]
        return "\n".join(kept + ["osprofiler.connection_string = '%s'" %
                                 self._collector, ""])


def configuration(directory, pg, collector):
    """Returns the text of keystone.conf."""
    return f"""
[DEFAULT]
log_dir = {directory}
[database]
connection = postgresql+psycopg2://keystone@/keystone?host={pg.socket}
connection_parameters = plugin=osprofiler
[fernet_tokens]
key_repository = {directory}/fernet
[fernet_receipts]
key_repository = {directory}/fernet
[credential]
key_repository = {directory}/credential
[profiler]
enabled = true
trace_sqlalchemy = true
hmac_keys = {KEY}
connection_string = {collector}
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=300)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Keystone:
    """Keystone's API in uwsgi, on a Unix socket."""

    def __init__(self, pg, collector):
        self.directory = os.path.join(pg.socket, "keystone")
        self.socket = os.path.join(self.directory, "http")
        self._config = os.path.join(self.directory, "keystone.conf")
        for name in ("", "fernet", "credential"):
            os.mkdir(os.path.join(self.directory, name), 0o700)
        with open(self._config, "w") as file:
            file.write(configuration(self.directory, pg, collector))
        user = ["--keystone-user", "postgres", "--keystone-group", "postgres"]
        for command in (["db_sync"], ["fernet_setup", *user],
                        ["credential_setup", *user],
                        ["bootstrap", "--bootstrap-password", PASSWORD]):
            subprocess.run(["keystone-manage", "--config-file", self._config, *command],
                           check=True, stderr=subprocess.DEVNULL)
        self._process = self._start()

    def _start(self):
        log = open(os.path.join(self.directory, "uwsgi.log"), "w")
        return subprocess.Popen(
            ["uwsgi_python3", "--http-socket", self.socket, "--master", "--die-on-term",
             "--processes", "2", "--threads", str(THREADS), "--enable-threads", "--lazy-apps",
             "--buffer-size", "65535", "--listen", "100", "--need-app",
             "--wsgi-file", "/usr/bin/keystone-wsgi-public"],
            env={**os.environ, "OS_KEYSTONE_CONFIG_FILES": self._config},
            stdout=log, stderr=log, start_new_session=True)

    def wait(self):
        for _ in range(600):
            try:
                if self.request("GET", "/v3", None, {}) == 200:
                    return
            except OSError:
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(open(os.path.join(self.directory, "uwsgi.log")).read())

    def request(self, method, path, body, headers):
        connection = UnixConnection(self.socket)
        connection.request(method, path, body and json.dumps(body),
                           {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status

    def token(self):
        """Asks for a token, with a context of its own. Returns the trace's id."""
        body = {"auth": {
            "identity": {"methods": ["password"], "password": {"user": {
                "name": "admin", "domain": {"id": "default"}, "password": PASSWORD}}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}
        profiler.clean()
        profiler.init(KEY)
        base = profiler.get().get_base_id()
        headers = {name: value.decode() if isinstance(value, bytes) else value
                   for name, value in web.get_trace_id_headers().items()}
        profiler.clean()
        status = self.request("POST", "/v3/auth/tokens", body, headers)
        if status != 201:
            raise RuntimeError("status %d" % status)
        return base

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class KeystoneCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory(prefix="osprofiler-redis.")
        cls.addClassCleanup(place.cleanup)
        peer = RedisServer("redis_server.sh", place.name)
        peer.__enter__()
        cls.addClassCleanup(peer.__exit__)
        cls.collector = "redis://127.0.0.1:%d" % peer.port
        cls.redis = redis.Redis(port=peer.port)
        cls.pg = KeystoneServer(cls.collector)
        cls.addClassCleanup(cls.pg.stop)
        cls.keystone = Keystone(cls.pg, cls.collector)
        cls.addClassCleanup(cls.keystone.stop)
        cls.keystone.wait()
        # Workers connect, and SQLAlchemy asks for the server's version, then.
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda _: cls.keystone.token(), range(2 * THREADS)):
                pass

    def points(self, base):
        return [json.loads(text) for text in
                self.redis.lrange("osprofiler_opt:" + base, 0, -1)]

    def whole(self, base):
        """Waits until each "db" has a "pg" that stopped. Returns the points."""
        deadline = time.monotonic() + 60
        while True:
            points = self.points(base)
            count = {name: sum(p["name"] == name for p in points)
                     for name in ("db-start", "db-stop", "pg-start", "pg-stop")}
            if count["db-start"] > 0 and len(set(count.values())) == 1:
                return points
            if time.monotonic() > deadline:
                self.fail("not whole: %r" % count)
            time.sleep(0.05)

    def check_tree(self, base):
        points = self.whole(base)
        starts = {p["trace_id"]: p for p in points if p["name"].endswith("-start")}
        db = {i for i, p in starts.items() if p["name"] == "db-start"}
        pg = [p for p in starts.values() if p["name"] == "pg-start"]
        self.assertEqual({p["parent_id"] for p in pg}, db)
        self.assertEqual(len(pg), len(db))
        for p in pg:
            ours = p["info"]["db"]["statement"]
            theirs = starts[p["parent_id"]]["info"]["db"]["statement"]
            self.assertEqual(ours.split()[0], theirs.split()[0])
        for p in starts.values():
            self.assertIn(p["parent_id"], {*starts, base})
        return points

    def command(self, program, *arguments):
        done = subprocess.run([program, *arguments, "--connection-string",
                               self.collector], text=True, capture_output=True,
                              env={**os.environ,
                                   "OSPROFILER_DRIVER_PATH": BUILD + "/drivers"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_token_request_is_one_tree(self):
        base = self.keystone.token()
        points = self.check_tree(base)
        self.assertGreater(sum(p["name"] == "pg-start" for p in points), 20)
        self.command(OURS, "trace", "check", base)
        drawn = self.command(OURS, "trace", "show", base)
        self.assertIn("wsgi", drawn)
        ours = json.loads(self.command(OURS, "trace", "show", "--json", base))
        theirs = json.loads(self.command(CLI, "trace", "show", "--json", base))
        self.assertEqual(raw_payloads(ours), raw_payloads(theirs))
        self.assertEqual(len(raw_payloads(ours)), len(points))
        self.assertEqual(ours["stats"]["pg"]["count"], theirs["stats"]["pg"]["count"])
        stored = json.dumps(points)
        for secret in (KEY, PASSWORD, "trace_hmac="):
            self.assertNotIn(secret, stored)
        print("one token request: %d db, %d pg" % (
            ours["stats"]["db"]["count"], ours["stats"]["pg"]["count"]))

    def test_100_requests_in_parallel(self):
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            bases = list(pool.map(lambda _: self.keystone.token(), range(PARALLEL)))
        self.assertEqual(len(set(bases)), PARALLEL)
        for base in bases:
            self.check_tree(base)
            self.command(OURS, "trace", "check", base)

    def test_nothing_without_a_context(self):
        before = self.redis.dbsize()
        self.assertEqual(self.keystone.request(
            "POST", "/v3/auth/tokens", {"auth": {}}, {}), 400)
        self.assertEqual(self.redis.dbsize(), before)

    def test_other_roles_are_untouched(self):
        out = subprocess.check_output(
            [os.path.join(_bin, "psql"), "-XAtc",
             "SHOW session_preload_libraries", self.pg.dsn], text=True)
        self.assertEqual(out, "\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
