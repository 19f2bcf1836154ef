# SPDX-License-Identifier: Apache-2.0
"""What our drivers of databases and the Python osprofiler make of one table.

Used by peer_mysql.py and peer_postgresql.py.
"""

import json

from upstream_peer import BASE_ID, OTHER_ID


def ours(peer, base_id):
    return [json.loads(line) for line in peer.ours("get", base_id)]


def payloads(report):
    """The raw payloads of a report by trace_id and name: what has no column."""
    found = {}
    todo = list(report["children"])
    while todo:
        node = todo.pop()
        todo += node["children"]
        for key, value in node["info"].items():
            if key.startswith("meta.raw_payload."):
                found[(node["trace_id"], key[len("meta.raw_payload."):])] = value
    return found


def expected(points):
    return {(p["trace_id"], p["name"]): {"info": p["info"]} for p in points}


def check_ours_read_by_python(peer):
    peer.ours("write", BASE_ID, 300)
    peer.ours("write", OTHER_ID, 4)
    points = ours(peer, BASE_ID)
    assert len(points) == 302
    assert payloads(peer.theirs().get_report(BASE_ID)) == expected(points)
    assert payloads(peer.report(BASE_ID)) == expected(points)


def check_python_read_by_us(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.write_by_python(OTHER_ID)
    lines = peer.ours("get", BASE_ID)
    assert [json.loads(line) for line in lines] == sent
    assert [json.dumps(json.loads(line)) for line in lines] == lines
    assert payloads(peer.report(BASE_ID)) == expected(sent)


def check_one_trace_of_both(peer):
    sent = peer.write_by_python(BASE_ID)
    peer.ours("write", BASE_ID, 4)
    points = ours(peer, BASE_ID)
    assert points[:4] == sent and len(points) == 10
    assert payloads(peer.report(BASE_ID)) == expected(points)


def check_lists(peer):
    peer.ours("write", BASE_ID, 4)
    sent = peer.write_by_python(OTHER_ID)
    theirs = {t["base_id"] for t in peer.theirs().list_traces(["base_id", "timestamp"])}
    listed = dict(line.split(" ") for line in peer.ours("list"))
    assert theirs == set(listed) == {BASE_ID, OTHER_ID}
    assert listed[OTHER_ID] == sent[0]["timestamp"]


TABLE_CHECKS = [check_ours_read_by_python, check_python_read_by_us,
                check_one_trace_of_both, check_lists]
