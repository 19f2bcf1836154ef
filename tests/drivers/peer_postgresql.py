#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our postgresql driver and the Python osprofiler on one PostgreSQL, both ways, in TAP.

Usage: peer_postgresql.py PEER, the program made of peer.c. Needs the Python
osprofiler, SQLAlchemy, psycopg2 and PostgreSQL. Either side makes the table.
"""

import sys
import tempfile

from upstream_peer import BASE_ID, Peer, Server, run_checks, skip
from upstream_table import TABLE_CHECKS

try:
    import psycopg2
    import sqlalchemy  # noqa: F401, pylint: disable=unused-import
except ImportError as error:
    skip("no SQLAlchemy with psycopg2: %s" % error)


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


CHECKS = TABLE_CHECKS + [check_rows]


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
