# SPDX-License-Identifier: Apache-2.0
"""Contexts of tasks of asyncio and of green threads are not mixed; nothing of
osprofiler is imported by us, and nothing fails without it."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import unittest

from traced_service import KEY, TracedCase, operations

from osprofiler import profiler

from osprofiler_db import psycopg_classes, tasks

HERE = os.path.dirname(os.path.abspath(__file__))


class TasksCase(TracedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        before = getattr(profiler, "__local_ctx")
        tasks.use_contextvars()
        tasks.use_contextvars()
        cls.addClassCleanup(setattr, profiler, "__local_ctx", before)

    async def request(self, number):
        profiler.init(KEY, base_id="task-%d" % number)
        profiler.start("wsgi")
        connection = await psycopg_classes.AsyncConnection.connect(self.server.dsn)
        async with connection:
            for _ in range(3):
                await connection.execute("SELECT pg_sleep(0.001)")
                await asyncio.sleep(0)
                await connection.commit()
            async with connection.transaction():
                await connection.execute("SELECT 1")
        profiler.stop()
        profiler.clean()

    def test_50_tasks(self):
        async def main():
            await asyncio.gather(*(self.request(n) for n in range(50)))

        asyncio.run(main())
        for number in range(50):
            self.assert_one_below_each("task-%d" % number, 8)

    def test_tasks_within_a_request(self):
        async def child(number):
            profiler.start("child")
            mine = profiler.get().get_id()
            await asyncio.sleep(0.001 * (number % 3))
            self.assertEqual(profiler.get().get_id(), mine)
            profiler.stop()

        async def main():
            profiler.init(KEY)
            profiler.start("wsgi")
            parent = profiler.get().get_id()
            running = [asyncio.create_task(child(n)) for n in range(9)]
            profiler.start("beside")
            await asyncio.gather(*running)
            profiler.stop()
            profiler.stop()
            return parent

        parent = asyncio.run(main())
        found = operations(self.own)
        self.assertEqual(len(found), 11)
        self.assertTrue(all(op.stop for op in found))
        self.assertEqual({op.parent for op in found if op.name == "child"}, {parent})
        self.assertIsNone(profiler.get())

    def test_threads_begin_with_nothing(self):
        profiler.init(KEY)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(profiler.get()))
        thread.start()
        thread.join()
        self.assertEqual(seen, [None])
        self.assertIsNotNone(profiler.get())

    def test_a_failed_request_leaves_nothing(self):
        async def main():
            profiler.init(KEY)
            connection = await psycopg_classes.AsyncConnection.connect(self.server.dsn)
            async with connection:
                with self.assertRaises(psycopg_classes.psycopg.Error):
                    async with connection.transaction():
                        await connection.execute("CREATE TEMP TABLE late (id int UNIQUE"
                                                 " DEFERRABLE INITIALLY DEFERRED)")
                        await connection.execute("INSERT INTO late VALUES (1), (1)")
            return len(profiler.get()._trace_stack)

        self.assertEqual(asyncio.run(main()), 2)
        self.assertTrue(all(op.stop for op in operations(self.own)))


class GreenCase(TracedCase):
    def test_50_green_threads(self):
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "green_service.py"),
             self.server.url("psycopg2"), KEY, "100"], text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.own = json.loads(done.stdout)
        for number in range(100):
            self.assert_one_below_each("green-%d" % number, 8)


class ImportsCase(TracedCase):
    def python(self, program):
        done = subprocess.run([sys.executable, "-c", program], text=True,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_osprofiler_is_not_imported(self):
        self.python(f"""
import sys, sqlalchemy
from osprofiler_db import (driver_cursor, psycopg2_classes, psycopg_classes,
                           sqlalchemy_plugin, sqlite3_classes)
engine = sqlalchemy.create_engine({self.server.url("psycopg2")!r})
with engine.begin() as connection:
    connection.execute(sqlalchemy.text("SELECT 1"))
found = [name for name in sys.modules
         if name.split(".")[0] in ("osprofiler", "eventlet", "gevent", "django")]
assert not found, found
""")

    def test_tools_work_without_osprofiler(self):
        self.assertEqual(self.python(f"""
import sys
sys.modules["osprofiler"] = None  # an import of it fails
import sqlalchemy
engine = sqlalchemy.create_engine({self.server.url("psycopg2")!r})
with engine.begin() as connection:
    print(connection.execute(sqlalchemy.text("SELECT current_query()")).scalar())
"""), "SELECT current_query()\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
