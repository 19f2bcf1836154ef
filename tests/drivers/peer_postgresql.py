#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our postgresql driver and the Python osprofiler on one PostgreSQL, both ways, in TAP.

Usage: peer_postgresql.py PEER, the program made of peer.c. Needs the Python
osprofiler, SQLAlchemy, psycopg2 and PostgreSQL. Either side makes the table.
"""

import json
import sys
import tempfile

from upstream_peer import BASE_ID, OTHER_ID, Peer, Server, run_checks, skip

try:
    import psycopg2
    import sqlalchemy  # noqa: F401, pylint: disable=unused-import
except ImportError as error:
    skip("no SQLAlchemy with psycopg2: %s" % error)


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


def check_rows(peer):
    """The types of a row's values are those of the library."""
    kinds = []
    for write in (lambda: peer.write_by_python(BASE_ID),
                  lambda: peer.ours("write", BASE_ID, 1)):
        peer.sql("TRUNCATE data" if kinds else "SELECT 1")
        write()
        kinds.append(peer.sql(
            "SELECT json_typeof(data), left(data #>> '{}', 9), "
            "length(timestamp), name LIKE '%-start' FROM data "
            "ORDER BY id LIMIT 1"))
    assert kinds[0] == kinds[1], kinds


CHECKS = [check_ours_read_by_python, check_python_read_by_us,
          check_one_trace_of_both, check_lists, check_rows]


def main():
    print("1..%d" % len(CHECKS))
    with tempfile.TemporaryDirectory() as directory, \
            Server("postgres_server.sh", directory) as server:
        address = "postgres@127.0.0.1:%d/postgres" % server.port
        peer = Peer(sys.argv[1], "postgresql://" + address,
                    "postgresql+psycopg2://" + address)
        session = psycopg2.connect("postgresql://" + address)
        session.autocommit = True

        def sql(statement):
            with session.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

        peer.sql = sql

        # The library's connections keep locks on the table.
        def reset():
            sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
            sql("DROP TABLE IF EXISTS data")

        failed = run_checks(CHECKS, peer, reset)
        session.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
