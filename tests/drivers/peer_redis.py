#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our redis driver and the Python osprofiler on one Redis, both ways, in TAP.

Usage: peer_redis.py PEER, the program made of peer.c. Needs the Python
osprofiler, redis-py and redis-server.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
SERVER = str(HERE / "redis_server.sh")
CLI = "/usr/bin/osprofiler"
PASSWORD = "se cret@/:%"
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
    import redis
    from oslo_config import cfg
    from osprofiler import opts
    from osprofiler import profiler
    from osprofiler.drivers import base
except ImportError as error:
    skip("no Python peer: %s" % error)


class Peer:
    """Both sides, on one server."""

    def __init__(self, program, uri):
        self.program = program
        self.uri = uri
        self.options = ""
        self.redis = redis.StrictRedis.from_url(uri)

    def ours(self, command, *args):
        """Output of our driver, in lines."""
        return subprocess.run(
            [self.program, command, self.uri + self.options, *map(str, args)],
            check=True, stdout=subprocess.PIPE,
            encoding="utf-8").stdout.splitlines()

    def theirs(self):
        """A new driver of the Python library: one keeps what it has read."""
        return base.get_driver(self.uri, project="shop", service="api",
                               conf=cfg.CONF)

    def report(self, base_id):
        """Output of the Python command."""
        return json.loads(subprocess.run(
            [CLI, "trace", "show", "--json", "--connection-string", self.uri,
             base_id], check=True, stdout=subprocess.PIPE).stdout)

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


def check_bytes(peer):
    """What we store is what json.dumps makes of it."""
    peer.ours("write", BASE_ID, 10)
    stored = peer.redis.lrange("osprofiler_opt:" + BASE_ID, 0, -1)
    assert len(stored) == 12
    for text in stored:
        assert json.dumps(json.loads(text)).encode() == text, text


def check_ours_read_by_python(peer):
    peer.ours("write", BASE_ID, 1000)
    points = by_key(json.loads(line) for line in peer.ours("get", BASE_ID))
    assert len(points) == 1002
    assert raw_payloads(peer.theirs().get_report(BASE_ID)) == points
    assert raw_payloads(peer.report(BASE_ID)) == points


def check_python_read_by_us(peer):
    sent = peer.write_by_python(BASE_ID)
    lines = peer.ours("get", BASE_ID)
    assert [json.loads(line) for line in lines] == sent
    stored = peer.redis.lrange("osprofiler_opt:" + BASE_ID, 0, -1)
    assert [line.encode() for line in lines] == stored[::-1]
    assert raw_payloads(peer.report(BASE_ID)) == by_key(sent)


def check_one_trace_of_both(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.ours("write", BASE_ID, 4)
    points = [json.loads(line) for line in peer.ours("get", BASE_ID)]
    assert points[:4] == sent and len(points) == 10
    assert raw_payloads(peer.report(BASE_ID)) == by_key(points)


def check_lists(peer):
    peer.ours("write", BASE_ID, 4)
    sent = peer.write_by_python(OTHER_ID)
    theirs = {t["base_id"] for t in peer.theirs().list_traces()}
    ours = dict(line.split(" ") for line in peer.ours("list"))
    assert theirs == set(ours) == {BASE_ID, OTHER_ID}
    assert ours[OTHER_ID] == sent[0]["timestamp"]


def check_error_lists(peer):
    peer.ours("write", BASE_ID, 4)
    peer.write_by_python(OTHER_ID)
    theirs = {t["base_id"] for t in peer.theirs().list_error_traces()}
    ours = dict(line.split(" ") for line in peer.ours("errors"))
    assert theirs == set(ours) == {BASE_ID, OTHER_ID}
    for base_id in ours:
        value = peer.redis.get("osprofiler_error:" + base_id)
        assert json.dumps(json.loads(value)).encode() == value, value


def check_legacy_keys(peer):
    """The form of early releases, as the library reads it."""
    sent = peer.write_by_python(BASE_ID)
    peer.redis.flushdb()
    for point in sent:
        key = "osprofiler:" + BASE_ID + point["trace_id"] + point["timestamp"]
        peer.redis.set(key, json.dumps(point))
    assert peer.ours("list") == []
    peer.options = "&legacy=1" if "?" in peer.uri else "?legacy=1"
    points = by_key(json.loads(line) for line in peer.ours("get", BASE_ID))
    assert points == by_key(sent)
    assert raw_payloads(peer.report(BASE_ID)) == points
    assert peer.ours("list") == [BASE_ID + " " + sent[0]["timestamp"]]


CHECKS = [check_bytes, check_ours_read_by_python, check_python_read_by_us,
          check_one_trace_of_both, check_lists, check_error_lists,
          check_legacy_keys]


def run_checks(program, directory, number, options, login, database):
    """All checks on a server of their own; returns how many failed."""
    port = subprocess.run(["bash", SERVER, "start", directory, *options],
                          check=True, stdout=subprocess.PIPE,
                          encoding="ascii").stdout.strip()
    failed = 0
    try:
        peer = Peer(program, "redis://%s127.0.0.1:%s/%d" % (
            login, port, database))
        for check in CHECKS:
            number += 1
            peer.redis.flushall()
            try:
                check(peer)
                result = "ok"
            except Exception:
                for line in traceback.format_exc().splitlines():
                    print("# " + line)
                failed += 1
                result = "not ok"
            print("%s %d - %s, database %d" % (
                result, number, check.__name__, database), flush=True)
    finally:
        subprocess.run(["bash", SERVER, "stop", directory], check=True)
    return failed


def main():
    if not shutil.which("redis-server") or not os.path.exists(CLI):
        skip("no redis-server, or no %s" % CLI)
    opts.set_defaults(cfg.CONF)
    cfg.CONF.set_override("filter_error_trace", True, "profiler")
    print("1..%d" % (2 * len(CHECKS)))
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        failed += run_checks(sys.argv[1], directory, 0, [], "", 0)
        failed += run_checks(sys.argv[1], directory, len(CHECKS),
                             ["--requirepass", PASSWORD],
                             ":se%20cret%40%2F%3A%25@", 3)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
