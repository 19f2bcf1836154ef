# SPDX-License-Identifier: Apache-2.0
"""The signed context of the operation that is open in OSProfiler.

osprofiler.profiler keeps its profiler in a threading.local that is made when the
module is imported. If that happened before eventlet or gevent replaced the
threading module, all green threads would share one profiler. So this module
imports nothing of osprofiler. It looks for the module among those that the
service has imported: where there is none, no profiler can be open either, and a
program without the package osprofiler goes on as if nothing were installed.
"""

import base64
import hmac
import json
import sys


def open_profiler():
    """Returns the profiler that is open in this thread, or None."""
    module = sys.modules.get("osprofiler.profiler")
    return module.get() if module is not None else None


def signed_pair(profiler):
    """Returns (trace_info, trace_hmac) of the open operation, as text.

    Both are what osprofiler.web.get_trace_id_headers makes, byte for byte. None:
    the profiler has no key to sign with.
    """
    key = profiler.hmac_key
    if not key:
        return None
    ids = {"base_id": profiler.get_base_id(), "parent_id": profiler.get_id()}
    info = base64.urlsafe_b64encode(json.dumps(ids).encode())
    if isinstance(key, str):
        key = key.encode()
    return info.decode(), hmac.new(key, info, "sha1").hexdigest()


def comment_of(profiler):
    """Returns the comment with the profiler's context, "" if it has no key.

    The comment begins a new line, because a statement may end in a "--" comment
    (oslo.db's connection_trace appends one). No character of it means anything to
    Python's ways to put parameters into a statement.
    """
    pair = signed_pair(profiler)
    if pair is None:
        return ""
    return "\n/*trace_hmac='%s',trace_info='%s'*/" % (pair[1], pair[0])


def with_comment(query, comment):
    """Returns the query with the comment behind it, in the query's own type.

    A query is text, bytes, or an object of psycopg's "sql" modules, whose + takes
    another such object.
    """
    if isinstance(query, str):
        return query + comment
    if isinstance(query, bytes):
        return query + comment.encode()
    sql = getattr(sys.modules.get(type(query).__module__), "SQL", None)
    return query + sql(comment) if sql is not None else query
