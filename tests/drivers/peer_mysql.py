#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our mysql driver and the Python osprofiler on one MariaDB, both ways, in TAP.

Usage: peer_mysql.py PEER, the program made of peer.c. Needs the Python osprofiler,
SQLAlchemy with PyMySQL and mysqlclient, and MariaDB. Either side makes the table.
"""

import os
import sys
import tempfile

from upstream_peer import BASE_ID, Peer, Server, run_checks, skip
from upstream_table import TABLE_CHECKS

try:
    import MySQLdb  # noqa: F401, pylint: disable=unused-import
    import pymysql
    import sqlalchemy  # noqa: F401, pylint: disable=unused-import
except ImportError as error:
    skip("no SQLAlchemy with PyMySQL and mysqlclient: %s" % error)


def check_rows(peer):
    """The types of a row's values are those of the library."""
    kinds = []
    for write in (lambda: peer.write_by_python(BASE_ID),
                  lambda: peer.ours("write", BASE_ID, 1)):
        peer.sql("TRUNCATE data" if kinds else "SELECT 1")
        write()
        kinds.append(peer.sql(
            "SELECT json_type(data), left(json_unquote(data), 9), "
            "length(timestamp), name LIKE '%-start' FROM data "
            "ORDER BY id LIMIT 1"))
    assert kinds[0] == kinds[1], kinds


CHECKS = TABLE_CHECKS + [check_rows]


def main():
    if not os.path.exists("/usr/sbin/mariadbd"):
        skip("no MariaDB")
    print("1..%d" % (2 * len(CHECKS)))
    failed = 0
    with tempfile.TemporaryDirectory() as directory, \
            Server("mariadb_server.sh", directory) as server:
        session = pymysql.connect(host="127.0.0.1", port=server.port, user="osp",
                                  database="test", autocommit=True)

        def sql(statement):
            with session.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()

        # The library's connections keep locks on the table.
        def reset():
            for row in sql("SELECT id FROM information_schema.processlist "
                           "WHERE user = 'osp' AND id <> connection_id()"):
                sql("KILL %d" % row[0])
            sql("DROP TABLE IF EXISTS data")

        for number, driver in enumerate(("pymysql", "mysqldb")):
            uri = "mysql+%s://osp@127.0.0.1:%d/test?charset=utf8mb4" % (
                driver, server.port)
            peer = Peer(sys.argv[1], uri)
            peer.sql = sql
            failed += run_checks(CHECKS, peer, reset, " by " + driver,
                                 number * len(CHECKS))
        session.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
