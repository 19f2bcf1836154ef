# SPDX-License-Identifier: Apache-2.0
"""An operation "db" around a statement, where nobody else records one.

OSProfiler itself records the statements of SQLAlchemy. Programs that use a driver
directly have these operations instead. Values of parameters are not recorded, and
neither is the message of an error, for it may quote them: the operation of the
server has the message, with the values left out.
"""

import logging

from osprofiler_db.error_text import clean_exception
from osprofiler_db.recorded_text import recorded
from osprofiler_db.trace_context import comment_of, open_profiler

_LOG = logging.getLogger(__name__)


def _text_of(query, cursor):
    """Returns the text of a query of any type that a driver takes."""
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    as_string = getattr(query, "as_string", None)
    return as_string(cursor) if as_string is not None else str(query)


def _error_info(error):
    """Returns the info of a stop point: class and SQLSTATE, not the message."""
    info = {"etype": type(error).__name__}
    cause = error.__cause__ or error
    sqlstate = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    if sqlstate:
        info["db"] = {"sqlstate": sqlstate}
    return info


class Operation:
    """A statement's operation. As a context manager it ends with the block.

    comment is what to append to the statement, "" if there is no profiler or no
    key. A collector that cannot be reached makes OSProfiler's start() and stop()
    raise errors, and leaves an operation open; here it does neither.
    """

    __slots__ = ("profiler", "comment", "_depth")

    def __init__(self, query, cursor=None):
        self.profiler = open_profiler()
        self.comment = ""
        if self.profiler is None:
            return
        self._depth = len(self.profiler._trace_stack)
        try:
            info = {"db": {"statement": recorded(_text_of(query, cursor))}}
            self.profiler.start("db", info=info)
            self.comment = comment_of(self.profiler)
        except Exception:
            self._give_up()

    def __enter__(self):
        return self

    def __exit__(self, etype, error, traceback):
        if error is not None:
            clean_exception(error, self.comment)
        self.stop(error)

    def stop(self, error=None):
        """Ends the operation, with the class and SQLSTATE of an error."""
        if self.profiler is None:
            return
        try:
            self.profiler.stop(info=None if error is None else _error_info(error))
        except Exception:
            self._give_up()

    def _give_up(self):
        """Forgets the operation, and leaves the profiler as it was before it."""
        _LOG.debug("an operation was not recorded", exc_info=True)
        for stack, depth in ((self.profiler._trace_stack, self._depth),
                             (self.profiler._name, self._depth - 2)):
            while len(stack) > depth:
                stack.pop()
        self.profiler = None
        self.comment = ""
