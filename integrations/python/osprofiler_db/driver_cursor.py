# SPDX-License-Identifier: Apache-2.0
"""What the traced cursors of all drivers share."""

from osprofiler_db.operation import Operation
from osprofiler_db.trace_context import open_profiler, with_comment


class TracedCursor:
    """Goes before a driver's cursor class in the list of bases."""

    def execute(self, query, *args, **kwargs):
        if open_profiler() is None:
            return super().execute(query, *args, **kwargs)
        with Operation(query, self) as operation:
            return super().execute(with_comment(query, operation.comment),
                                   *args, **kwargs)

    def executemany(self, query, *args, **kwargs):
        if open_profiler() is None:
            return super().executemany(query, *args, **kwargs)
        with Operation(query, self) as operation:
            return super().executemany(with_comment(query, operation.comment),
                                       *args, **kwargs)
