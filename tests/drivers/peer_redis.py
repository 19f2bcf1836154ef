#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our redis driver and the Python osprofiler on one Redis, both ways, in TAP.

Usage: peer_redis.py PEER, the program made of peer.c. Needs the Python
osprofiler, redis-py and redis-server.
"""

import json
import shutil
import sys
import tempfile

from upstream_peer import (BASE_ID, OTHER_ID, Peer, Server, by_key, cfg,
                           raw_payloads, run_checks, skip)

try:
    import redis
except ImportError as error:
    skip("no redis-py: %s" % error)

PASSWORD = "se cret@/:%"


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


def run(program, directory, number, options, login, database):
    """All checks on a server of their own; returns how many failed."""
    with Server("redis_server.sh", directory, *options) as server:
        peer = Peer(program, "redis://%s127.0.0.1:%s/%d" % (
            login, server.port, database))
        peer.redis = redis.StrictRedis.from_url(peer.uri)
        return run_checks(CHECKS, peer, peer.redis.flushall,
                          ", database %d" % database, number)


def main():
    if not shutil.which("redis-server"):
        skip("no redis-server")
    cfg.CONF.set_override("filter_error_trace", True, "profiler")
    print("1..%d" % (2 * len(CHECKS)))
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        failed += run(sys.argv[1], directory, 0, [], "", 0)
        failed += run(sys.argv[1], directory, len(CHECKS),
                      ["--requirepass", PASSWORD],
                      ":se%20cret%40%2F%3A%25@", 3)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
