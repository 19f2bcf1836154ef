#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What integrations/python costs a statement, in microseconds.

SQLAlchemy executes SELECT 1 in an SQLite database in memory, so that nothing is
waited for, with OSProfiler's own listeners, a notifier that does nothing, and with
and without the plugin; a cursor of sqlite3 executes it with and without our class.
Prints the least processor time of several rounds.
"""

import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../integrations/python"))

import sqlalchemy
from osprofiler import notifier, profiler
from osprofiler import sqlalchemy as upstream
from osprofiler_db import sqlite3_classes
from osprofiler_db.sqlalchemy_plugin import OSProfilerPlugin
from osprofiler_db.trace_context import comment_of

ROUNDS, STATEMENTS = 40, 500


def best(*calls):
    """Returns the least time of each call, in microseconds, measured in turn."""
    found = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, times in zip(calls, found):
            begun = time.thread_time()
            for _ in range(STATEMENTS):
                call()
            times.append((time.thread_time() - begun) / STATEMENTS * 1e6)
    return [min(times) for times in found]


def sqlalchemy_statement(plugin, listeners):
    engine = sqlalchemy.create_engine("sqlite://")
    execute = engine.dialect.do_execute

    # SQLite would prepare a text that is new each time; PostgreSQL does so anyway.
    engine.dialect.do_execute = lambda cursor, statement, parameters, context: execute(
        cursor, "SELECT 1", parameters, context)
    if plugin:
        OSProfilerPlugin(engine.url, {}).engine_created(engine)
    if listeners:
        upstream.add_tracing(sqlalchemy, engine, "db")
    connection = engine.connect()
    statement = sqlalchemy.text("SELECT 1")
    return lambda: connection.execute(statement).close()


def sqlite3_statement(factory):
    cursor = sqlite3.connect(":memory:", factory=factory).cursor()
    return lambda: cursor.execute("SELECT 1")


def report(what, plain, ours):
    plain, ours = best(plain, ours)
    print("%-34s %6.2f us, with us %+6.2f us" % (what, plain, ours - plain))


def main():
    notifier.set(lambda info: None)
    report("sqlite3, no profiler", sqlite3_statement(sqlite3.Connection),
           sqlite3_statement(sqlite3_classes.Connection))
    report("SQLAlchemy, no profiler", sqlalchemy_statement(False, True),
           sqlalchemy_statement(True, True))
    profiler.init("SECRET_KEY")
    report("SQLAlchemy, traced by OSProfiler", sqlalchemy_statement(False, True),
           sqlalchemy_statement(True, True))
    print("%-34s %6.2f us" % ("a signed comment alone",
                              *best(lambda: comment_of(profiler.get()))))


main()
