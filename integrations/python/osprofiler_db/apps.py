# SPDX-License-Identifier: Apache-2.0
"""The Django application: INSTALLED_APPS = [..., "osprofiler_db"].

Statements of Django are operations then, in whatever thread a profiler is open.
OSProfiler's own WSGI middleware opens one for each request with a signed context:

    application = osprofiler.web.WsgiMiddleware(get_wsgi_application(),
                                                hmac_keys=KEYS, enabled=True)
"""

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from osprofiler_db.commit import commit_traced
from osprofiler_db.operation import Operation
from osprofiler_db.trace_context import open_profiler, with_comment

# Databases whose tracer reads contexts, as Django names them.
_VENDORS = ("postgresql", "sqlite")


def execute_traced(execute, sql, params, many, context):
    """Executes a statement as an operation: a wrapper for execute_wrapper()."""
    if open_profiler() is None:
        return execute(sql, params, many, context)
    cursor = context["cursor"].cursor
    with Operation(sql, cursor) as operation:
        return execute(with_comment(sql, operation.comment), params, many, context)


def _wrap_commit(wrapper):
    """Makes COMMIT of a Django connection an operation."""
    commit = wrapper._commit

    def execute(statement):
        with wrapper.connection.cursor() as cursor:
            cursor.execute(statement)

    wrapper._commit = lambda: commit_traced(wrapper.connection, execute, commit)


def trace_connection(sender, connection, **kwargs):
    """Traces a connection; Django calls this each time that it has connected."""
    if connection.vendor not in _VENDORS or \
            execute_traced in connection.execute_wrappers:
        return
    connection.execute_wrappers.append(execute_traced)
    if connection.vendor == "postgresql":
        _wrap_commit(connection)


class OSProfilerConfig(AppConfig):
    """Traces the connections of all databases of a project."""

    name = "osprofiler_db"
    verbose_name = "OSProfiler for databases"

    def ready(self):
        connection_created.connect(trace_connection)
