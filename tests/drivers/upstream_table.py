# SPDX-License-Identifier: Apache-2.0
"""What our drivers of databases and the Python osprofiler make of one table.

Used by peer_mysql.py and peer_postgresql.py.
"""

import json
import os
import pathlib
import subprocess

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


def our_report(peer, base_id):
    """Output of our command."""
    build = pathlib.Path(os.environ["OSPROFILER_DRIVER_PATH"]).parent
    return json.loads(subprocess.run(
        [build / "bin/osprofiler", "trace", "show", "--no-wait", "--json", "--connection-string",
         peer.uri, base_id], check=True, stdout=subprocess.PIPE).stdout)


def without_differences(node, hosts):
    """What docs/drivers.md says: here a payload is whole, and the host is its own."""
    info = dict(node["info"])
    hosts.add(info.pop("host", None))
    for key, value in info.items():
        if key.startswith("meta.raw_payload."):
            info[key] = {"info": value["info"]}
    return dict(node, info=info, children=[
        without_differences(child, hosts) for child in node["children"]])


def check_reports(peer):
    sent = peer.write_by_python(BASE_ID)
    hosts = set()
    ours_hosts = set()
    theirs = without_differences(peer.report(BASE_ID), hosts)
    whole = our_report(peer, BASE_ID)
    assert without_differences(whole, ours_hosts) == theirs, (whole, theirs)
    assert sent[0]["info"]["host"] in ours_hosts
    assert whole["children"][0]["info"]["meta.raw_payload.db-start"] == sent[0]


TABLE_CHECKS = [check_ours_read_by_python, check_python_read_by_us,
                check_one_trace_of_both, check_lists, check_reports]
