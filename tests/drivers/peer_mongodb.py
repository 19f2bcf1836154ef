#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our mongodb driver and the Python osprofiler on one server, both ways, in TAP.

Usage: peer_mongodb.py PEER, the program made of peer.c. Needs the Python osprofiler
and python3-pymongo. The server is a stand-in, mongo_standin.py.
"""

import json
import sys
import tempfile

from upstream_peer import (BASE_ID, OTHER_ID, Peer, Server, by_key, raw_payloads, run_checks,
                           skip)

try:
    import pymongo
    from oslo_config import cfg
except ImportError as error:
    skip("no python3-pymongo: %s" % error)


def ours(peer, base_id):
    return by_key(json.loads(line) for line in peer.ours("get", base_id))


def check_ours_read_by_python(peer):
    peer.ours("write", BASE_ID, 700)
    peer.ours("write", OTHER_ID, 4)
    points = ours(peer, BASE_ID)
    assert len(points) == 702
    assert raw_payloads(peer.theirs().get_report(BASE_ID)) == points
    assert raw_payloads(peer.report(BASE_ID)) == points


def check_python_read_by_us(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.write_by_python(OTHER_ID)
    lines = peer.ours("get", BASE_ID)
    assert [json.loads(line) for line in lines] == sent
    assert [json.dumps(json.loads(line)) for line in lines] == lines


def check_one_trace_of_both(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.ours("write", BASE_ID, 4)
    points = ours(peer, BASE_ID)
    assert len(points) == 10 and points.items() >= by_key(sent).items()
    assert raw_payloads(peer.report(BASE_ID)) == points


def check_lists(peer):
    peer.ours("write", BASE_ID, 4)
    sent = peer.write_by_python(OTHER_ID)
    theirs = {t["base_id"] for t in peer.theirs().list_traces()}
    listed = dict(line.split(" ") for line in peer.ours("list"))
    assert theirs == set(listed) == {BASE_ID, OTHER_ID}
    assert listed[OTHER_ID] == sent[0]["timestamp"]


def check_error_lists(peer):
    peer.ours("write", BASE_ID, 4)
    peer.write_by_python(OTHER_ID)
    theirs = list(peer.theirs().list_error_traces())
    listed = dict(line.split(" ") for line in peer.ours("errors"))
    assert {t["base_id"] for t in theirs} == set(listed) == {BASE_ID, OTHER_ID}
    assert all(set(t) == {"base_id", "timestamp"} for t in theirs), theirs


def check_types(peer):
    """Values have the types that the library gives them, and their order."""
    kinds = []
    for write in (lambda: peer.write_by_python(BASE_ID), lambda: peer.ours("write", BASE_ID, 1)):
        peer.client.osprofiler.profiler.drop()
        write()
        document = peer.client.osprofiler.profiler.find_one({"name": {"$in": ["db-start",
                                                                              "pg-start"]}})
        document.pop("_id")
        document["project"] = "shop"  # null in ours
        kinds.append([(name, type(value)) for name, value in document.items()])
    assert kinds[0] == kinds[1], kinds


CHECKS = [check_ours_read_by_python, check_python_read_by_us, check_one_trace_of_both,
          check_lists, check_error_lists, check_types]


def main():
    print("1..%d" % len(CHECKS))
    with tempfile.TemporaryDirectory() as directory, \
            Server("standin_server.sh", directory, "mongo_standin.py") as server:
        peer = Peer(sys.argv[1], "mongodb://127.0.0.1:%d" % server.port)
        peer.client = pymongo.MongoClient(peer.uri)

        def reset():
            peer.client.osprofiler.profiler.drop()
            peer.client.osprofiler.profiler_error.drop()

        cfg.CONF.set_override("filter_error_trace", True, "profiler")
        sys.exit(run_checks(CHECKS, peer, reset) > 0)


main()
