#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our elasticsearch driver and the Python osprofiler on one server, both ways, in TAP.

Usage: peer_elasticsearch.py PEER, the program made of peer.c. Needs the Python
osprofiler and python3-elasticsearch. The server is a stand-in, elastic_standin.py.
"""

import json
import sys
import tempfile

from upstream_peer import (BASE_ID, OTHER_ID, Peer, Server, by_key, raw_payloads, run_checks,
                           skip)

try:
    import elasticsearch
    from oslo_config import cfg
except ImportError as error:
    skip("no python3-elasticsearch: %s" % error)

INDEX = "osprofiler-notifications"


def refresh(peer):
    """What was stored is found at once."""
    for name in (INDEX, INDEX + "-error"):
        peer.client.indices.refresh(index=name, ignore=[404])


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
    """The server has guessed the fields, and OTHER_ID has words of BASE_ID."""
    sent = peer.write_by_python(BASE_ID)
    peer.write_by_python(OTHER_ID)
    lines = peer.ours("get", BASE_ID)
    assert by_key(json.loads(line) for line in lines) == by_key(sent)
    assert [json.dumps(json.loads(line)) for line in lines] == lines


def check_one_trace_of_both(peer):
    peer.ours("write", BASE_ID, 4)
    sent = peer.write_by_python(BASE_ID)
    refresh(peer)
    points = ours(peer, BASE_ID)
    assert len(points) == 10 and points.items() >= by_key(sent).items()
    assert raw_payloads(peer.report(BASE_ID)) == points


def check_lists(peer):
    """The library's own list fails in its client, which gets a set to send."""
    peer.ours("write", BASE_ID, 4)
    sent = peer.write_by_python(OTHER_ID)
    listed = dict(line.split(" ") for line in peer.ours("list"))
    assert set(listed) == {BASE_ID, OTHER_ID}
    assert listed[OTHER_ID] == sent[0]["timestamp"]


def check_error_lists(peer):
    peer.ours("write", BASE_ID, 4)
    peer.write_by_python(OTHER_ID)
    listed = dict(line.split(" ") for line in peer.ours("errors"))
    assert set(listed) == {BASE_ID, OTHER_ID}
    refresh(peer)
    hits = peer.client.search(index=INDEX + "-error", body={"query": {"match_all": {}}})
    found = [hit["_source"] for hit in hits["hits"]["hits"]]
    assert {source["base_id"] for source in found} == set(listed), found
    assert all(set(source) == {"base_id", "timestamp"} for source in found)


def check_fields(peer):
    """An index that we make lets the library find by the whole id, not by words."""
    peer.ours("write", BASE_ID, 1)
    mapping = peer.client.indices.get_mapping(index=INDEX)[INDEX]["mappings"]["properties"]
    assert mapping["base_id"] == {"type": "keyword"} and not mapping["info"]["enabled"]
    peer.ours("write", OTHER_ID, 1)
    refresh(peer)
    assert {p["base_id"] for p in raw_payloads(peer.theirs().get_report(BASE_ID)).values()} \
        == {BASE_ID}


CHECKS = [check_ours_read_by_python, check_python_read_by_us, check_one_trace_of_both,
          check_lists, check_error_lists, check_fields]


def main():
    print("1..%d" % len(CHECKS))
    with tempfile.TemporaryDirectory() as directory, \
            Server("standin_server.sh", directory, "elastic_standin.py") as server:
        peer = Peer(sys.argv[1], "elasticsearch://127.0.0.1:%d" % server.port)
        peer.client = elasticsearch.Elasticsearch("http://127.0.0.1:%d" % server.port)

        def reset():
            for name in (INDEX, INDEX + "-error"):
                peer.client.indices.delete(index=name, ignore=[404])

        cfg.CONF.set_override("filter_error_trace", True, "profiler")
        sys.exit(run_checks(CHECKS, peer, reset) > 0)


main()
