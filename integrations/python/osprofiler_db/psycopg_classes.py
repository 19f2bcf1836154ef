# SPDX-License-Identifier: Apache-2.0
"""Traced connections and cursors of psycopg 3, also for asyncio.

    connection = Connection.connect(dsn)
    connection = await AsyncConnection.connect(dsn)

A pool takes the class: ConnectionPool(dsn, connection_class=Connection). For
asyncio see also osprofiler_db.tasks.

Not traced as operations of their own: COPY, and stream(), which a program reads
while other statements wait.
"""

from contextlib import asynccontextmanager, contextmanager

import psycopg
from psycopg.pq import TransactionStatus

from osprofiler_db.commit import begin_commit, commit_traced
from osprofiler_db.driver_cursor import TracedCursor
from osprofiler_db.operation import Operation
from osprofiler_db.trace_context import open_profiler, with_comment


class Cursor(TracedCursor, psycopg.Cursor):
    """A cursor whose statements are operations of the open trace."""


class AsyncCursor(psycopg.AsyncCursor):
    """The same for asyncio."""

    async def execute(self, query, *args, **kwargs):
        if open_profiler() is None:
            return await super().execute(query, *args, **kwargs)
        with Operation(query, self) as operation:
            return await super().execute(with_comment(query, operation.comment),
                                         *args, **kwargs)

    async def executemany(self, query, *args, **kwargs):
        if open_profiler() is None:
            return await super().executemany(query, *args, **kwargs)
        with Operation(query, self) as operation:
            return await super().executemany(with_comment(query, operation.comment),
                                             *args, **kwargs)


def _begins(connection):
    """Returns whether a transaction() block begins a transaction here."""
    return connection.info.transaction_status == TransactionStatus.IDLE


class Connection(psycopg.Connection):
    """A connection with such cursors, whose COMMIT is an operation too."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cursor_factory = Cursor

    def commit(self):
        commit_traced(self, psycopg.Cursor(self).execute, super().commit)

    @contextmanager
    def transaction(self, savepoint_name=None, force_rollback=False):
        commits = _begins(self) and not force_rollback
        operation = None
        try:
            with super().transaction(savepoint_name, force_rollback) as transaction:
                yield transaction
                if commits:
                    operation, statements = begin_commit(self)
                    for statement in statements:
                        psycopg.Cursor(self).execute(statement)
        except BaseException as error:
            if operation is not None:
                operation.stop(error)
            raise
        if operation is not None:
            operation.stop()


class AsyncConnection(psycopg.AsyncConnection):
    """The same for asyncio."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cursor_factory = AsyncCursor

    async def commit(self):
        operation, statements = begin_commit(self)
        if operation is None:
            return await super().commit()
        with operation:
            for statement in statements:
                await psycopg.AsyncCursor(self).execute(statement)
            return await super().commit()

    @asynccontextmanager
    async def transaction(self, savepoint_name=None, force_rollback=False):
        commits = _begins(self) and not force_rollback
        operation = None
        try:
            async with super().transaction(savepoint_name, force_rollback) as transaction:
                yield transaction
                if commits:
                    operation, statements = begin_commit(self)
                    for statement in statements:
                        await psycopg.AsyncCursor(self).execute(statement)
        except BaseException as error:
            if operation is not None:
                operation.stop(error)
            raise
        if operation is not None:
            operation.stop()
