# SPDX-License-Identifier: Apache-2.0
"""COMMIT as an operation of its own, with its context in the server.

A driver sends COMMIT by itself, so there is no text to append a comment to. The
context is set for the rest of the transaction instead: SET LOCAL cannot fail in
a transaction that has not failed, needs no rights, is forgotten when the
transaction ends, and does not outlive it behind a pooler either.
"""

from osprofiler_db.operation import Operation
from osprofiler_db.trace_context import open_profiler, signed_pair

# The value of libpq's PQTRANS_INTRANS, which psycopg2 and psycopg 3 both report.
_IN_TRANSACTION = 2

# The value of psycopg2.extensions.STATUS_BEGIN.
_BEGUN_BY_PSYCOPG2 = 2

# Each is sent alone, for a driver may prepare it, and then it must be one statement.
_SET = ("SET LOCAL osprofiler.trace_hmac = '%s'", "SET LOCAL osprofiler.trace_info = '%s'")


def is_committable(connection):
    """Returns whether commit() of a psycopg connection will send a COMMIT.

    It will not where there is no transaction; nor does psycopg2 where it has not
    begun the transaction itself, but the program, in autocommit mode.
    """
    status = getattr(getattr(connection, "info", None), "transaction_status", None)
    begun = getattr(connection, "status", _BEGUN_BY_PSYCOPG2)
    return status == _IN_TRANSACTION and begun == _BEGUN_BY_PSYCOPG2


def begin_commit(connection):
    """Returns (operation, statements) for a COMMIT of a psycopg connection.

    The operation is None if there is nothing to trace. The statements are to be
    executed before the COMMIT.
    """
    if open_profiler() is None or not is_committable(connection):
        return None, ()
    operation = Operation("COMMIT")
    if operation.profiler is None:
        return None, ()
    pair = signed_pair(operation.profiler)
    if pair is None:
        return operation, ()
    return operation, (_SET[0] % pair[1], _SET[1] % pair[0])


def commit_traced(connection, execute, commit):
    """Calls commit(), as an operation. execute() executes a statement before it."""
    operation, statements = begin_commit(connection)
    if operation is None:
        return commit()
    with operation:
        for statement in statements:
            execute(statement)
        return commit()
