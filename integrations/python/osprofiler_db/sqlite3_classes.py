# SPDX-License-Identifier: Apache-2.0
"""Traced connections and cursors of sqlite3.

    connection = sqlite3.connect(path, factory=Connection)

The tracer of SQLite has to be in the process: osprofiler's preload library, or
its extension by load_extension(). With OSPROFILER_HMAC_KEYS in the environment it
accepts the contexts. It records what sqlite3 does by itself as well, such as BEGIN
and COMMIT, below the context of the environment.
"""

import sqlite3

from osprofiler_db.driver_cursor import TracedCursor


class Cursor(TracedCursor, sqlite3.Cursor):
    """A cursor whose statements are operations of the open trace."""


class Connection(sqlite3.Connection):
    """A connection with such cursors; its own execute() makes one."""

    def cursor(self, factory=Cursor):
        return super().cursor(factory)

    def execute(self, *args):
        return self.cursor().execute(*args)

    def executemany(self, *args):
        return self.cursor().executemany(*args)
