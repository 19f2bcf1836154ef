# SPDX-License-Identifier: Apache-2.0
"""The plugin of SQLAlchemy 1.4 and 2: plugin=osprofiler in an engine's address.

OpenStack services need one line for it:

    [database]
    connection_parameters = plugin=osprofiler

OSProfiler's own listeners open and close the operation "db" (before and after
cursor_execute). These here are called between them, when the cursor executes the
statement, so the context is that of "db". A listener for before_cursor_execute
could not do that: one of the Engine class is called before OSProfiler's.
"""

from sqlalchemy import event
from sqlalchemy.engine import CreateEnginePlugin

from osprofiler_db.commit import commit_traced
from osprofiler_db.error_text import clean_exception
from osprofiler_db.trace_context import comment_of, open_profiler

# Databases whose tracer reads contexts. Others are never sent one.
_DIALECTS = ("postgresql", "sqlite")


def _context_comment():
    """Returns the comment to append, "" if there is nothing to trace."""
    profiler = open_profiler()
    return comment_of(profiler) if profiler is not None else ""


def _execute(call, cursor, statement, comment, *rest):
    """Executes the statement with the comment; the listeners' result is True."""
    try:
        call(cursor, statement + comment, *rest)
    except Exception as error:
        clean_exception(error, comment)
        raise
    return True


def _listen_to_statements(engine):
    """Has each statement of the engine executed with its context."""
    dialect = engine.dialect

    def do_execute(cursor, statement, parameters, context):
        comment = _context_comment()
        return comment and _execute(dialect.do_execute, cursor, statement, comment,
                                    parameters, context)

    def do_executemany(cursor, statement, parameters, context):
        comment = _context_comment()
        return comment and _execute(dialect.do_executemany, cursor, statement,
                                    comment, parameters, context)

    def do_execute_no_params(cursor, statement, context):
        comment = _context_comment()
        return comment and _execute(dialect.do_execute_no_params, cursor, statement,
                                    comment, context)

    for listener in (do_execute, do_executemany, do_execute_no_params):
        event.listen(engine, listener.__name__, listener)


def _wrap_commit(dialect):
    """Makes COMMIT an operation; SQLAlchemy has no event around it."""
    do_commit = dialect.do_commit

    def do_commit_traced(dbapi_connection):
        if open_profiler() is None:
            return do_commit(dbapi_connection)
        # What the pool hands out, the DBAPI's connection in it, and the driver's
        # in that, which differs from it for asyncio.
        raw = getattr(dbapi_connection, "dbapi_connection", dbapi_connection)
        driver = getattr(raw, "driver_connection", raw)

        def execute(statement):
            cursor = raw.cursor()
            try:
                cursor.execute(statement)
            finally:
                cursor.close()

        return commit_traced(driver, execute, lambda: do_commit(dbapi_connection))

    dialect.do_commit = do_commit_traced


class OSProfilerPlugin(CreateEnginePlugin):
    """Gives the statements of an engine the context of OSProfiler's operation."""

    def update_url(self, url):
        return url

    def engine_created(self, engine):
        if engine.dialect.name not in _DIALECTS:
            return
        _listen_to_statements(engine)
        if engine.dialect.name == "postgresql":
            _wrap_commit(engine.dialect)
