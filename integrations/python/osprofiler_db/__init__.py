# SPDX-License-Identifier: Apache-2.0
"""Carries OSProfiler's traces from Python into PostgreSQL and SQLite.

A statement that is executed while the service has a profiler open (OSProfiler's
profiler.init) gets the signed context of the open operation, in a comment. The
server then records the statement as a child of that operation. While no profiler
is open nothing is changed.

    sqlalchemy_plugin    SQLAlchemy: plugin=osprofiler in the engine's address
    apps                 Django: "osprofiler_db" in INSTALLED_APPS
    psycopg2_classes     connections and cursors of psycopg2
    psycopg_classes      connections and cursors of psycopg 3
    sqlite3_classes      connections and cursors of sqlite3
    tasks                profilers for asyncio: one stack for each task

This package never imports osprofiler: see trace_context.
"""
