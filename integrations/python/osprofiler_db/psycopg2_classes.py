# SPDX-License-Identifier: Apache-2.0
"""Traced connections and cursors of psycopg2.

    connection = psycopg2.connect(dsn, connection_factory=Connection)

A program with a cursor class of its own puts TracedCursor in front of it:

    class MyCursor(TracedCursor, psycopg2.extras.DictCursor): ...

Named cursors fetch by statements that psycopg2 makes itself; these hang below the
operation that declared the cursor, or nowhere if there is a commit between.
"""

from psycopg2 import extensions

from osprofiler_db.commit import commit_traced
from osprofiler_db.driver_cursor import TracedCursor


class Cursor(TracedCursor, extensions.cursor):
    """A cursor whose statements are operations of the open trace."""


class Connection(extensions.connection):
    """A connection with such cursors, whose COMMIT is an operation too."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.cursor_factory = Cursor

    def commit(self):
        commit_traced(self, self._execute_plainly, super().commit)

    def _execute_plainly(self, statement):
        with self.cursor(cursor_factory=extensions.cursor) as cursor:
            cursor.execute(statement)
