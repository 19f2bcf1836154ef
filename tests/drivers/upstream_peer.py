# SPDX-License-Identifier: Apache-2.0
"""One of our drivers and the Python osprofiler on one collector.

Used by the programs peer_*.py, which print TAP and get the program made of peer.c.
"""

import json
import os
import pathlib
import subprocess
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
CLI = "/usr/bin/osprofiler"
BASE_ID = "11111111-2222-4333-8444-555555555555"
OTHER_ID = "99999999-2222-4333-8444-555555555555"


def skip(reason):
    """Ends as skipped, or as failed where nothing may be skipped."""
    if os.environ.get("CI") == "true" or os.environ.get(
            "OSP_REQUIRE_ALL") == "1":
        print("1..1\nnot ok 1 - %s" % reason)
        sys.exit(1)
    print("1..0 # SKIP %s" % reason)
    sys.exit(0)


try:
    from oslo_config import cfg
    from osprofiler import opts
    from osprofiler import profiler
    from osprofiler.drivers import base
except ImportError as error:
    skip("no Python peer: %s" % error)
if not os.path.exists(CLI):
    skip("no %s" % CLI)
opts.set_defaults(cfg.CONF)


class Peer:
    """Both sides, on one server.

    uri is ours, connection_string the Python side's, with more for its driver and
    its command.
    """

    def __init__(self, program, uri, connection_string=None, **options):
        self.program = program
        self.uri = uri
        self.connection_string = connection_string or uri
        self.options = ""
        self.driver_options = options
        self.library_options = {}

    def ours(self, command, *args):
        """Output of our driver, in lines."""
        return subprocess.run(
            [self.program, command, self.uri + self.options, *map(str, args)],
            check=True, stdout=subprocess.PIPE,
            encoding="utf-8").stdout.splitlines()

    def theirs(self):
        """A new driver of the Python library: one keeps what it has read."""
        return base.get_driver(self.connection_string, project="shop",
                               service="api", conf=cfg.CONF,
                               **self.driver_options, **self.library_options)

    def report(self, base_id):
        """Output of the Python command."""
        more = ["--%s=%s" % (name.replace("_", "-"), value)
                for name, value in self.driver_options.items()]
        return json.loads(subprocess.run(
            [CLI, "trace", "show", "--json", "--connection-string",
             self.connection_string, *more, base_id],
            check=True, stdout=subprocess.PIPE).stdout)

    def write_by_python(self, base_id):
        """A trace of the library's own profiler; returns what it notified."""
        driver = self.theirs()
        sent = []

        def notify(info):
            sent.append(dict(info, project="shop", service="api"))
            driver.notify(info)

        profiler.clean()
        p = profiler.init("key", base_id=base_id, parent_id=base_id)
        saved = profiler.notifier.get()
        profiler.notifier.set(notify)
        try:
            p.start("db", {"db": {"statement": "SELECT 'ж', '😀', '\x7f'",
                                  "params": {"x": [1, None, 2.5]}}})
            p.start("rpc", {"name": "nested"})
            p.stop({"etype": "ValueError", "message": "no"})
            p.stop()
        finally:
            profiler.notifier.set(saved)
            profiler.clean()
        return sent


def raw_payloads(report):
    """All notifications in a report, by trace_id and name."""
    found = {}
    todo = list(report["children"])
    while todo:
        node = todo.pop()
        todo += node["children"]
        for key, value in node["info"].items():
            if key.startswith("meta.raw_payload."):
                found[(value["trace_id"], value["name"])] = value
    return found


def by_key(points):
    return {(p["trace_id"], p["name"]): p for p in points}


class Server:
    """A server of the tests' own, by a script of this directory."""

    def __init__(self, script, directory, *options):
        self.command = ["bash", str(HERE / script)]
        self.directory = directory
        self.options = options
        self.port = None

    def __enter__(self):
        self.port = int(subprocess.run(
            [*self.command, "start", self.directory, *self.options], check=True,
            stdout=subprocess.PIPE, encoding="ascii").stdout)
        return self

    def __exit__(self, *error):
        subprocess.run([*self.command, "stop", self.directory], check=True)


def run_checks(checks, peer, reset, label="", number=0):
    """Runs each check on an empty collector; returns how many failed."""
    failed = 0
    for check in checks:
        number += 1
        reset()
        try:
            check(peer)
            result = "ok"
        except Exception:
            for line in traceback.format_exc().splitlines():
                print("# " + line)
            failed += 1
            result = "not ok"
        print("%s %d - %s%s" % (result, number, check.__name__, label),
              flush=True)
    return failed
