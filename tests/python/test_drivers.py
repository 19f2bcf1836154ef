# SPDX-License-Identifier: Apache-2.0
"""psycopg2, psycopg 3 and sqlite3 without anything above them."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from traced_service import BUILD, KEY, TOP, TracedCase, operations

import psycopg
import psycopg2
import psycopg2.extras
import redis
from osprofiler import notifier, profiler, web
from psycopg2 import sql as sql2

from osprofiler_db import psycopg2_classes, psycopg_classes
from osprofiler_db.recorded_text import recorded

sys.path.insert(0, os.path.join(TOP, "tests/drivers"))
from upstream_peer import Server as RedisServer  # noqa: E402


class DriverCase(TracedCase):
    def begin_trace(self):
        profiler.init(KEY)
        profiler.start("wsgi")
        return profiler.get().get_base_id()

    def check_statements(self, connection, named):
        base = self.begin_trace()
        cursor = connection.cursor()
        cursor.execute("CREATE TEMP TABLE mine (id int, v text)")
        cursor.execute("INSERT INTO mine VALUES (%s, %s)", (1, "100%"))
        cursor.execute(b"SELECT v FROM mine")
        self.assertEqual(cursor.fetchall(), [("100%",)])
        cursor.execute(named)
        connection.commit()
        connection.commit()  # there is no transaction: no operation
        with self.assertRaises((psycopg.Error, psycopg2.Error)) as caught:
            cursor.execute("SELECT %s::int", ("none of my business",))
        self.assertNotIn("trace_", str(caught.exception))
        connection.rollback()
        profiler.stop()
        mine, theirs = self.assert_one_below_each(base, 6)
        self.assertEqual(mine[4].text, "COMMIT")
        self.assertEqual(mine[5].stop["db"], {"sqlstate": "22P02"})
        self.assertIn(mine[5].stop["etype"], "InvalidTextRepresentation")
        self.assertNotIn("business", json.dumps(self.own))
        commit = [op for op in theirs if op.text == "COMMIT" and op.name == "pg"]
        self.assertEqual([op.parent for op in commit], [mine[4].id])

    def test_psycopg2(self):
        connection = psycopg2.connect(self.server.dsn,
                                      connection_factory=psycopg2_classes.Connection)
        self.addCleanup(connection.close)
        self.check_statements(connection, sql2.SQL("SELECT count(*) FROM {}").format(
            sql2.Identifier("mine")))

    def test_psycopg3(self):
        connection = psycopg_classes.Connection.connect(self.server.dsn)
        self.addCleanup(connection.close)
        self.check_statements(connection, psycopg.sql.SQL(
            "SELECT count(*) FROM {}").format(psycopg.sql.Identifier("mine")))

    def test_nothing_without_a_profiler(self):
        for connect in (psycopg_classes.Connection.connect,
                        lambda dsn: psycopg2.connect(
                            dsn, connection_factory=psycopg2_classes.Connection)):
            with connect(self.server.dsn) as connection:
                cursor = connection.cursor()
                cursor.execute("SELECT current_query()")
                self.assertEqual(cursor.fetchone(), ("SELECT current_query()",))
                cursor.executemany("SELECT %s::int", [(1,), (2,)])
        self.assertEqual(self.own, [])

    def test_blocks_commit_as_operations(self):
        base = self.begin_trace()
        with psycopg2.connect(self.server.dsn,
                              connection_factory=psycopg2_classes.Connection) as two:
            two.cursor().execute("CREATE TEMP TABLE block2 (id int)")
        with psycopg_classes.Connection.connect(self.server.dsn) as three:
            three.execute("CREATE TEMP TABLE block3 (id int)")
        with psycopg_classes.Connection.connect(self.server.dsn, autocommit=True) as auto:
            with auto.transaction():
                auto.execute("CREATE TEMP TABLE block4 (id int)")
                with auto.transaction():  # a savepoint
                    auto.execute("INSERT INTO block4 VALUES (1)")
            with self.assertRaises(ZeroDivisionError), auto.transaction():
                auto.execute("INSERT INTO block4 VALUES (2)")
                1 / 0
            with auto.transaction(force_rollback=True):
                auto.execute("INSERT INTO block4 VALUES (3)")
            with self.assertRaises(psycopg.errors.UniqueViolation), auto.transaction():
                auto.execute("CREATE TEMP TABLE late (id int UNIQUE"
                             " DEFERRABLE INITIALLY DEFERRED)")
                auto.execute("INSERT INTO late VALUES (1), (1)")
            self.assertEqual(auto.execute("TABLE block4").fetchall(), [(1,)])
            two.autocommit = True
            two.cursor().execute("BEGIN")
            two.commit()  # psycopg2 does nothing here
            self.assertEqual(two.info.transaction_status, 2)
        two.close()
        mine = [op.text.split()[0] for op in operations(self.own) if op.name == "db"]
        self.assertEqual(mine.count("COMMIT"), 4)
        failed = [op for op in operations(self.own) if "etype" in (op.stop or {})]
        self.assertEqual([(op.text, op.stop["etype"]) for op in failed],
                         [("COMMIT", "UniqueViolation")])
        self.server_operations(10, base)
        self.assert_nothing_secret()

    def test_psycopg3_prepares_at_once_and_in_pipelines(self):
        base = self.begin_trace()
        with psycopg_classes.Connection.connect(self.server.dsn,
                                                prepare_threshold=0) as connection:
            connection.execute("CREATE TEMP TABLE prepared (id int)")
            connection.commit()
            with connection.pipeline():
                connection.execute("INSERT INTO prepared VALUES (%s)", (1,))
                connection.commit()
            self.assertEqual(connection.execute("TABLE prepared").fetchall(), [(1,)])
        # Within a pipeline psycopg does not know of the transaction: no COMMIT.
        self.server_operations(5, base)
        self.assert_nothing_secret()

    def test_other_cursor_classes(self):
        class Rows(psycopg2_classes.TracedCursor, psycopg2.extras.DictCursor):
            pass

        base = self.begin_trace()
        connection = psycopg2.connect(self.server.dsn)
        self.addCleanup(connection.close)
        cursor = connection.cursor(cursor_factory=Rows)
        cursor.execute("SELECT 1 AS one")
        self.assertEqual(cursor.fetchone()["one"], 1)
        named = psycopg2.connect(self.server.dsn,
                                 connection_factory=psycopg2_classes.Connection)
        self.addCleanup(named.close)
        with named.cursor("rows") as cursor:
            cursor.execute("SELECT generate_series(1, 3) AS n")
            self.assertEqual([row[0] for row in cursor], [1, 2, 3])
        psycopg2.extras.execute_values(
            named.cursor(), "SELECT * FROM (VALUES %s) v", [(n,) for n in range(5)],
            page_size=2)
        self.server_operations(4, base)
        self.assert_nothing_secret()

    def test_a_collector_that_is_down(self):
        def refuse(info):
            raise ConnectionError("nobody is there")

        base = self.begin_trace()
        notifier.set(refuse)
        connection = psycopg2.connect(self.server.dsn,
                                      connection_factory=psycopg2_classes.Connection)
        self.addCleanup(connection.close)
        cursor = connection.cursor()
        here = profiler.get().get_id()
        for _ in range(3):
            cursor.execute("SELECT 1")
            connection.commit()
            with self.assertRaises(psycopg2.Error):
                cursor.execute("SELEKT 1")
            connection.rollback()
        self.assertEqual((profiler.get().get_base_id(), profiler.get().get_id()),
                         (base, here))


class RecordedTextCase(unittest.TestCase):
    """Nothing that may be a secret is in the recorded text."""

    def test_secrets(self):
        for statement in (
                "ALTER ROLE bob PASSWORD 'hunter2'", "alter role bob password hunter2",
                "/* c */ ALTER USER bob WITH PASSWORD $$hunter2$$",
                "SELECT 1; ALTER ROLE bob PASSWORD 'hunter2'",
                "SET myapp.pin TO hunter2", "SET myapp.pin = 'hunter2'",
                "DO $$BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''hunter2'''; END$$",
                "CREATE SUBSCRIPTION s CONNECTION 'postgresql://u:hunter2@h/d'",
                "INSERT INTO t (password) VALUES ('hunter2')",
                "SELECT * FROM t WHERE api_key = 'hunter2'", "PRAGMA key = hunter2",
                "PRAGMA key(hunter2)", "ATTACH 'x' AS y KEY 'hunter2'",
                "UPDATE t SET token = E'hunter2'", "SELECT 1 -- password hunter2",
                "COPY t TO PROGRAM 'PGPASSWORD=hunter2 x'",
                "CREATE USER MAPPING FOR u SERVER s OPTIONS (x 'hunter2')",
                "SELECT set_config('a.b', 'hunter2', true)",
                "SELECT 1 /*trace_hmac='hunter2',trace_info='x'*/"):
            with self.subTest(statement):
                self.assertNotIn("hunter2", recorded(statement))

    def test_the_rest_is_whole(self):
        for statement in ("SELECT * FROM t WHERE role = 1", "UPDATE t SET a = 'x'",
                          "INSERT INTO t (user, server) VALUES (1, 2);", "COMMIT",
                          "CREATE TABLE t (id int)"):
            self.assertEqual(recorded(statement), statement)


class CgiCase(TracedCase):
    """docs/examples/report_cgi.py."""

    def run_program(self, collector, **environment):
        done = subprocess.run(
            [sys.executable, os.path.join(TOP, "docs/examples/report_cgi.py")],
            text=True, capture_output=True, env={
                **os.environ, "PGHOST": self.server.socket, "PGUSER": "app",
                "PGDATABASE": "postgres", "OSPROFILER_HMAC_KEYS": "other," + KEY,
                "REPORT_COLLECTOR": collector, **environment})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "Content-Type: text/plain\n\n42\n")

    def test_a_request_is_one_tree(self):
        profiler.init(KEY)
        base = profiler.get().get_base_id()
        headers = web.get_trace_id_headers()
        info = headers["X-Trace-Info"]
        info = info.decode() if isinstance(info, bytes) else info
        with tempfile.TemporaryDirectory() as directory, \
                RedisServer("redis_server.sh", directory) as peer:
            collector = "redis://127.0.0.1:%d" % peer.port
            store = redis.Redis(port=peer.port)
            self.run_program(collector)
            self.assertEqual(store.dbsize(), 0)
            self.run_program(collector, HTTP_X_TRACE_INFO=info,
                             HTTP_X_TRACE_HMAC=headers["X-Trace-HMAC"])
            self.own = [json.loads(point) for point in
                        store.lrange("osprofiler_opt:" + base, 0, -1)]
        self.assertEqual([op.parent for op in operations(self.own)
                          if op.name == "wsgi"], [base])
        self.assert_one_below_each(base, 3)


PROGRAM = """
import sqlite3, sys, json
from osprofiler import notifier, profiler
from osprofiler_db.sqlite3_classes import Connection
own = []
notifier.set(lambda info: own.append(dict(info)))
connection = sqlite3.connect(":memory:", factory=Connection)
connection.execute("CREATE TABLE t (id)")
profiler.init(sys.argv[1])
profiler.start("wsgi")
connection.execute("INSERT INTO t VALUES (?)", (1,))
connection.executemany("INSERT INTO t VALUES (?)", [(2,), (3,)])
connection.commit()
print(connection.cursor().execute("SELECT count(*) FROM t").fetchone()[0],
      file=sys.stderr)
try:
    connection.execute("SELECT * FROM nosuch WHERE a = 'x")
except sqlite3.OperationalError as error:
    print(error, file=sys.stderr)
profiler.stop()
print(json.dumps(own))
"""


class SQLiteCase(unittest.TestCase):
    def test_contexts_by_comment(self):
        with tempfile.TemporaryDirectory() as directory:
            environment = {
                **os.environ, "OSPROFILER_HMAC_KEYS": KEY,
                "LD_PRELOAD": BUILD + "/sqlite_osprofiler/sqlite_preload.so",
                "OSPROFILER_DRIVER_PATH": BUILD + "/drivers",
                "OSPROFILER_RUN_DIR": directory + "/run",
                "OSPROFILER_CONNECTION_STRING": f"file://{directory}/traces"}
            done = subprocess.run([sys.executable, "-c", PROGRAM, KEY], text=True,
                                  env=environment, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.split("\n", 1)[0], "3")
            self.assertNotIn("trace_", done.stderr)
            del environment["LD_PRELOAD"]
            subprocess.run([BUILD + "/bin/osprofiler", "agent", "--once"], check=True,
                           env=environment, capture_output=True)
            own = operations(json.loads(done.stdout))
            with open(directory + "/traces") as file:
                stored = file.read()
            theirs = operations([json.loads(line) for line in stored.splitlines()])
        mine = [op for op in own if op.name == "db"]
        self.assertEqual(len(mine), 4)
        by_parent = {op.id: [o.text for o in theirs if o.parent == op.id] for op in mine}
        for op in mine[:3]:
            self.assertIn(op.text, by_parent[op.id])
        self.assertEqual(len(by_parent[mine[1].id]), 2)
        self.assertNotIn("trace_hmac=", stored)


if __name__ == "__main__":
    unittest.main(verbosity=2)
