# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy with plugin=osprofiler, as an OpenStack service has it."""

import asyncio
import concurrent.futures
import json
import unittest

from traced_service import KEY, TracedCase, operations

import sqlalchemy
from osprofiler import profiler
from osprofiler import sqlalchemy as upstream
from sqlalchemy import text
from sqlalchemy.engine import ExceptionContext

from osprofiler_db import trace_context
from osprofiler_db.sqlalchemy_plugin import OSProfilerPlugin


def engine_of(server, options="plugin=osprofiler", **arguments):
    engine = sqlalchemy.create_engine(server.url("psycopg2", options), **arguments)
    upstream.add_tracing(sqlalchemy, engine, "db")
    if not hasattr(ExceptionContext, "chained_exception"):
        # OSProfiler 3.4.3 reads an attribute that SQLAlchemy 2 does not have.
        sqlalchemy.event.remove(engine, "handle_error", upstream.handle_error)
        sqlalchemy.event.listen(engine, "handle_error", lambda context: profiler.stop(
            info={"message": str(context.original_exception)}))
    return engine


class SQLAlchemyCase(TracedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine = engine_of(cls.server)
        with cls.engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (id int PRIMARY KEY, v text,"
                                    " UNIQUE (v) DEFERRABLE INITIALLY DEFERRED)"))
        cls.addClassCleanup(cls.engine.dispose)

    def begin_trace(self):
        profiler.init(KEY)
        profiler.start("wsgi")
        return profiler.get().get_base_id()

    def test_statements(self):
        base = self.begin_trace()
        with self.engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            connection.execute(text("SELECT :a || '100%'"), {"a": "x"})
            connection.execute(text("INSERT INTO t VALUES (:i, :v)"),
                               [{"i": 1, "v": "one"}, {"i": 2, "v": "two"}])
            connection.exec_driver_sql("SELECT 1 -- ends in a comment")
            connection.exec_driver_sql("SELECT count(*) FROM t;")
        mine, theirs = self.assert_one_below_each_execution(base)
        self.assertEqual([op.text for op in theirs if op.name == "pg"][0], "SELECT 1")

    def assert_one_below_each_execution(self, base):
        """As assert_one_below_each, but psycopg2 sends a statement for each row."""
        mine = [op for op in operations(self.own) if op.name == "db"]
        self.assertEqual([op.text.split()[0] for op in mine],
                         ["SELECT", "SELECT", "INSERT", "SELECT", "SELECT", "COMMIT"])
        theirs = self.server_operations(7, base)
        parents = {op.parent for op in theirs if op.name == "pg"}
        self.assertEqual(parents, {op.id for op in mine})
        commit = [op for op in theirs if op.name == "pg.commit"]
        self.assertEqual(len(commit), 1)
        self.assertIn(commit[0].parent,
                      [op.id for op in theirs if op.text == "COMMIT"] + [mine[-1].id])
        self.assert_nothing_secret()
        return mine, theirs

    def test_nothing_without_a_profiler(self):
        with self.engine.begin() as connection:
            seen = connection.execute(text("SELECT current_query()")).scalar()
        self.assertEqual(seen, "SELECT current_query()")
        self.assertEqual(self.own, [])
        base = self.begin_trace()
        with self.engine.connect() as connection:
            seen = connection.execute(text("SELECT current_query()")).scalar()
        self.assertTrue(seen.startswith("SELECT current_query()\n/*trace_hmac='"))
        self.server_operations(1, base)
        found = [op.base for op in operations(self.server.points())
                 if op.text == "SELECT current_query()"]
        self.assertEqual(found, [base])

    def test_read_only_and_rolled_back_transactions(self):
        base = self.begin_trace()
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        with self.assertRaises(ZeroDivisionError):
            with self.engine.begin() as connection:
                connection.execute(text("INSERT INTO t VALUES (5, 'five')"))
                1 / 0
        with self.engine.connect() as connection:
            self.assertEqual(connection.execute(text(
                "SELECT count(*) FROM t WHERE id = 5")).scalar(), 0)
            self.assertEqual(connection.execute(text(
                "SELECT current_setting('osprofiler.trace_info', true)")).scalar() or "", "")
        self.assert_one_below_each(base, 4)

    def test_autocommit_has_no_commit(self):
        base = self.begin_trace()
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("SELECT 2"))
            if hasattr(connection, "commit"):
                connection.commit()
        self.assert_one_below_each(base, 1)
        self.assertNotIn("SET LOCAL", self.server.log())

    def test_commit_that_fails(self):
        base = self.begin_trace()
        with self.assertRaises(sqlalchemy.exc.IntegrityError):
            with self.engine.begin() as connection:
                connection.execute(text("INSERT INTO t VALUES (7, 'x'), (8, 'x')"))
        mine, theirs = self.assert_one_below_each(base, 2)
        self.assertEqual(mine[1].stop["etype"], "UniqueViolation")
        self.assertEqual(mine[1].stop["db"]["sqlstate"], "23505")
        self.assertNotIn("message", mine[1].stop)

    def test_errors_quote_no_signature(self):
        base = self.begin_trace()
        broken = ["SELECT 1 +", "SELECT 'open", "SELECT $x$ open", 'SELECT "open',
                  "SELECT (1", "SELECT /* open", "SELEKT 1", "SELECT 1 WHERE",
                  "SELECT E'open\\", "SELECT 1 FROM t WHERE id = -- end",
                  "SELECT U&'open", "SELECT b'2", "CREATE TABLE"]
        for statement in broken:
            with self.subTest(statement), self.engine.connect() as connection:
                with self.assertRaises(sqlalchemy.exc.DBAPIError) as caught:
                    connection.exec_driver_sql(statement)
                shown = str(caught.exception)
                self.assertNotIn("trace_", shown)
                self.assertNotRegex(shown, r"[0-9a-f]{40}")
        for op in operations(self.own):
            if op.stop is not None:
                self.assertNotIn("trace_", json.dumps(op.stop))
        self.assert_nothing_secret()
        self.assertNotIn(base, json.dumps([p["info"] for p in self.own]))

    def test_50_threads(self):
        def request(number):
            profiler.init(KEY)
            profiler.start("wsgi")
            base = profiler.get().get_base_id()
            for repeat in range(4):
                with self.engine.begin() as connection:
                    connection.execute(text("SELECT :n, pg_sleep(0.002)"), {"n": number})
            profiler.stop()
            profiler.clean()
            return base

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            bases = list(pool.map(request, range(50)))
        self.assertEqual(len(set(bases)), 50)
        for base in bases:
            self.assert_one_below_each(base, 8)

    def test_headers_are_upstreams(self):
        from osprofiler import web
        for key in (KEY, "\u0436", "k" * 80):
            profiler.clean()
            profiler.init(key, base_id="a-\u0436\"'")
            headers = web.get_trace_id_headers()
            info = headers["X-Trace-Info"]
            info = info.decode() if isinstance(info, bytes) else info
            self.assertEqual(trace_context.signed_pair(profiler.get()),
                             (info, headers["X-Trace-HMAC"]))
        profiler.clean()
        profiler.init("")
        self.assertIsNone(trace_context.signed_pair(profiler.get()))
        self.assertEqual(trace_context.comment_of(profiler.get()), "")

    def test_other_databases_get_no_context(self):
        engine = sqlalchemy.create_engine("sqlite://")
        engine.dialect.name = "mysql"
        before = engine.dialect.do_commit
        OSProfilerPlugin(engine.url, {}).engine_created(engine)
        self.assertFalse(list(engine.dialect.dispatch.do_execute))
        self.assertEqual(engine.dialect.do_commit, before)


if sqlalchemy.__version__ >= "2":
    class AsyncEngineCase(TracedCase):
        """SQLAlchemy 2 with psycopg 3 for asyncio; 1.4 has no such dialect."""

        def test_20_tasks(self):
            from sqlalchemy.ext.asyncio import create_async_engine
            from osprofiler_db import tasks

            before = getattr(profiler, "__local_ctx")
            tasks.use_contextvars()
            self.addCleanup(setattr, profiler, "__local_ctx", before)
            engine = create_async_engine(self.server.url("psycopg"), pool_size=20)
            upstream.add_tracing(sqlalchemy, engine.sync_engine, "db")

            async def request(number):
                profiler.init(KEY, base_id="engine-%d" % number)
                for _ in range(3):
                    async with engine.begin() as connection:
                        await connection.execute(text("SELECT pg_sleep(0.001)"))

            async def main():
                async with engine.connect():
                    pass
                await asyncio.gather(*(request(n) for n in range(20)))
                await engine.dispose()

            asyncio.run(main())
            for number in range(20):
                self.assert_one_below_each("engine-%d" % number, 6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
